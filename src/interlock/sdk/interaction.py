"""The answer policy inside an app: what an assistant may say in one interaction, by the same code as in an eval."""

import logging
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from interlock.core.answer import AnswerPolicy
from interlock.core.delivery import (
    LAST_WORDS,
    Abstained,
    AnswerJudge,
    Code,
    Delivered,
    Escalated,
    Finding,
    Judged,
    Occasion,
    Weigh,
    Weighed,
)  # fmt: skip
from interlock.core.guard_probe import GuardProbe, SimulatedOutage, read_probe
from interlock.core.handoff import Packet, evidence_rows, judged_to_json
from interlock.core.retrieved import Source
from interlock.core.stream import SentenceBuffer
from interlock.sdk.proposal import read_proposal, read_sources

if TYPE_CHECKING:
    from interlock.core.binding import Strict

_LOG = logging.getLogger("interlock.answers")
_Format = TypeVar("_Format", bound="Strict")


@dataclass
class Answers:
    """The answer policy of one bundle.

    Args:
        judge: the policy, ready to judge.
        feature, bundle: names for handoffs and traces.
        within_s: by queue, the seconds in which a handoff should be acknowledged; `*` for every other queue.
        check_shape: says why a structured answer is not of the bundle's output schema; empty where it is.
    """

    judge: AnswerJudge
    feature: str = ""
    bundle: str = ""
    within_s: Mapping[str, int] = field(default_factory=dict)
    check_shape: Callable[[Any], str] | None = None

    @classmethod
    def load(cls, manifest: str | Path = "interlock.yaml") -> "Answers":
        """The policy of the bundle that a manifest describes. Raises every error of strict loading."""
        from interlock.services.answering import answer_judge, handoff_seconds, shape_fault
        from interlock.settings import read_settings
        from interlock.wiring import read_feature

        path = Path(manifest)
        settings = read_settings(path if path.is_dir() else path.parent)
        _, loaded, _ = read_feature(settings)
        return cls(
            answer_judge(loaded, _weigh_of(loaded.answers, settings.root)), loaded.release.feature, loaded.bundle.digest,
            handoff_seconds(loaded.operations), shape_fault(loaded.output_schema),
        )  # fmt: skip

    @classmethod
    def from_parts(
        cls,
        *,
        answers: str | Path,
        glossary: str | Path | None = None,
        schema: str | Path | None = None,
        operations: str | Path | None = None,
        feature: str = "",
        bundle: str = "",
        on_fault: Literal["abstain", "escalate"] = "abstain",
    ) -> "Answers":
        """The policy out of its files, for an app that is given a bundle's files and no manifest.

        Args:
            answers: the answer policy. glossary: for the words that say an action is done.
            schema: the output schema that a structured answer is held to.
            operations: for what happens to an unreadable output, instead of `on_fault`, and the times of the queues.
        Raises: every error of strict loading; OSError.
        """
        from interlock.core.commitment import done_phrases
        from interlock.core.glossary import Glossary
        from interlock.core.json_text import parse_json
        from interlock.core.operations import Operations
        from interlock.services.answering import handoff_seconds, shape_fault

        words = {} if glossary is None else done_phrases(_read(Glossary, glossary))
        running = None if operations is None else _read(Operations, operations)
        shape = None
        if schema is not None:
            document = parse_json(Path(schema).read_text("utf-8"), Path(schema).name)
            shape = shape_fault(document.value)
        policy = _read(AnswerPolicy, answers)
        judge = AnswerJudge(
            policy, words, _weigh_of(policy, Path(answers).parent),
            on_fault=on_fault if running is None else running.on_parse_failure,
        )  # fmt: skip
        return cls(judge, feature, bundle, {} if running is None else handoff_seconds(running), shape)

    @contextmanager
    def interaction(
        self,
        *,
        tenant: str | None = None,
        roles: Iterable[str] = (),
        lang: str = "en",
        slice: str = "",
        intent: str | None = None,
        on: date | None = None,
        probe: object = None,
    ) -> Iterator["Interaction"]:
        """One conversation of one person; tenant and roles are those of the authenticated session.

        `probe` is `context.get("interlock_probe")` of the request: so a check can see that this policy is really in the
        path of every answer (SAFE-05, DOM-03). It can only take an answer away.
        """
        occasion = Occasion(
            "", lang=lang, slice=slice, intent=intent, tenant=tenant, roles=frozenset(roles),
            on=on or datetime.now(UTC).date(),
        )  # fmt: skip
        yield Interaction(self, occasion, probe=read_probe(probe))


def _read(format: type[_Format], path: str | Path) -> _Format:
    from interlock.core.binding import bind
    from interlock.core.yaml_text import parse_yaml

    return bind(format, parse_yaml(Path(path).read_text("utf-8"), Path(path).name))


