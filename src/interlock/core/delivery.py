"""An answer meets its policy: Delivered, Clarified, Abstained or Escalated, with every reason.

The order never changes: size and hidden characters, the shape of the answer, the cited documents, the quotes, freshness
and access, the evidence of each statement, forbidden topics, commitments, coverage; then the verdict. What the model
says of its own confidence is not among the arguments.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from enum import StrEnum
from typing import Literal, Protocol

from interlock.core.answer import AnswerPolicy, EvidencePolicy, wording_for
from interlock.core.citations import Cite, CiteFault, normalised
from interlock.core.commitment import DENIALS, commitments
from interlock.core.guard_probe import CANARY
from interlock.core.phrase import folded_words, spoken, whole_words
from interlock.core.retrieved import Shelf, Source
from interlock.core.words import sentences

MAX_TEXT = 100_000
"""Characters of an answer at most."""
MAX_STATEMENTS = 500
MAX_CITES = 2_000
MAX_SOURCES = 1_000
_FILLER = 3
"""Fewer words than this, without a digit, state nothing."""
_FILLER_CHARACTERS = 80
"""A text of more characters states something, however few words it seems to have."""
_ASKS = re.compile(r"[?\uff1f\u061f\u037e]\s*$")
"""How a question ends: in Latin, East Asian, Arabic and Greek script."""
LAST_WORDS = "I cannot answer this reliably. Please ask for a person."
"""What is said where the policy has no wording at all; SAFE-07 fails before that can happen in production."""


class Code(StrEnum):
    """What is wrong with an answer, or with one statement of it."""

    TOO_LARGE = "too-large"
    HIDDEN = "hidden-characters"
    SHAPE = "shape"
    UNCITED = "uncited"
    NOT_RETRIEVED = "not-retrieved"
    FABRICATED = "fabricated"
    MISATTRIBUTED = "misattributed"
    SPLICED = "spliced"
    STALE = "stale"
    NOT_PERMITTED = "not-permitted"
    LOW_EVIDENCE = "low-evidence"
    CONTRADICTION = "contradiction"
    FORBIDDEN = "forbidden"
    COMMITMENT = "commitment"
    UNKNOWN_OUTCOME = "unknown-outcome"
    TOO_FEW_SOURCES = "too-few-sources"
    TOO_LITTLE_LEFT = "too-little-left"
    POLICY_ERROR = "policy-error"
    CANARY = "canary"


_OF_CITE: Mapping[CiteFault, Code] = {
    CiteFault.UNRESOLVED: Code.NOT_RETRIEVED,
    CiteFault.FABRICATED: Code.FABRICATED,
    CiteFault.MISATTRIBUTED: Code.MISATTRIBUTED,
    CiteFault.SPLICED: Code.SPLICED,
}


@dataclass(frozen=True, slots=True)
class Statement:
    """One thing that an answer states, and what it rests on."""

    text: str
    cites: tuple[Cite, ...] = ()


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a model would say.

    Args:
        outcome: what it means to do; `clarify` asks back.
        text: what the person would read.
        statements: what it states, with citations; empty where the answer is plain text.
        queue: where it would hand over to.
        fault: why its output is not of the declared shape; empty where it is.
    """

    outcome: Literal["answer", "clarify", "abstain", "escalate"]
    text: str
    statements: tuple[Statement, ...] = ()
    queue: str | None = None
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Occasion:
    """Who asks what, where and when; from the authenticated session, never from the model.

    Args:
        asked: everything that the person wrote in this conversation.
        intent: as the app recognised it; it can start an escalation and never stops one.
        roles: of the reader.
        on: today.
        done: actions that the effect ledger holds as completed in this interaction.
        unknown: actions of which nobody knows whether they happened.
        low_before: answers without enough evidence just before this one.
    """

    asked: str
    lang: str = "en"
    slice: str = ""
    intent: str | None = None
    tenant: str | None = None
    roles: frozenset[str] = frozenset()
    on: date | None = None
    done: frozenset[str] = frozenset()
    unknown: frozenset[str] = frozenset()
    low_before: int = 0


