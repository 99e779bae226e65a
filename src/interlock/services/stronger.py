"""Stronger scorers of evidence: a model behind an endpoint, or a model of inference on this machine, with the exact checks beside.

Both are asked claim by claim, within a time for the whole answer. What cannot be asked, or says something else, raises: whoever
weighs an answer by it then has no evidence.
"""

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from typing import Any, TypeVar
from weakref import finalize

from interlock.core.answer import EndpointScorer, OnnxScorer
from interlock.core.broken import BrokenRun
from interlock.core.entailment import Stance, Word, borne, claim_request, read_word
from interlock.core.errors import TooLarge
from interlock.core.rubric import MAX_SHOWN
from interlock.core.score import Broken
from interlock.core.support import Passage, Sources, Support, score_answer
from interlock.core.words import sentences
from interlock.patience import Caller, Patience
from interlock.ports import Inference, LiveChat
from interlock.services.gathered import gathered
from interlock.services.judge_asking import PinnedChat, same_model
from interlock.services.limiter import Limiter

T = TypeVar("T")
Ask = Callable[[Mapping[str, Any]], Awaitable[Mapping[str, Any]]]
"""How a completion is had: live, or recorded, capped and replayed."""
WINDOW = 1_000
"""Characters of a passage that a model of inference reads at once; windows overlap by a sentence."""
AT_ONCE = 8
"""Claims of one answer that an endpoint is asked about at once."""


class Aside:
    """An event loop in a daemon thread, for whoever has to wait for a coroutine and may be inside another loop."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._door = threading.Lock()

    def run(self, work: Coroutine[Any, Any, T], *, within_s: float) -> T:
        """What the coroutine gives. Raises: what it raises; BrokenRun (`timeout`) when it takes longer."""
        with self._door:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._loop.run_forever, daemon=True, name="interlock-evidence")
                self._thread.start()

        async def bounded() -> T:
            try:
                async with asyncio.timeout(within_s):
                    return await work
            except TimeoutError as error:
                raise BrokenRun(Broken.TIMEOUT, f"no word on the answer within {within_s:g} s") from error

        return asyncio.run_coroutine_threadsafe(bounded(), self._loop).result()

    def close(self, last: Coroutine[Any, Any, None] | None = None) -> None:
        """Stop the loop, after a last piece of work."""
        with self._door:
            loop, self._loop = self._loop, None
        if loop is None:
            if last is not None:
                last.close()
            return
        done = None if last is None else asyncio.run_coroutine_threadsafe(last, loop)
        if done is not None and threading.current_thread() is not self._thread:
            with contextlib.suppress(TimeoutError):
                done.result(2)
        loop.call_soon_threadsafe(loop.stop)


def _shut(aside: Aside, live: LiveChat) -> None:
    aside.close(live.close())


class EndpointSupport:
    """Fills `SupportScorer`: a pinned model behind an endpoint says of each claim whether the sources entail it.

    Args:
        spec: which model, where, and within which time.
        ask: how a completion is had; None asks `live` itself, paced, with a second try where the transport broke.
        live: the endpoint. Closed with the scorer.
    """

    def __init__(self, spec: EndpointScorer, *, ask: Ask | None = None, live: LiveChat | None = None) -> None:
        if (ask is None) == (live is None):
            raise ValueError("a scorer of evidence is given exactly one way to ask")
        self.name = spec.pin
        self._spec, self._live = spec, live
        self._ask = ask or self._direct
        self._aside, self._limiter = Aside(), Limiter(most=AT_ONCE)
        if live is not None:  # an app has its scorer for as long as it runs: what it opened is closed with it
            finalize(self, _shut, self._aside, live)

    def support(self, answer: str, passages: Sequence[Passage], *, question: str = "") -> Support:
        """The claims of an answer with the model's word on each, and the exact findings.

        Raises: TooLarge for more claims or text than may be asked about; BrokenRun when the model could not be asked within the time,
            another one answered, or its reply has another shape.
        """
        exact = score_answer(answer, Sources(passages), question=question)
        claims = _claims(exact, answer, passages, self._spec.max_claims)
        if not claims:
            return exact
        work = self._words(claims, passages, question)
        return borne(answer, exact, self._aside.run(work, within_s=self._spec.deadline_s))

    def close(self, *more: LiveChat) -> None:
        """Close the connections, and those of the chats through which it was asked."""

        async def all_of_them() -> None:
            for chat in (*more, *([] if self._live is None else [self._live])):
                await chat.close()

        self._aside.close(all_of_them())

    async def _words(self, claims: Sequence[str], passages: Sequence[Passage], question: str) -> list[Word]:
        door = asyncio.Semaphore(AT_ONCE)

        async def one(claim: str) -> Word:
            request = claim_request(claim, passages, question, self._spec.model, self._spec.endpoint)
            async with door:
                response = await self._ask(request)
            same_model(response, self._spec.model)
            word = read_word(response)
            if isinstance(word, str):
                raise BrokenRun(Broken.PROTOCOL, word, retry=False)
            return word

        return await gathered(one(claim) for claim in claims)

    async def _direct(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        assert self._live is not None  # one of the two ways is given
        live = PinnedChat(self._live, self._spec.model)
        by = Caller(Patience(self._spec.deadline_s))
        return await self._limiter.ask(lambda: live(request), caller=by, attempts=2)


class InferenceSupport:
    """Fills `SupportScorer`: a cross-encoder on this machine reads each claim against windows of the passages.

    A claim is as well borne as its best window bears it; it is contradicted where a window contradicts it more surely than any bears it.
    """

    def __init__(self, spec: OnnxScorer, model: Inference) -> None:
        self.name = spec.pin
        self._spec, self._model = spec, model

    def support(self, answer: str, passages: Sequence[Passage], *, question: str = "") -> Support:
        """The claims of an answer with the model's word on each, and the exact findings. Raises: TooLarge; BrokenRun."""
        exact = score_answer(answer, Sources(passages), question=question)
        claims = _claims(exact, answer, passages, self._spec.max_claims)
        if not claims:
            return exact
        windows = [(passage.id, text) for passage in passages for text in windows_of(passage.text)]
        pairs = [(text, claim) for claim in claims for _, text in windows]
        chances = self._model.chances(pairs, within_s=self._spec.deadline_s)
        words = []
        for at in range(len(claims)):
            own = chances[at * len(windows) : (at + 1) * len(windows)]
            words.append(_word(windows, own))
        return borne(answer, exact, words)


