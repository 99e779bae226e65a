"""`interlock answers`: recorded answers laid over their sources, without a bundle."""

import json as json_
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, TextIO

from cyclopts import Parameter

from interlock.cli.session import note
from interlock.core.answer import AnswerPolicy
from interlock.core.binding import bind
from interlock.core.errors import UsageError
from interlock.core.source import decoded
from interlock.core.yaml_text import parse_yaml
from interlock.ports import SupportScorer
from interlock.scorers import support_scorer
from interlock.services.answer_evaluation import SPLITS, Evaluation
from interlock.services.answer_rows import read_answers, score_row, scored_json
from interlock.views.answers import evaluation_lines
from interlock.wiring import open_support


def score(
    rows: Path,
    /,
    *,
    evaluate: Annotated[
        bool, Parameter(negative="", help="Also say how well support tells labelled answers apart, by dataset.")
    ] = False,
    budget: Annotated[float, Parameter(help="Unsupported answers among the delivered, at most: 0.05 is 5 %.")] = 0.05,
    scorer: Annotated[
        str | None,
        Parameter(
            help="Another scorer of evidence: what an installed package offers, or the answers.yaml that declares it."
        ),
    ] = None,
    out: Annotated[Path | None, Parameter(help="Write the lines there instead of to stdout.")] = None,
) -> int:
    """Lay each answer over its sources and print one JSON line a row: support in [0, 1], findings with their place.

    Rows are JSON Lines (also .gz): {id, context: [{id, text}], question, response}, and for --evaluate
    {label: grounded | ungrounded, dataset, doc_id}. With --evaluate a last line holds the evaluation; stderr has its table.
    """
    if not 0 < budget < 1:
        raise UsageError(f"a budget of `{budget}` is none", hint="a share between 0 and 1: 0.05 is 5 %")
    evaluation, asked = Evaluation(), _scorer(scorer)
    with _writing(out) as stream:
        for row in read_answers(rows):
            support = score_row(row, asked)
            stream.write(json_.dumps(scored_json(row, support, asked.name), ensure_ascii=False) + "\n")
            if evaluate:
                evaluation.add(row, support.score, frozenset(doubt.kind.value for doubt in support.doubts))
        if evaluate:
            report = evaluation.report(budget, splits=SPLITS)
            stream.write(json_.dumps({"evaluation": report}, ensure_ascii=False) + "\n")
            note("\n".join(evaluation_lines(report)))
    return 0


def _scorer(name: str | None) -> SupportScorer:
    """The scorer of a name, or the one that a policy declares. Raises: UsageError; DocumentError for a policy that is none."""
    if name is None or not name.endswith((".yaml", ".yml")):
        return support_scorer(name)
    path = Path(name)
    if not path.is_file():
        raise UsageError(f"there is no file `{path}`", hint="name an `answers.yaml`, or a scorer")
    policy = bind(AnswerPolicy, parse_yaml(decoded(path.read_bytes(), str(path)), str(path)))
    spec = policy.evidence.scorer
    return support_scorer() if spec is None else open_support(spec, path.parent)


@contextmanager
def _writing(out: Path | None) -> Iterator[TextIO]:
    """stdout, or a file that appears whole or not at all."""
    if out is None:
        yield sys.stdout
        return
    if not out.parent.is_dir():
        raise UsageError(f"there is no folder `{out.parent}`", hint="make it first")
    half = out.with_name(f".{out.name}.part")
    try:
        with half.open("w", encoding="utf-8") as stream:
            yield stream
        half.replace(out)
    finally:
        half.unlink(missing_ok=True)
