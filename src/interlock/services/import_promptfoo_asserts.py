"""promptfoo's assertions as expectations: only those that ask the same of a reply.

Source: promptfoo.dev/docs/configuration/expected-outputs.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from interlock.services.import_cases import Wanted, literal, pattern_fits
from interlock.services.imported import Findings

_OUTSIDE = frozenset({"javascript", "python", "ruby", "webhook"})
_MODEL = frozenset({
    "llm-rubric", "g-eval", "model-graded-closedqa", "model-graded-factuality", "factuality", "answer-relevance",
    "context-faithfulness", "context-recall", "context-relevance", "similar", "classifier", "moderation", "pi",
    "select-best", "max-score", "search-rubric", "conversation-relevance", "trajectory:goal-success", "agent-rubric",
})  # fmt: skip
_CELL = re.compile(
    r"(?P<type>not-[a-z-]+|[a-z][a-z:-]*)(?:\((?P<threshold>[\d.]+)\))?(?::\s*(?P<value>.*))?", re.DOTALL
)
_KNOWN_IN_CELLS = frozenset({
    "equals", "contains", "icontains", "contains-all", "icontains-all", "contains-any", "icontains-any", "regex",
    "starts-with", "is-json", "contains-json", "is-xml", "contains-xml", "is-sql", "contains-sql", "is-html", "contains-html",
    "latency", "cost", "perplexity", "rouge-n", "bleu", "meteor", "levenshtein", "is-refusal", "word-count", "is-valid-openai-tools-call",
    "is-valid-openai-function-call", "tool-call-f1", "skill-used", *_OUTSIDE, *_MODEL,
})  # fmt: skip
_SHORT = {"fn": "javascript", "eval": "javascript", "grade": "llm-rubric", "python": "python"}


def assertion_of_cell(cell: str) -> dict[str, Any]:
    """The assertion that a cell of an `__expected` column stands for.

    >>> assertion_of_cell("icontains-any:a,b")
    {'type': 'icontains-any', 'value': ['a', 'b']}
    >>> assertion_of_cell("3:30 is fine")
    {'type': 'equals', 'value': '3:30 is fine'}
    """
    found = _CELL.fullmatch(cell.strip())
    kind = found["type"] if found else ""
    if found and kind in _SHORT and found["value"] is not None:
        return {"type": _SHORT[kind], "value": found["value"]}
    if not found or kind.removeprefix("not-") not in _KNOWN_IN_CELLS:
        return {"type": "equals", "value": cell}
    value: Any = (found["value"] or "").strip()
    if kind.endswith(("-any", "-all")):
        value = [one.strip() for one in value.split(",")]
    made: dict[str, Any] = {"type": kind} | ({"value": value} if value else {})
    return made | ({"threshold": float(found["threshold"])} if found["threshold"] else {})


def expect_assertions(
    asserts: Sequence[Any], variables: Mapping[str, Any], wanted: Wanted, findings: Findings, case: str
) -> None:
    """Put every assertion that has a counterpart into an expectation, and list the others with the reason."""
    for one in asserts:
        if not isinstance(one, dict) or not isinstance(one.get("type"), str):
            findings.note("unmapped", "assertions without `type`", "it does not say what it asks", case)
            wanted.complete = False
            continue
        if one["type"] == "assert-set" and isinstance(one.get("assert"), list) and one.get("threshold") is None:
            expect_assertions(one["assert"], variables, wanted, findings, case)
            continue
        why = _expect(one, variables, wanted)
        if why:
            findings.note("unmapped", f"assertion `{one['type']}`", why, case)
            # A weight of 0 informs and decides nothing, so that leaving it out changes no verdict.
            wanted.complete = wanted.complete and one.get("weight") == 0
        else:
            # A recorded reply has no clock, so only the harness can say whether it came in time.
            wanted.complete = wanted.complete and one["type"] != "latency"
            findings.note("mapped", f"assertion `{one['type']}`", _SAYS[_family(one["type"])], "")


def _expect(one: Mapping[str, Any], variables: Mapping[str, Any], wanted: Wanted) -> str:
    """Why an assertion has no place; empty when it found one."""
    from interlock.services.import_promptfoo import render

    kind, value = one["type"], one.get("value")
    if kind.removeprefix("not-") in _OUTSIDE:
        return "code of its own, which an import does not run; write a scorer"
    if kind.removeprefix("not-") in _MODEL:
        return "a model's judgement; a judge needs a calibration of its own before it may decide"
    if one.get("weight") == 0:
        return "weight 0: it informs and decides nothing"
    if one.get("transform") or one.get("contextTransform"):
        return "judges a transformed reply"
    if isinstance(value, str) and value.startswith(("file://", "package:")):
        return "its value is in another file"
    texts = [value] if isinstance(value, str) else value if isinstance(value, list) else []
    if not all(isinstance(text, str) for text in texts):
        return "its value is no text"
    rendered = [render(text, variables) for text in texts]
    if None in rendered:
        return "its value is a template that does more than name variables"
    plain = [text for text in rendered if text is not None]
    placed = False
    match kind:
        case "equals" if isinstance(value, str):
            placed = wanted.only("exact", plain[0])
        case "contains" | "icontains" if isinstance(value, str):
            placed = wanted.fact(plain[0])
        case "contains-all" | "icontains-all":
            placed = bool(plain) and all([wanted.fact(text) for text in plain])  # noqa: C419 — each of them is placed
        case "contains-any" | "icontains-any":
            placed = wanted.fact(*plain)
        case "not-contains" | "not-icontains" if isinstance(value, str):
            placed = wanted.never(plain[0])
        case "not-contains-any" | "not-icontains-any":
            placed = wanted.never(*plain)
        case "regex" if isinstance(value, str):
            if not pattern_fits(plain[0]):
                return "the pattern needs look-around or back references, or is too long"
            placed = wanted.only("regex", plain[0])
        case "starts-with" if isinstance(value, str):
            placed = wanted.only("regex", "^" + literal(plain[0]))
        case "latency":
            limit = one.get("threshold")
            placed = _positive(limit) and wanted.only("max_latency_s", limit / 1000 if limit else None)
        case "cost":
            limit = one.get("threshold")
            placed = _positive(limit) and wanted.only("max_cost_usd", limit)
        case "is-json" | "contains-json":
            return "the bundle's output schema judges the output"
        case _:
            return "no counterpart"
    return "" if placed else "a case can expect this once, and of a text that says something"


def _positive(limit: Any) -> bool:
    return isinstance(limit, int | float) and not isinstance(limit, bool) and limit > 0


def _family(kind: str) -> str:
    return kind.removeprefix("not-").removeprefix("i").split("-")[0]


_SAYS = {
    "equals": "`exact`, which ignores white space around the reply",
    "contains": "`facts` or `forbid`, which ignore case and find no number inside a longer one",
    "regex": "`regex`",
    "starts": "`regex`, anchored at the start",
    "latency": "`max_latency_s`; a recorded reply has no clock, so it decides live runs only",
    "cost": "`max_cost_usd`",
    "assert": "each of its assertions",
}