@dataclass(frozen=True, slots=True)
class Weight:
    """How well sources carry a statement.

    Args:
        score: in [0, 1].
        doc_id: of the source that carries it best.
        why: what speaks against it, in plain words.
        against: the source that says something else about the same thing; None where none does.
    """

    score: float
    doc_id: str | None = None
    why: str = ""
    against: str | None = None


class Weigh(Protocol):
    """Weighs a statement against the sources that it may rest on; `beside` are the others that this reader may see.

    Deterministic. Plug-ins fill it too.
    """

    def __call__(
        self, statement: str, question: str, sources: Sequence[Source], beside: Sequence[Source]
    ) -> Weight: ...


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, where, and which source it is about."""

    code: Code
    why: str
    statement: str = ""
    doc_id: str | None = None


@dataclass(frozen=True, slots=True)
class Weighed:
    """One statement after the policy looked at it: it holds when nothing was found."""

    statement: Statement
    score: float | None
    doc_id: str | None
    findings: tuple[Finding, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether nothing was found against it."""
        return not self.findings


@dataclass(frozen=True, slots=True)
class Delivered:
    """The person reads this. `partly` when statements were left out: then `text` is made of those that hold."""

    text: str
    statements: tuple[Weighed, ...]
    partly: bool = False
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Clarified:
    """The person is asked back."""

    text: str
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Abstained:
    """The person reads that the answer is not known, and what happens next."""

    text: str
    reason: Code | None
    statements: tuple[Weighed, ...] = ()
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Escalated:
    """A person takes over in this queue. `rule` is the rule of the policy, or the signal, that says so."""

    queue: str
    rule: str
    text: str
    statements: tuple[Weighed, ...] = ()
    findings: tuple[Finding, ...] = ()


Judged = Delivered | Clarified | Abstained | Escalated


