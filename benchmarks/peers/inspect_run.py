"""inspect_ai: `python inspect_run.py ROWS LOGS COUNT`. The app as a solver, exact match, every sample logged."""

import json
import sys
from pathlib import Path

from inspect_ai import Task
from inspect_ai import eval as run_eval
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import ModelOutput
from inspect_ai.scorer import exact
from inspect_ai.solver import Generate, TaskState, solver

ROWS, LOGS, COUNT = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
sys.path.insert(0, str(ROWS.parent))
import app  # noqa: E402


@solver
def asks():
    """Answers with the app, which needs no model."""

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        state.output = ModelOutput.from_content("app", await app.answer(state.input_text))
        state.completed = True
        return state

    return solve


rows = [json.loads(line) for line in ROWS.read_text("utf-8").splitlines()]
samples = [Sample(id=at + 1, input=row["input"], target=row["expected"]) for at, row in enumerate(rows)]
(log,) = run_eval(
    Task(dataset=MemoryDataset(samples), solver=asks(), scorer=exact()),
    model="mockllm/model", log_dir=LOGS, display="none", max_samples=25, log_buffer=2_000, log_realtime=False,
    score_display=False,
)  # fmt: skip
passed = sum(score.value == "C" for sample in log.samples or () for score in (sample.scores or {}).values())
sys.exit(0 if (log.status, passed) == ("success", COUNT) else f"{log.status}: {passed} of {COUNT} passed: {log.error}")