def _weigh_of(policy: AnswerPolicy, root: Path) -> Weigh:
    """How a policy weighs evidence: by the scorer that it declares, else by the embedded one."""
    from interlock.services.weighing import weigh_lexically, weigh_with

    if policy.evidence.scorer is None:
        return weigh_lexically
    from interlock.wiring import open_support

    return weigh_with(open_support(policy.evidence.scorer, root))


@dataclass
class Interaction:
    """One conversation: what was asked, what was judged, and how often in a row the evidence was too weak.

    INVARIANT: an exception never delivers. Whatever fails here, the person reads that the answer is not known.
    """

    answers: Answers
    occasion: Occasion
    turns: list[tuple[str, str]] = field(default_factory=list)
    judged: list[Judged] = field(default_factory=list)
    probe: GuardProbe | None = None

    def heard(self, text: str, *, intent: str | None = None, slice: str | None = None, lang: str | None = None) -> None:
        """The person's words; what the app recognised in them replaces what it knew before."""
        asked = f"{self.occasion.asked}\n{text}".strip()
        self.occasion = replace(
            self.occasion,
            asked=asked,
            intent=intent or self.occasion.intent,
            slice=self.occasion.slice if slice is None else slice,
            lang=lang or self.occasion.lang,
        )
        self.turns.append(("person", text))

    def did(self, action: str) -> None:
        """The effect ledger holds this action as completed."""
        self.occasion = replace(
            self.occasion, done=self.occasion.done | {action}, unknown=self.occasion.unknown - {action}
        )

    def lost(self, action: str) -> None:
        """Nobody knows whether this action happened."""
        self.occasion = replace(self.occasion, unknown=self.occasion.unknown | {action})

    def answer(self, given: str | Mapping[str, Any], *, sources: Sequence[Source | Mapping[str, Any]] = ()) -> Judged:
        """Judge an answer before anybody reads it.

        Args:
            given: text, or the object of the output schema (see `read_proposal`).
            sources: what was retrieved for this very question.
        Returns: Delivered | Clarified | Abstained | Escalated; `text` is what the person reads.
        """
        try:
            given = self.probed(given)
            proposal = read_proposal(given)
            if self.answers.check_shape is not None and not isinstance(given, str) and not proposal.fault:
                proposal = replace(proposal, fault=self.answers.check_shape(given))
            judged = self.answers.judge.judge(proposal, read_sources(sources), self.occasion)
        except Exception as error:  # noqa: BLE001  whatever fails, nothing is delivered
            judged = self.undecided(error)
        return self.noted(judged)

    def unreadable(self, why: str) -> Judged:
        """The model's output could not be read: what the policy says then, and never an answer.

        A rule that the question calls for comes first; else `on_parse_failure` of the operations decides.
        """
        judge = self.answers.judge
        try:
            escalates = "shape" if judge.on_fault == "escalate" else ""
            judged = judge.instead(self.occasion, (Finding(Code.SHAPE, why[:300]),), escalates=escalates)
        except Exception as error:  # noqa: BLE001  whatever fails, nothing is delivered
            judged = self.undecided(error)
        return self.noted(judged)

    def stream(self, chunks: Iterable[str], *, sources: Sequence[Source | Mapping[str, Any]] = ()) -> Iterator[str]:
        """The stream, sentence by sentence, each judged before it leaves; the last verdict is in `judged`.

        The first sentence that does not hold ends it: the person reads the policy's words next. A question that a rule
        hands over is never begun, and a stream that breaks off ends with the policy's words as well.
        """
        judging = _Stream(self, sources)
        try:
            for chunk in chunks if not judging.over() else ():
                yield from judging.feed(chunk)
                if judging.over():
                    break
        except Exception as error:  # noqa: BLE001  whatever fails, nothing more is delivered
            judging.fail(error)
        yield from judging.end()

    async def astream(
        self, chunks: AsyncIterable[str], *, sources: Sequence[Source | Mapping[str, Any]] = ()
    ) -> AsyncIterator[str]:
        """`stream` for an asynchronous one."""
        judging = _Stream(self, sources)
        try:
            if not judging.over():
                async for chunk in chunks:
                    for piece in judging.feed(chunk):
                        yield piece
                    if judging.over():
                        break
        except Exception as error:  # noqa: BLE001  whatever fails, nothing more is delivered
            judging.fail(error)
        for piece in judging.end():
            yield piece

    def handoff(self, escalated: Escalated, *, next_step: str = "", at: datetime | None = None) -> Packet:
        """What the person gets who takes over: conversation, evidence, what was done, and what to do first."""
        within = self.answers.within_s
        return Packet(
            feature=self.answers.feature, bundle=self.answers.bundle, tenant=self.occasion.tenant, queue=escalated.queue,
            rule=escalated.rule, lang=self.occasion.lang, at=at or datetime.now(UTC),
            within_s=within.get(escalated.queue, within.get("*", 1800)), conversation=tuple(self.turns[-200:]),
            evidence=evidence_rows(escalated.statements), done=tuple(sorted(self.occasion.done)),
            unknown=tuple(sorted(self.occasion.unknown)), next_step=next_step or self._next_step(escalated),
        )  # fmt: skip

    def probed(self, given: Any) -> Any:
        """What is judged: what the app gave, or what a probe puts in its place."""
        if self.probe is None:
            return given
        if self.probe.kind == "outage":
            raise SimulatedOutage("a probe asked for an outage of the policy")
        return self.probe.text

    def _next_step(self, escalated: Escalated) -> str:
        if self.occasion.unknown:
            return "find out whether this happened: " + ", ".join(sorted(self.occasion.unknown))
        if escalated.rule == "contradiction":
            return "decide which of the documents holds, and answer the person"
        if escalated.rule == "low_evidence_twice":
            return "answer the person; the articles do not"
        return f"answer the person (rule {escalated.rule})"

    def undecided(self, error: Exception) -> Judged:
        """What is said when the policy, a scorer or a source fails: never an answer."""
        if not isinstance(error, SimulatedOutage):  # that one was asked for
            _LOG.error("the answer policy could not decide: %s", error, exc_info=error)
        finding = Finding(Code.POLICY_ERROR, f"{type(error).__name__}: {error}"[:300])
        try:
            return self.answers.judge.instead(self.occasion, (finding,), escalates="policy_error")
        except Exception:  # noqa: BLE001  not even the wording can be had
            return Abstained(LAST_WORDS, Code.POLICY_ERROR, findings=(finding,))

    def noted(self, judged: Judged) -> Judged:
        """Remember a verdict and what the person read."""
        weak = isinstance(judged, Abstained) and judged.reason not in (
            None,
            Code.FORBIDDEN,
            Code.COMMITMENT,
            Code.SHAPE,
        )
        self.occasion = replace(self.occasion, low_before=self.occasion.low_before + 1 if weak else 0)
        self.judged.append(judged)
        self.turns.append(("assistant", judged.text))
        return judged

    def record(self) -> list[dict[str, Any]]:
        """What was judged so far, as plain values for a trace."""
        return [judged_to_json(judged) for judged in self.judged]


