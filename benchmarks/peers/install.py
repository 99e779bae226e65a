"""Throw-away environments for the peers: one folder each, kept only where `INTERLOCK_BENCH_PEERS` names a place."""

import json
import os
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.process import PYTHON, Took, run

INSTALL_S = 1_800.0
QUIET = {
    "PROMPTFOO_DISABLE_TELEMETRY": "1", "PROMPTFOO_DISABLE_UPDATE": "1", "PROMPTFOO_DISABLE_REMOTE_GENERATION": "true",
    "DEEPEVAL_TELEMETRY_OPT_OUT": "YES", "ERROR_REPORTING": "NO", "DEEPEVAL_DISABLE_DOTENV": "1", "NO_COLOR": "1",
}  # fmt: skip
"""What keeps the peers from calling home: none of them needs to, to compare 2,000 strings."""


class NotThere(Exception):
    """A peer could not be installed, or not run; the figure is left out and the reason is shown."""


@dataclass(frozen=True, slots=True)
class Peer:
    """One other tool.

    install: puts it into a folder. ask: one whole process that asks all rows, keeps each result, and counts them.
    """

    name: str
    setting: str
    install: Callable[[Path], None]
    ask: Callable[[Path, Path, Path, int], Took]


def _pip(*packages: str) -> Callable[[Path], None]:
    def install(home: Path) -> None:
        _do([PYTHON, "-m", "venv", str(home)])
        _do([str(home / "bin/python"), "-m", "pip", "install", "-q", *packages])

    return install


def _npm(home: Path) -> None:
    # promptfoo asks for a newer Node than many machines have, so one comes along.
    home.mkdir(parents=True, exist_ok=True)
    _do(["npm", "install", "--no-audit", "--no-fund", "--prefix", str(home), "promptfoo@0.123.1", "node@24"])


def _do(words: Sequence[str]) -> None:
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=INSTALL_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotThere(f"`{words[0]}` did not install it: {error}") from error
    if done.returncode:
        raise NotThere(f"`{' '.join(words[:4])} …` ended with {done.returncode}: {done.stderr.strip()[-300:]}")


def _script(name: str) -> Callable[[Path, Path, Path, int], Took]:
    def ask(home: Path, rows: Path, kept: Path, count: int) -> Took:
        script = Path(__file__).parent / name
        return run([home / "bin/python", script, rows, kept, str(count)], folder=kept.parent, env=_env(kept))

    return ask


def _promptfoo(home: Path, rows: Path, kept: Path, count: int) -> Took:
    node, out = home / "node_modules/node/bin/node", kept.with_suffix(".json")
    main = home / "node_modules/promptfoo/dist/src/entrypoint.js"
    took = run(
        [node, main, "eval", "-c", rows.parent / "promptfooconfig.json", "-j", "20", "--no-cache", "--no-table",
         "--no-progress-bar", "-o", out],
        folder=rows.parent, env=_env(kept),
    )  # fmt: skip
    passed = json.loads(out.read_text("utf-8"))["results"]["stats"]["successes"]
    if passed != count:
        raise NotThere(f"{passed} of {count} passed")
    return took


def _env(kept: Path) -> dict[str, str]:
    home = kept.parent / "home"
    home.mkdir(exist_ok=True)
    return {**QUIET, "HOME": str(home)}


PEERS = (
    Peer("promptfoo", "-j 20, results in its database and a file", _npm, _promptfoo),
    Peer("inspect_ai", "25 at once, every sample logged", _pip("inspect-ai==0.3.285", "openai"), _script("inspect_run.py")),
    Peer("DeepEval", "200 at once, its cache off", _pip("deepeval==4.3.1"), _script("deepeval_run.py")),
)  # fmt: skip


def installed(peer: Peer, below: Path) -> Path:
    """The folder that a peer is installed in. Raises NotThere."""
    kept = os.environ.get("INTERLOCK_BENCH_PEERS")
    home = (Path(kept) if kept else below) / peer.name.lower()
    if not (home / "installed").exists():
        peer.install(home)
        (home / "installed").write_text("")
    return home