@dataclass(frozen=True)
class AnswerJudge:
    """The policy of one bundle, ready to judge.

    Args:
        policy: `answers.yaml`.
        done_phrases: by action, how a reply says that it is done (`commitment.done_phrases`).
        weigh: how evidence is scored.
        on_fault: what happens to an output of another shape (`on_parse_failure` of the operations).
    """

    policy: AnswerPolicy
    done_phrases: Mapping[str, tuple[str, ...]]
    weigh: Weigh
    on_fault: Literal["abstain", "escalate"] = "abstain"
    _seen: dict[str, EvidencePolicy] = field(default_factory=dict, init=False, repr=False, compare=False)

    def judge(self, proposal: Proposal, sources: Iterable[Source], occasion: Occasion) -> Judged:
        """What the person gets to read.

        Bounded: an answer beyond `MAX_TEXT`, `MAX_STATEMENTS`, `MAX_CITES` or `MAX_SOURCES` is refused unread.
        """
        documents = tuple(sources)
        if too_large := _too_large(proposal, documents):
            return self._instead(occasion, [Finding(Code.TOO_LARGE, too_large)], (), escalates="")
        rule = self._called_for(occasion)
        if proposal.fault:
            finding = Finding(Code.SHAPE, proposal.fault)
            return self._instead(occasion, [finding], (), escalates=rule, prefers=self.on_fault)
        if rule or proposal.outcome == "escalate":
            return self._instead(occasion, [], (), escalates=rule or "proposed", queue=proposal.queue)
        if proposal.outcome == "abstain":
            return self._instead(occasion, [], (), escalates="")
        general = [*_hidden(proposal), *self._forbidden(proposal)]
        if proposal.outcome == "clarify":
            general += [*self._promised(proposal.text, occasion), *self._told(proposal.text, documents, occasion)]
            if general:
                return self._instead(occasion, general, (), escalates="")
            return Clarified(proposal.text)
        weighed = self._weigh_all(proposal, documents, occasion)
        return self._settle(proposal, weighed, general, occasion)

    def _told(self, text: str, sources: Sequence[Source], occasion: Occasion) -> Iterator[Finding]:
        """What is wrong with asking back: it asks nothing, or states a figure that no source carries on the way."""
        if not text.strip():
            yield Finding(Code.SHAPE, "asks back without a question")
        for start, end in sentences(text):
            said = text[start:end]
            if not _ASKS.search(said) and any(character.isdigit() for character in said):
                yield from self.judge_sentence(said, sources, occasion).findings

    def judge_sentence(self, sentence: str, sources: Sequence[Source], occasion: Occasion) -> Weighed:
        """One sentence of a streamed answer, by itself: what it states must be carried by the sources.

        A stream has no quotes. A mark such as `[KB-101]` in the sentence names the document that it rests on, and the
        evidence is scored against that document alone; where the policy asks for citations, a sentence that states
        something needs such a mark.
        """
        shelf = Shelf.of(sources, occasion.tenant)
        marked = {match.group(1) for match in _MARK.finditer(sentence)}
        proposal = Proposal("answer", sentence)
        extra = [*_hidden(proposal), *self._forbidden(proposal)]
        extra += [
            Finding(Code.NOT_RETRIEVED, f"`{doc_id}` was not retrieved here", sentence, doc_id)
            for doc_id in sorted(marked - {source.doc_id for source in shelf.sources})
        ]
        found = self._weigh_free(_MARK.sub("", sentence), shelf, occasion, cited=marked or None)
        if found is None:
            return Weighed(Statement(sentence), None, None, (*extra, *self._promised(sentence, occasion)))
        if not marked and self.evidence(occasion.slice).must_cite:
            extra.append(Finding(Code.UNCITED, "names no document", sentence))
        return Weighed(Statement(sentence), found.score, found.doc_id, (*extra, *found.findings))

    def handoff_text(self, proposed: str, occasion: Occasion) -> tuple[str, tuple[Finding, ...]]:
        """What the person reads at a handoff: the model's words if they pass, else the policy's, and why not.

        The words of a handoff state nothing from sources, so they are held to what needs none: size, hidden
        characters, forbidden topics and commitments.
        """
        draft = Proposal("escalate", proposed)
        found = [Finding(Code.TOO_LARGE, why)] if (why := _too_large(draft, ())) else []
        found = found or [*_hidden(draft), *self._forbidden(draft), *self._promised(proposed, occasion)]
        own = _worded(self.policy.escalate.wording, occasion.lang)
        return (own if found or not proposed.strip() else proposed), tuple(found)

    def evidence(self, slice: str) -> EvidencePolicy:
        """What an answer of this slice needs."""
        if slice not in self._seen:
            self._seen[slice] = self.policy.evidence.of_slice(slice)
        return self._seen[slice]

    def instead(self, occasion: Occasion, findings: Sequence[Finding], *, escalates: str = "") -> Judged:
        """What is said instead of an answer that cannot go out; a rule that the question calls for comes first."""
        return self._instead(occasion, list(findings), (), escalates=self._called_for(occasion) or escalates)

    # ── statements ──────────────────────────────────────────────────────────────────────────────────────────────

    def _weigh_all(self, proposal: Proposal, documents: Sequence[Source], occasion: Occasion) -> list[Weighed]:
        shelf = Shelf.of(documents, occasion.tenant)
        weighed = [self._weigh(statement, shelf, occasion) for statement in proposal.statements]
        cited = {cite.doc_id for statement in proposal.statements for cite in statement.cites}
        must_cite = self.evidence(occasion.slice).must_cite
        for rest in self._unstated(proposal, occasion.lang):
            found = self._weigh_free(rest, shelf, occasion, cited=cited or None)
            if found is not None and not cited and must_cite:
                uncited = Finding(Code.UNCITED, "cites nothing", rest)
                found = replace(found, findings=(uncited, *found.findings))
            if found is not None:
                weighed.append(found)
        return weighed

    def _weigh(self, statement: Statement, shelf: Shelf, occasion: Occasion) -> Weighed:
        """A statement with its citations: what it cites decides, and nothing else that was retrieved."""
        terms, found = self.evidence(occasion.slice), []
        for cite in statement.cites:
            fault = shelf.fault(cite)
            if fault is not None:
                why = f"{fault.why}: it is another tenant's" if cite.doc_id in shelf.foreign else fault.why
                found.append(Finding(_OF_CITE[fault.fault], why, statement.text, cite.doc_id))
        if not statement.cites and terms.must_cite:
            found.append(Finding(Code.UNCITED, "cites nothing", statement.text))
        names = {cite.doc_id for cite in statement.cites}
        named = tuple(source for source in shelf.sources if source.doc_id in names)
        usable = named if statement.cites else shelf.sources
        found += self._fitness(statement.text, named, occasion)
        return self._scored(statement, usable, shelf, occasion, found)

    def _weigh_free(self, text: str, shelf: Shelf, occasion: Occasion, cited: set[str] | None) -> Weighed | None:
        """A sentence outside the statements; None where it states nothing."""
        if self._says_nothing(text):
            return None
        usable = tuple(source for source in shelf.sources if cited is None or source.doc_id in cited)
        fit = tuple(source for source in usable if not any(self._fitness(text, (source,), occasion)))
        # Where no evidence is asked, a sentence that can only come from what this reader may not see is held back by that.
        found = [] if fit or self.evidence(occasion.slice).threshold else list(self._fitness(text, usable, occasion))
        return self._scored(Statement(text), fit, shelf, occasion, found)

    def _scored(
        self,
        statement: Statement,
        usable: Sequence[Source],
        shelf: Shelf,
        occasion: Occasion,
        found: list[Finding],
    ) -> Weighed:
        terms, support = self.evidence(occasion.slice), Weight(0.0, why="no source")
        if usable:
            names = {source.doc_id for source in usable}
            beside = [
                source
                for source in shelf.sources
                if source.doc_id not in names and not any(self._fitness("", (source,), occasion))
            ]
            support = self.weigh(statement.text, occasion.asked, usable, beside)
        if not 0.0 <= support.score <= 1.0:  # also NaN
            raise ValueError(f"evidence lies in [0, 1], not {support.score!r}")
        # A threshold of 0 asks for no evidence: then nothing is missing where there is none. Sources that disagree still do.
        if terms.threshold > 0.0 and (support.score < terms.threshold or not usable):
            why = f"evidence {support.score:.2f}, asked {terms.threshold:.2f}" + (
                f": {support.why}" if support.why else ""
            )
            found.append(Finding(Code.LOW_EVIDENCE, why, statement.text, support.doc_id))
        elif support.against is not None:
            why = f"`{support.against}` says something else than `{support.doc_id}`"
            found.append(Finding(Code.CONTRADICTION, why, statement.text, support.against))
        found += self._promised(statement.text, occasion)
        return Weighed(statement, support.score, support.doc_id, tuple(found))

    def _fitness(self, text: str, named: Sequence[Source], occasion: Occasion) -> Iterator[Finding]:
        """Whether the reader may see the documents, and whether they still hold."""
        oldest = self.evidence(occasion.slice).max_age_days
        for source in named:
            if source.readers is not None and not source.readers & occasion.roles:
                yield Finding(Code.NOT_PERMITTED, "not for this reader", text, source.doc_id)
            if occasion.on is None:
                continue
            if source.valid_until is not None and source.valid_until < occasion.on:
                yield Finding(Code.STALE, f"held until {source.valid_until}", text, source.doc_id)
            elif oldest is not None and (
                source.updated is None or occasion.on - source.updated > timedelta(days=oldest)
            ):
                when = "at an unknown time" if source.updated is None else f"on {source.updated}"
                yield Finding(
                    Code.STALE, f"last changed {when}, at most {oldest} days ago is asked", text, source.doc_id
                )

    def _promised(self, text: str, occasion: Occasion) -> Iterator[Finding]:
        for said in commitments(text, self.done_phrases):
            if said.action in occasion.unknown:
                why = f"says that `{said.action}` is done, and nobody knows whether it is"
                yield Finding(Code.UNKNOWN_OUTCOME, why, said.sentence)
            elif said.action not in occasion.done:
                why = f"says that `{said.action}` is done (`{said.phrase}`), and the ledger holds no such effect"
                yield Finding(Code.COMMITMENT, why, said.sentence)

    def _forbidden(self, proposal: Proposal) -> Iterator[Finding]:
        texts = [proposal.text, *(statement.text for statement in proposal.statements)]
        words = [folded_words(text) for text in dict.fromkeys(texts)]
        if any(CANARY in text for text in texts):
            yield Finding(Code.CANARY, "holds the canary of a probe")
        for entry in self.policy.forbidden:
            phrase = next((p for p in entry.words if any(spoken(p, spelled) for spelled in words)), None)
            if phrase is not None:
                yield Finding(Code.FORBIDDEN, f"`{entry.id}`: says `{phrase}`")

    def _unstated(self, proposal: Proposal, lang: str) -> Iterator[str]:
        """The sentences of the text that say more than a statement does: each is weighed whole."""
        known = [normalised(statement.text) for statement in proposal.statements]
        known = sorted((text for text in known if text), key=len, reverse=True)
        frames = sorted((normalised(frame) for frame in self._frames(lang)), key=len, reverse=True)
        for start, end in sentences(proposal.text):
            sentence = proposal.text[start:end]
            rest = normalised(sentence)
            if any(rest in text for text in known):
                continue
            for text in (*known, *frames):
                rest = rest.replace(text, " ")
            if not self._says_nothing(rest):
                yield sentence

    def _says_nothing(self, text: str) -> bool:
        """Whether a text is too short to state anything: no figure, no denial, and no action that it says is done."""
        words = folded_words(text)
        if (
            len(words) >= _FILLER
            or len(text) > _FILLER_CHARACTERS
            or DENIALS.intersection(words)
            or any(map(_has_digit, words))
        ):
            return False
        return next(commitments(text, self.done_phrases), None) is None

    def _frames(self, lang: str) -> tuple[str, ...]:
        base = lang.replace("_", "-").split("-")[0]
        return self.policy.frames.get(lang) or self.policy.frames.get(base) or ()

    # ── the verdict ─────────────────────────────────────────────────────────────────────────────────────────────

    def _settle(self, proposal: Proposal, weighed: list[Weighed], general: list[Finding], occasion: Occasion) -> Judged:
        terms, statements = self.evidence(occasion.slice), tuple(weighed)
        findings = [*general, *(finding for one in weighed for finding in one.findings)]
        codes = {finding.code for finding in findings}
        for code, signal in ((Code.UNKNOWN_OUTCOME, "unknown_outcome"), (Code.CONTRADICTION, "contradiction")):
            if code in codes:
                return self._instead(occasion, findings, statements, escalates=signal)
        holds = [one for one in weighed if one.holds]
        rested = {cite.doc_id for one in holds for cite in one.statement.cites} or {one.doc_id for one in holds} - {
            None
        }
        if not weighed:
            findings.append(Finding(Code.SHAPE, "an answer states something"))
        elif len(holds) < len(weighed) and (not holds or len(holds) / len(weighed) < terms.coverage):
            findings.append(
                Finding(
                    Code.TOO_LITTLE_LEFT, f"{len(holds)} of {len(weighed)} statements hold, asked {terms.coverage:.0%}"
                )
            )
        elif len(rested) < terms.min_sources:
            findings.append(Finding(Code.TOO_FEW_SOURCES, f"{len(rested)} sources, asked {terms.min_sources}"))
        elif not general:
            if len(holds) == len(weighed):
                return Delivered(proposal.text, statements)
            text = " ".join(one.statement.text for one in holds)
            return Delivered(text, statements, partly=True, findings=tuple(findings))
        low = bool(codes & _WEAK) or any(finding.code in _WEAK for finding in findings)
        twice = low and occasion.low_before >= 1
        return self._instead(occasion, findings, statements, escalates="low_evidence_twice" if twice else "")

    def _called_for(self, occasion: Occasion) -> str:
        """The first rule that the question meets: rules with words before the others, each in file order.

        The words of every language count: a session says which language it has, and a person may write another.
        """
        words, rules = folded_words(occasion.asked), self.policy.escalate.rules
        own = frozenset(words)
        for rule in rules:
            for phrases in (rule.when.words or {}).values():
                if any(whole_words(phrase) <= own and spoken(phrase, words) is not None for phrase in phrases):
                    return rule.id
        for rule in rules:
            if (occasion.slice and occasion.slice in rule.when.slices) or (
                occasion.intent is not None and occasion.intent in rule.when.intents
            ):
                return rule.id
        return "unknown_outcome" if occasion.unknown else ""

    def _instead(
        self,
        occasion: Occasion,
        findings: list[Finding],
        statements: tuple[Weighed, ...],
        *,
        escalates: str,
        queue: str | None = None,
        prefers: Literal["abstain", "escalate"] = "abstain",
    ) -> Judged:
        rule = escalates or ("shape" if prefers == "escalate" else "")
        target = self._queue(rule, queue) if rule else None
        if rule and target is not None:
            text = _worded(self.policy.escalate.wording, occasion.lang)
            return Escalated(target, rule, text, statements, tuple(findings))
        reason = findings[0].code if findings else None
        return Abstained(_worded(self.policy.abstain.wording, occasion.lang), reason, statements, tuple(findings))

    def _queue(self, rule: str, proposed: str | None) -> str | None:
        named = next((one.queue for one in self.policy.escalate.rules if one.id == rule), None)
        if named is not None:
            return named
        if proposed in self.policy.queues:
            return proposed
        signal = next(
            (one.queue for one in self.policy.escalate.rules if one.when.signal == rule), self.policy.escalate.queue
        )
        return signal or next(iter(self.policy.queues), None)


