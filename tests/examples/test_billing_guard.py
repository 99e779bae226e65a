"""The guard on the billing example: its demo ends as it says."""

import os
import subprocess
import sys
from pathlib import Path

DEMO = Path(__file__).parents[2] / "examples" / "billing-support" / "demo" / "guard.py"


def test_the_demo_shows_a_limit_a_planted_number_and_a_crash(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, DEMO], capture_output=True, text=True, check=False, env=dict(os.environ), cwd=tmp_path
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "invoice_id    FH261100003    system, from list_invoices (invoices.invoice_id)" in done.stdout
    assert "third_party, from search_articles" in done.stdout
    assert "1 refund at the provider, 1 unknown outcome" in done.stdout