def _claims(exact: Support, answer: str, passages: Sequence[Passage], most: int) -> list[str]:
    """The texts of the claims, none where there is nothing to ask about."""
    if not passages:
        return []
    if len(exact.claims) > most:
        raise TooLarge(f"the answer has {len(exact.claims)} claims", hint=f"at most {most} are asked about")
    size = sum(len(passage.text) for passage in passages)
    if size > MAX_SHOWN:
        raise TooLarge(f"the passages have {size:,} characters", hint=f"at most {MAX_SHOWN:,} are shown to a model")
    return [answer[claim.start : claim.end] for claim in exact.claims]


def _word(windows: Sequence[tuple[str, str]], chances: Sequence[Mapping[Stance, float]]) -> Word:
    best = max(range(len(windows)), key=lambda at: chances[at][Stance.ENTAILED])
    worst = max(range(len(windows)), key=lambda at: chances[at][Stance.CONTRADICTED])
    bears, denies = chances[best][Stance.ENTAILED], chances[worst][Stance.CONTRADICTED]
    if denies > bears:
        return Word(Stance.CONTRADICTED, min(bears, 1.0 - denies), f"contradicted with {denies:.2f}", windows[worst][0])
    if bears >= 0.5:
        return Word(Stance.ENTAILED, bears, f"entailed with {bears:.2f}", windows[best][0])
    return Word(Stance.NOT_STATED, bears, f"entailed with {bears:.2f}", windows[best][0])


def windows_of(text: str, size: int = WINDOW) -> Iterator[str]:
    """A text in windows of whole sentences, each beginning with the last sentence of the one before; a longer sentence stands alone."""
    places = list(sentences(text)) or [(0, len(text))]
    first = 0
    while first < len(places):
        last = first
        while last + 1 < len(places) and places[last + 1][1] - places[first][0] <= size:
            last += 1
        yield text[places[first][0] : places[last][1]]
        if last + 1 >= len(places):
            return
        first = last if last > first else last + 1
