"""Judges are asked: one question an answer, or two for a comparison; what is no clear word is set apart, never a score."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from interlock.core.asked_model import AskedModel
from interlock.core.broken import BrokenRun
from interlock.core.judges import Judge
from interlock.core.rubric import MAX_SHOWN, Exhibit, Marks, questions, together
from interlock.core.score import Absent, Broken
from interlock.patience import MAX_RUN_WAIT_S, MAX_WAIT_S, Caller, Patience
from interlock.ports import LiveChat
from interlock.services.calls import RecordedChat
from interlock.services.gathered import gathered

FINAL = frozenset({Broken.CAP, Broken.DRIFT})
"""Kinds after which a judge is asked nothing more: the rest would end alike, and be paid for."""


@dataclass(frozen=True, slots=True)
class Apart:
    """Why a judge said nothing that counts: `error` (another shape), `undecided`, or `missing` (it could not be asked)."""

    state: Absent
    why: str
    broken: Broken | None = None


@dataclass(frozen=True, slots=True)
class Said:
    """What a judge said of one answer, and what that took now. cost_usd: US dollars, 0 for what was recorded before."""

    word: Marks | Apart
    calls: int = 0
    cost_usd: float = 0.0


class PinnedChat:
    """A live chat of which only answers of the pinned model come back: what another model says is not kept as a recording."""

    def __init__(self, live: LiveChat, model: AskedModel) -> None:
        self._live, self._model = live, model

    async def __call__(self, request: Mapping[str, Any], *, key: str = "") -> Mapping[str, Any]:
        """One completion. Raises: BrokenRun, also where another model answered."""
        response = await self._live(request, key=key)
        same_model(response, self._model)
        return response

    async def close(self) -> None:
        """Close the connections."""
        await self._live.close()


def same_model(response: Mapping[str, Any], model: AskedModel) -> None:
    """Refuse a completion of another model. Raises: BrokenRun: its judgement is nobody's."""
    if fault := model.differs(response):
        raise BrokenRun(
            Broken.DRIFT, fault, retry=False, hint="pin the model that answers, and label and calibrate anew"
        )


def call_fingerprint(judge: Judge) -> str:
    """What a recorded call of a judge is named by: the model, and the way in which it is asked."""
    return f"judge:{judge.spec.model.pin}:{judge.asks}"


class Bailiff:
    """Asks one judge about many answers.

    Args:
        judge: with an endpoint.
        chat: records, replays, and keeps to cap and limiter.
        at_once: questions under way at most.
        ends: time of the event loop after which no question is begun; None for no end.
    """

    def __init__(self, judge: Judge, chat: RecordedChat, *, at_once: int, ends: float | None = None) -> None:
        if judge.spec.endpoint is None or judge.criteria is None:
            raise ValueError(f"judge `{judge.spec.name}` has no endpoint")
        self._judge, self._rubric, self._endpoint = judge, judge.criteria, judge.spec.endpoint
        self._chat, self._door, self._ends = chat, asyncio.Semaphore(at_once), ends
        self._patience = Patience(MAX_RUN_WAIT_S)
        self._stopped: Apart | None = None

    async def all(self, work: Sequence[tuple[Exhibit, str]]) -> list[Said]:
        """What it says of each (exhibit, seed), in their order."""
        return await gathered(self.ask(exhibit, seed) for exhibit, seed in work)

    async def ask(self, exhibit: Exhibit, seed: str) -> Said:
        """What it says of one answer. Everything that goes wrong with the judge is in the result.

        Args:
            seed: what every order is drawn from, such as the key of the trial.
        Raises: ValueError where the rubric needs a reference that is not there.
        """
        if (size := exhibit.seen(self._rubric).size) > MAX_SHOWN:
            return Said(Apart(Absent.MISSING, f"{size:,} characters are more than a judge is shown ({MAX_SHOWN:,})"))
        asked = questions(self._rubric, self._judge.instructions, exhibit, self._judge.spec.model, self._endpoint, seed)
        marks: list[Marks] = []
        calls, cost = 0, 0.0
        async with self._door:
            for question in asked:
                if self._ends is not None and asyncio.get_running_loop().time() >= self._ends:
                    self._stopped = self._stopped or Apart(Absent.MISSING, Broken.DEADLINE.value, Broken.DEADLINE)
                if self._stopped is not None:
                    return Said(self._stopped, calls, cost)
                try:
                    by = Caller(Patience(MAX_WAIT_S, of=self._patience))
                    answered = await self._chat.ask(question.request, index=0, repeat=0, caller=by)
                    same_model(answered.response, self._judge.spec.model)
                except BrokenRun as error:
                    why = f"{error.broken.value}: {error.detail}" if error.detail else error.broken.value
                    apart = Apart(Absent.MISSING, why[:300], error.broken)
                    if error.broken in FINAL:
                        self._stopped = self._stopped or apart
                    return Said(apart, calls, cost)
                calls += 1
                cost += answered.paid_usd
                read = question.read(answered.response)
                if isinstance(read, str):
                    return Said(Apart(Absent.ERROR, read), calls, cost)
                marks.append(read)
        word = together(self._rubric, marks)
        return Said(word or Apart(Absent.UNDECIDED, "it prefers another answer in another order"), calls, cost)
