"""What every peer is asked: the cases of the invented boat desk, and its app in Python and in JavaScript."""

import json
from pathlib import Path

from benchmarks.feature import JETTIES, write_feature

APP = '''"""The boat desk, without anything around it."""

HOURS = {hours}


async def answer(asked):
    if "hurt" in asked:
        return "A lifeguard is on the way."
    for jetty, hour in HOURS.items():
        if jetty in asked:
            return f"{{jetty}} jetty opens at {{hour}}:00."
    return "The published hours do not say."
'''
PROVIDER = """class Desk {
  id() { return 'desk'; }
  async callApi(prompt) {
    if (prompt.includes('hurt')) return { output: 'A lifeguard is on the way.' };
    for (const [jetty, hour] of Object.entries(HOURS)) {
      if (prompt.includes(jetty)) return { output: `${jetty} jetty opens at ${hour}:00.` };
    }
    return { output: 'The published hours do not say.' };
  }
}
const HOURS = %s;
module.exports = Desk;
"""


def write_rows(folder: Path, cases: int) -> Path:
    """Write `rows.jsonl`, `app.py`, `provider.cjs` and `promptfooconfig.json`. Returns: the rows."""
    feature = write_feature(folder / "feature", cases=cases)
    hours = {jetty: 7 + at for at, jetty in enumerate(JETTIES)}
    rows = []
    for path in sorted(feature.glob("evals/cases/*.jsonl")):
        for line in path.read_text("utf-8").splitlines():
            asked = json.loads(line)["input"]
            rows.append({"input": asked, "expected": _expected(asked, hours)})
    (folder / "app.py").write_text(APP.format(hours=hours), "utf-8")
    (folder / "provider.cjs").write_text(PROVIDER % json.dumps(hours), "utf-8")
    tests = [
        {"vars": {"asked": row["input"]}, "assert": [{"type": "equals", "value": row["expected"]}]} for row in rows
    ]
    config = {"prompts": ["{{asked}}"], "providers": ["file://provider.cjs"], "tests": tests}
    (folder / "promptfooconfig.json").write_text(json.dumps(config), "utf-8")
    written = folder / "rows.jsonl"
    written.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return written


def _expected(asked: str, hours: dict[str, int]) -> str:
    if "hurt" in asked:
        return "A lifeguard is on the way."
    found = next((jetty for jetty in hours if jetty in asked), None)
    return f"{found} jetty opens at {hours[found]}:00." if found else "The published hours do not say."