@dataclass
class _Stream:
    """One streamed answer under judgement: what may leave now, and what is said at its end."""

    talk: Interaction
    given: Sequence[Source | Mapping[str, Any]]
    weighed: list[Weighed] = field(default_factory=list)
    stopped: Judged | None = None
    buffer: SentenceBuffer = field(default_factory=SentenceBuffer)

    def __post_init__(self) -> None:
        try:
            self.sources = read_sources(self.given)
            called = self.talk.answers.judge.instead(self.talk.occasion, ())
            self.stopped = called if isinstance(called, Escalated) else None
        except Exception as error:  # noqa: BLE001  whatever fails, nothing is delivered
            self.fail(error)

    def over(self) -> bool:
        return self.stopped is not None

    def fail(self, error: Exception) -> None:
        self.stopped = self.talk.undecided(error)

    def feed(self, chunk: str) -> Iterator[str]:
        if self.talk.probe is not None:
            chunk = f"{self.talk.probed(chunk)} "
        yield from self._judge(self.buffer.feed(chunk))

    def end(self) -> Iterator[str]:
        """The rest, and where the answer did not hold to its end, the words of the policy."""
        if not self.over():
            try:
                yield from self._judge(self.buffer.flush())
            except Exception as error:  # noqa: BLE001  whatever fails, nothing more is delivered
                self.fail(error)
        text = "".join(one.statement.text for one in self.weighed)
        if self.stopped is None and text.strip():
            self.talk.noted(Delivered(text, tuple(self.weighed)))
            return
        judge, occasion = self.talk.answers.judge, self.talk.occasion
        stated = (Finding(Code.SHAPE, "an answer states something"),)
        last = self.stopped or judge.instead(occasion, stated)
        if isinstance(last, Abstained | Escalated):
            last = replace(last, statements=tuple(self.weighed))
        self.talk.noted(last)
        yield ("\n\n" if any(one.holds for one in self.weighed) else "") + last.text

    def _judge(self, pieces: Iterator[str]) -> Iterator[str]:
        judge, occasion = self.talk.answers.judge, self.talk.occasion
        for piece in pieces:
            one = judge.judge_sentence(piece, self.sources, occasion)
            self.weighed.append(one)
            if not one.holds:
                self.stopped = judge.instead(
                    occasion, one.findings, escalates="low_evidence_twice" if occasion.low_before else ""
                )
                return
            yield piece
