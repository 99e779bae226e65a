"""`interlock answers`: recorded answers laid over their sources, without a bundle."""

import json as json_
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, TextIO

from cyclopts import Parameter

from interlock.cli.session import note
from interlock.core.errors import UsageError
from interlock.scorers import support_scorer
from interlock.services.answer_evaluation import SPLITS, Evaluation
from interlock.services.answer_rows import read_answers, score_row, scored_json
from interlock.views.answers import evaluation_lines


def score(
    rows: Path,
    /,
    *,
    evaluate: Annotated[
        bool, Parameter(negative="", help="Also say how well support tells labelled answers apart, by dataset.")
    ] = False,
    budget: Annotated[float, Parameter(help="Unsupported answers among the delivered, at most: 0.05 is 5 %.")] = 0.05,
    scorer: Annotated[
        str | None, Parameter(help="Another scorer of evidence that an installed package offers.")
    ] = None,
    out: Annotated[Path | None, Parameter(help="Write the lines there instead of to stdout.")] = None,
) -> int:
    """Lay each answer over its sources and print one JSON line a row: support in [0, 1], findings with their place.

    Rows are JSON Lines (also .gz): {id, context: [{id, text}], question, response}, and for --evaluate
    {label: grounded | ungrounded, dataset, doc_id}. With --evaluate a last line holds the evaluation; stderr has its table.
    """
    if not 0 < budget < 1:
        raise UsageError(f"a budget of `{budget}` is none", hint="a share between 0 and 1: 0.05 is 5 %")
    evaluation, asked = Evaluation(), support_scorer(scorer)
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
