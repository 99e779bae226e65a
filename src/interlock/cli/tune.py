"""`interlock tune`: what the policy leaves open, chosen on labelled data."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from interlock.cli.session import HERE, Dir, Json, note, show, show_json
from interlock.core.errors import UsageError
from interlock.scorers import support_scorer
from interlock.services.answer_rows import read_answers
from interlock.services.lock import MANIFEST
from interlock.services.tune import Terms, gather, policy_change, record_of
from interlock.settings import read_settings
from interlock.views.answers import calibration_json, calibration_lines
from interlock.wiring import open_support, read_feature


def abstention(
    *,
    data: Annotated[Path, Parameter(help="Labelled answers: the rows of `interlock answers score`, also .gz.")],
    budget: Annotated[float, Parameter(help="Unsupported answers among the delivered, at most: 0.05 is 5 %.")] = 0.05,
    confidence: Annotated[float, Parameter(help="How sure the promise is: 0.95 is 95 %.")] = 0.95,
    seed: Annotated[int, Parameter(help="Of the split of the documents into two halves.")] = 0,
    write: Annotated[bool, Parameter(negative="", help="Change the policy, and keep the record.")] = False,
    dir: Dir = HERE,
    json: Json = False,
) -> int:
    """Choose an evidence threshold for each slice on half of the documents, and prove it on the other half.

    Rows: {id, context: [{id, text}], question, response, label: grounded | ungrounded, slice, doc_id}; with `support`, the
    score is taken as it is. Prints what it costs in coverage and the change of the policy as a diff; --write applies it.
    """
    try:
        terms = Terms(budget, confidence, seed)
    except ValueError as error:
        raise UsageError(str(error), hint="--budget 0.05 --confidence 0.95 --seed 0") from error
    settings = read_settings(dir)
    resolved, loaded, _ = read_feature(settings)
    spec = loaded.answers.evidence.scorer
    labels = gather(read_answers(data), support_scorer() if spec is None else open_support(spec, settings.root))
    record = record_of(labels, loaded, terms, at=datetime.now(UTC))
    found = record.calibrated()
    change = policy_change(record, found, loaded, resolved.document.text)
    if json:
        show_json(calibration_json(record, found, labels.left_out, change.diff))
    else:
        show([*calibration_lines(record, found, labels.left_out), "", *(change.diff or ["the policy says so already"])])
    if write:
        for path, text in change.after.items():
            target = settings.root / path
            if not target.is_file() or target.read_text("utf-8") != text:
                half = target.with_name(f".{target.name}.part")
                half.write_text(text, "utf-8")
                half.replace(target)
        note(f"written; `{MANIFEST}` names the record. Lock and check again.")
    elif not json:
        note("nothing is written; --write applies it and keeps the record for SAFE-03")
    return 0