_WEAK = frozenset({
    Code.LOW_EVIDENCE, Code.UNCITED, Code.NOT_RETRIEVED, Code.FABRICATED, Code.MISATTRIBUTED, Code.SPLICED, Code.STALE,
    Code.NOT_PERMITTED, Code.TOO_FEW_SOURCES,
})  # fmt: skip
"""What counts as an answer without enough evidence: two in a row call a person."""


def _has_digit(word: str) -> bool:
    return any(c.isdigit() for c in word)


def _too_large(proposal: Proposal, sources: Sequence[Source]) -> str:
    sizes = (
        ("characters", len(proposal.text) + sum(len(one.text) for one in proposal.statements), MAX_TEXT),
        ("statements", len(proposal.statements), MAX_STATEMENTS),
        ("citations", sum(len(one.cites) for one in proposal.statements), MAX_CITES),
        ("documents", len(sources), MAX_SOURCES),
    )
    return next((f"{n} {what}, at most {most}" for what, n, most in sizes if n > most), "")


_MARK = re.compile(r"\s?\[([^\[\]\s]{1,80})\]")
_REORDERS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_JOINERS = frozenset("\u00ad\u200c\u200d\ufe0f")
"""Invisible, and part of correct text: soft hyphen, joiners of Indic, Persian and emoji, the emoji selector."""


def _hidden(proposal: Proposal) -> Iterator[Finding]:
    """Characters that nobody sees and that make the text read as something else."""
    texts = [proposal.text, *(one.text for one in proposal.statements)]
    texts += [cite.quote for one in proposal.statements for cite in one.cites]
    for text in texts:
        if text.isascii():
            bad = next((c for c in text if unicodedata.category(c) == "Cc" and c not in "\n\r\t"), None)
        else:
            bad = next((c for c in text if c in _REORDERS or (_unseen(c) and c not in _JOINERS)), None)
        if bad is not None:
            yield Finding(Code.HIDDEN, f"holds the invisible character U+{ord(bad):04X}", text[:80])
            return


def _unseen(char: str) -> bool:
    category = unicodedata.category(char)
    return category == "Cf" or (category == "Cc" and char not in "\n\r\t")


def _worded(wording: Mapping[str, object], lang: str) -> str:
    found = wording_for(wording, lang) or next(iter(wording.values()), None)  # type: ignore[arg-type]
    text = "" if found is None else f"{found.text} {found.next}".strip()  # type: ignore[attr-defined]
    return text or LAST_WORDS
