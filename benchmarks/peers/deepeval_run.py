"""DeepEval: `python deepeval_run.py ROWS KEPT COUNT`. The app is asked first, its metric after, every result written."""

import asyncio
import json
import sys
from pathlib import Path

from deepeval import evaluate
from deepeval.evaluate.configs import AsyncConfig, CacheConfig, DisplayConfig
from deepeval.metrics import ExactMatchMetric
from deepeval.test_case import LLMTestCase

ROWS, KEPT, COUNT = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
sys.path.insert(0, str(ROWS.parent))
import app  # noqa: E402

rows = [json.loads(line) for line in ROWS.read_text("utf-8").splitlines()]


async def asked() -> list[LLMTestCase]:
    """Each row with the answer of the app."""
    return [
        LLMTestCase(input=row["input"], actual_output=await app.answer(row["input"]), expected_output=row["expected"])
        for row in rows
    ]


result = evaluate(
    asyncio.run(asked()),
    [ExactMatchMetric()],
    async_config=AsyncConfig(max_concurrent=200),
    cache_config=CacheConfig(write_cache=False),  # its default rewrites the whole cache for each case
    display_config=DisplayConfig(show_indicator=False, print_results=False),
)
with KEPT.open("w", encoding="utf-8") as file:
    for test in result.test_results:
        file.write(json.dumps({"input": test.input, "output": test.actual_output, "passed": test.success}) + "\n")
passed = sum(bool(test.success) for test in result.test_results)
sys.exit(0 if passed == COUNT else f"{passed} of {COUNT} passed")
