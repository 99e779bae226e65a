"""What can judge an output: one property, one file, no file or network, the same finding every time."""

from collections.abc import Mapping
from typing import Any

from interlock.core.errors import UsageError
from interlock.ports import Scorer, SupportScorer

ENTRY_POINTS = "interlock.scorers"
"""The entry point group in which a package offers a scorer: a class or function without arguments that gives one."""
SUPPORT_ENTRY_POINTS = "interlock.support"
"""The entry point group in which a package offers what scores evidence."""


def default_scorers(
    output_schema: Mapping[str, Any] | None = None, support: SupportScorer | None = None
) -> tuple[Scorer, ...]:
    """The scorers of every run; each looks at one key of a case's expectation, `schema` at every output.

    Args:
        output_schema: the bundle's output schema; without one, outputs are not judged by shape.
        support: what weighs evidence; by default the embedded scorer.
    Raises: DocumentError for a schema that is none, or refers to another document.

    >>> [scorer.name for scorer in default_scorers() if not scorer.substance]
    ['language', 'latency', 'cost']
    """
    from interlock.scorers.abstention import Abstention
    from interlock.scorers.citation import Citation
    from interlock.scorers.cost import Cost
    from interlock.scorers.escalation import Escalation
    from interlock.scorers.exact import Exact
    from interlock.scorers.facts import Facts
    from interlock.scorers.groundedness import Groundedness
    from interlock.scorers.language import Language
    from interlock.scorers.latency import Latency
    from interlock.scorers.recorded import Recorded
    from interlock.scorers.regex import Regex
    from interlock.scorers.schema import Schema
    from interlock.scorers.tool_calls import ToolCalls

    schema: tuple[Scorer, ...] = (Schema(output_schema),) if output_schema else ()
    return (
        Exact(), Regex(), Facts(), *schema, Citation(), Abstention(), Escalation(), ToolCalls(), Groundedness(support), Language(), Recorded(), Latency(), Cost(),
    )  # fmt: skip


def load_scorers() -> tuple[Scorer, ...]:
    """The scorers that installed packages offer, by name.

    Raises: UsageError when one is no scorer, or takes the name of another.
    """
    from importlib.metadata import entry_points

    found: dict[str, Scorer] = {scorer.name: scorer for scorer in default_scorers({"type": "object"})}
    own = len(found)
    for point in sorted(entry_points(group=ENTRY_POINTS), key=lambda point: point.name):
        scorer = point.load()()
        if not (
            isinstance(getattr(scorer, "name", None), str)
            and scorer.name
            and isinstance(getattr(scorer, "substance", None), bool)
            and callable(getattr(scorer, "score", None))
        ):
            raise UsageError(
                f"`{point.value}` is no scorer", hint="it needs `name`, `substance` and `score(case, trial, reply)`"
            )
        if scorer.name != point.name:
            raise UsageError(
                f"the scorer `{scorer.name}` is offered as `{point.name}`", hint="an entry point has its scorer's name"
            )
        if scorer.name in found or scorer.name == "case":
            raise UsageError(f"two scorers are called `{scorer.name}`", hint="rename the one you added")
        found[scorer.name] = scorer
    return tuple(found.values())[own:]


def support_scorer(name: str | None = None) -> SupportScorer:
    """What scores evidence: the embedded one, or the one of this name that an installed package offers.

    Raises: UsageError when nobody offers it, or what is offered is none.
    """
    from importlib.metadata import entry_points

    from interlock.scorers.support import Embedded

    embedded = Embedded()
    if name in (None, embedded.name):
        return embedded
    offered = {point.name: point for point in entry_points(group=SUPPORT_ENTRY_POINTS)}
    if name not in offered:
        raise UsageError(
            f"nobody offers the scorer of evidence `{name}`",
            hint=f"known: {', '.join([embedded.name, *sorted(offered)])}",
        )
    scorer: SupportScorer = offered[name].load()()
    if not callable(getattr(scorer, "support", None)) or getattr(scorer, "name", None) != name:
        raise UsageError(
            f"`{offered[name].value}` is no scorer of evidence",
            hint="it needs `name` and `support(answer, passages, question)`",
        )
    return scorer
