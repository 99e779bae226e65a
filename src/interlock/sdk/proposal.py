"""What an app or a model hands in as its answer, read strictly into a proposal. What is not of the shape is a fault."""

from collections.abc import Mapping, Sequence
from typing import Any

from interlock.core.citations import Cite
from interlock.core.delivery import Proposal, Statement
from interlock.core.retrieved import Source

_OUTCOMES = {"answer": "answer", "abstain": "abstain", "escalate": "escalate", "clarify": "clarify"}


def read_proposal(given: str | Mapping[str, Any]) -> Proposal:
    """A proposal from plain text, or from the object that the output schema describes.

    Args:
        given: text; or `{outcome?, text?, claims?: [{text, cites?: [{doc_id, quote}]}], queue?}`, where `answer` is read
            as `text` and `{"abstain": …}` as an abstention. Other keys are the app's own.
    Returns: a proposal, whose `fault` says what is not of that shape.

    >>> read_proposal({"answer": "5 days.", "claims": [{"text": "5 days.", "cites": [{"doc_id": "a", "quote": "5 days"}]}]})
    Proposal(outcome='answer', text='5 days.', statements=(Statement(text='5 days.', cites=(Cite(doc_id='a', quote='5 days'),)),), queue=None, fault='')
    >>> read_proposal({"text": "x", "claims": "none"}).fault
    '`claims` is no list'
    """
    if isinstance(given, str):
        return Proposal("answer", given)
    try:
        return _read(given)
    except _FaultyShape as fault:
        return Proposal("answer", "", fault=str(fault))


def read_sources(given: Sequence[Source | Mapping[str, Any]]) -> tuple[Source, ...]:
    """Documents as the app retrieved them: `Source` objects, or `{doc_id, text, tenant?, readers?, updated?, valid_until?}`.

    Raises: ValueError for a document without an id or a text: a source that cannot be named cannot be checked.
    """
    return tuple(one if isinstance(one, Source) else _source(one) for one in given)


class _FaultyShape(Exception):
    pass


def _read(given: Mapping[str, Any]) -> Proposal:
    if not isinstance(given, Mapping):
        raise _FaultyShape(f"an answer is text or an object, not {type(given).__name__}")
    outcome = given.get("outcome", "abstain" if given.get("abstain") else "answer")
    if outcome not in _OUTCOMES:
        raise _FaultyShape(f"`outcome` is `{outcome}`")
    text = given.get("text", given.get("answer", ""))
    if text is None and outcome != "answer":
        text = ""
    if not isinstance(text, str):
        raise _FaultyShape("`text` is no text")
    claims = given.get("claims", [])
    if not isinstance(claims, list | tuple):
        raise _FaultyShape("`claims` is no list")
    queue = given.get("queue")
    if queue is not None and not isinstance(queue, str):
        raise _FaultyShape("`queue` is no text")
    statements = tuple(_statement(claim, at) for at, claim in enumerate(claims))
    if not text and statements:
        text = " ".join(statement.text for statement in statements)
    return Proposal(outcome, text, statements, queue)


def _statement(claim: Any, at: int) -> Statement:
    if not isinstance(claim, Mapping) or not isinstance(claim.get("text"), str) or not claim["text"].strip():
        raise _FaultyShape(f"claim {at + 1} has no `text`")
    cites = claim.get("cites") or []
    if not isinstance(cites, list | tuple):
        raise _FaultyShape(f"the `cites` of claim {at + 1} are no list")
    found = []
    for cite in cites:
        if (
            not isinstance(cite, Mapping)
            or not isinstance(cite.get("doc_id"), str)
            or not isinstance(cite.get("quote"), str)
        ):
            raise _FaultyShape(f"a citation of claim {at + 1} has no `doc_id` and `quote`")
        found.append(Cite(cite["doc_id"], cite["quote"]))
    return Statement(claim["text"], tuple(found))


def _source(given: Mapping[str, Any]) -> Source:
    doc_id, text = given.get("doc_id", given.get("id")), given.get("text")
    if not isinstance(doc_id, str) or not doc_id or not isinstance(text, str):
        raise ValueError("a source has a `doc_id` and a `text`")
    readers = given.get("readers")
    return Source(
        doc_id, text, tenant=given.get("tenant"), readers=None if readers is None else frozenset(readers),
        updated=_day(given.get("updated")), valid_until=_day(given.get("valid_until")),
    )  # fmt: skip


def _day(value: Any) -> Any:
    from datetime import date, datetime

    if isinstance(value, datetime):
        return value.date()
    if value is None or isinstance(value, date):
        return value
    return date.fromisoformat(str(value)[:10])
