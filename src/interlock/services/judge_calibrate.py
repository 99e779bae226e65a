"""A judge before people: it is asked about the answers that they labelled, and what both said becomes its calibration record."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from interlock.core.binding import bind
from interlock.core.checks import Limits
from interlock.core.digest import Digest, of_value
from interlock.core.errors import DocumentError, TargetError, UsageError
from interlock.core.json_text import parse_jsonl
from interlock.core.judges import CalibrationRecord, Judge, Label, LabelledRow
from interlock.core.manifest import Part
from interlock.core.rubric import Exhibit, Marks
from interlock.core.ruling import Ruling
from interlock.core.score import CaseResult
from interlock.core.shown import drawn
from interlock.core.source import decoded
from interlock.core.suite import Suite, SuiteFile
from interlock.core.suite_rules import rule_judges
from interlock.core.yaml_text import parse_yaml
from interlock.ports import LiveChat, TrialStore
from interlock.services.answer_rows import shown_escapes
from interlock.services.evaluate import Run, trial_key
from interlock.services.globs import matching
from interlock.services.judge_asking import Apart, Bailiff
from interlock.services.judge_standing import asked_slices, standing_of
from interlock.services.judged_run import can_be_shown, exhibit_of, picked
from interlock.services.jury import Jury
from interlock.services.lock import case_pattern
from interlock.services.parts import Loaded


@dataclass(frozen=True, slots=True)
class Labelled:
    """What people said of answers. units: by reply, its rows. waiting: rows that nobody has labelled yet."""

    units: Mapping[tuple[str, Digest], tuple[LabelledRow, ...]]
    waiting: int

    @property
    def rows(self) -> int:
        """Labels."""
        return sum(map(len, self.units.values()))


@dataclass(frozen=True, slots=True)
class Calibrated:
    """A calibration that was made: the record, what it shows, what was set apart and why, and what it took now."""

    record: CalibrationRecord
    ruling: Ruling
    standing: Mapping[str, Any]
    apart: Mapping[str, int]
    why_apart: tuple[str, ...]
    calls: int
    cost_usd: float


def judge_of(loaded: Loaded, name: str | None, suite: str | None) -> tuple[Suite, Judge]:
    """The one judge that is meant.

    Raises: UsageError when there is none, several, or it has no endpoint.
    """
    found = [
        (one, judge)
        for one in loaded.suites
        for judge in one.judges
        if name in (None, judge.spec.name) and suite in (None, one.name)
    ]
    if not found:
        raise UsageError("no suite declares such a judge", hint="declare it under `judges:`: docs/judges.md")
    if len(found) > 1:
        known = ", ".join(f"{judge.spec.name} ({one.name})" for one, judge in found)
        raise UsageError("several judges are meant", hint=f"pick one with --judge and --suite: {known}")
    one, judge = found[0]
    if judge.spec.endpoint is None:
        raise UsageError(f"judge `{judge.spec.name}` has no endpoint to be asked at", hint="add `endpoint: {url: …}`")
    return one, judge


def read_labels(path: Path, judge: Judge) -> Labelled:
    """The labels of a file: JSON Lines, see `LabelledRow`.

    Raises: UsageError when there is no such file; DocumentError for a row that is none, a person who labelled one answer twice, a row
        without the reference that the rubric shows, or a file without a label.
    """
    if judge.criteria is None:
        raise ValueError(f"judge `{judge.spec.name}` has no endpoint")
    if not path.is_file():
        raise UsageError(f"there is no file `{path}`", hint="write one with `interlock judge items --out FILE`")
    units: dict[tuple[str, Digest], list[LabelledRow]] = {}
    waiting = 0
    for document in parse_jsonl(shown_escapes(decoded(path.read_bytes(), str(path))), str(path)):
        row = bind(LabelledRow, document)
        if row.human is None or row.rater is None:
            waiting += 1
            continue
        if judge.criteria.needs_reference and row.reference is None:
            raise document.error((), "the rubric shows a reference, and the row has none", hint="add `reference`")
        unit = units.setdefault((row.case, row.exhibit.seen(judge.criteria).digest), [])
        if any(other.rater == row.rater for other in unit):
            raise document.error(("rater",), f"`{row.rater}` labelled this answer of `{row.case}` twice")
        unit.append(row)
    if not units:
        hint = "write `human: true` or `human: false`, and your name as `rater`"
        raise DocumentError(f"`{path}` has no label, {waiting} rows wait for one", hint=hint)
    return Labelled({key: tuple(rows) for key, rows in units.items()}, waiting)


def purse_of(judge: Judge, labels: Labelled) -> str:
    """The id under which the money of a calibration counts: the same for one that goes on after it was interrupted."""
    named = {"asks": judge.asks, "model": judge.spec.model.pin, "units": sorted(list(key) for key in labels.units)}
    return "calibrate-" + of_value(named, domain="interlock.calibrate.v1").removeprefix("sha256:")[:16]


async def calibrate(suite: Suite, judge: Judge, labels: Labelled, jury: Jury, limits: Limits) -> Calibrated:
    """Ask the judge about every labelled answer. What was asked is kept, so that an interrupted calibration goes on.

    A judge that cannot be asked about one of them is not calibrated on the others: it may be the hard ones that are missing. What
    it answers in another shape, or undecided, is left out and counted.

    Raises: TargetError when the judge could not be asked, and what reading its recordings raises.
    """
    opened: list[LiveChat] = []
    purse = purse_of(judge, labels)
    try:
        chat = jury.chat(judge, purse, opened)
        bailiff = Bailiff(judge, chat, at_once=jury.manifest.run.concurrency)
        # The place in the order must not come from anything but the answer itself.
        said = await bailiff.all(
            [(rows[0].exhibit, f"label\0{case}\0{reply}") for (case, reply), rows in labels.units.items()]
        )
    finally:
        for live in opened:
            await live.close()
    kept: list[Label] = []
    apart: dict[str, int] = {}
    why: dict[str, None] = {}
    for ((case, reply), rows), one in zip(labels.units.items(), said, strict=True):
        if isinstance(one.word, Apart):
            if one.word.broken is not None:
                raise TargetError(
                    f"judge `{judge.spec.name}` could not be asked about `{case}`: {one.word.why}",
                    hint="run it again: what was asked is kept and costs nothing",
                )
            apart[one.word.state.value] = apart.get(one.word.state.value, 0) + 1
            why.setdefault(one.word.why)
            continue
        word: Marks = one.word
        kept += [_label(row, word.passed, reply) for row in rows]
    if not kept:
        raise TargetError(
            f"judge `{judge.spec.name}` said nothing that counts of {len(labels.units)} answers: {next(iter(why))}",
            hint="see whether the endpoint keeps to a JSON schema (`response_format: json_schema`)",
        )
    record = CalibrationRecord(
        calibration=1, judge=judge.spec.name, model=judge.spec.model.pin, prompt=judge.prompt, rubric=judge.rubric,
        asks=judge.asks, apart=sum(apart.values()), rows=tuple(sorted(kept, key=lambda row: (row.unit, row.rater))),
    )  # fmt: skip
    standing = standing_of(suite.name, replace(judge, calibration=record))
    return Calibrated(
        record, rule_judges({"judges": [standing]}, limits), standing, apart, tuple(why)[:3],
        sum(one.calls for one in said), sum(one.cost_usd for one in said),
    )  # fmt: skip


def _label(row: LabelledRow, passed: bool, reply: Digest) -> Label:
    assert row.rater is not None and row.human is not None  # noqa: PT018  read_labels leaves the others out
    return Label(case=row.case, rater=row.rater, human=row.human, judge=passed, slices=row.slices, reply=reply)


def record_text(record: CalibrationRecord) -> str:
    """The record as the file that a suite names: one row a line, so that a diff of it can be read."""
    head = record.model_dump(mode="json", exclude={"rows"}, exclude_none=True)
    rows = [
        json.dumps(row.model_dump(mode="json", exclude_defaults=True, exclude_none=True), ensure_ascii=True)
        for row in record.rows
    ]
    opening = json.dumps(head, indent=1, ensure_ascii=True).removesuffix("\n}")
    return f'{opening},\n "rows": [\n  ' + ",\n  ".join(rows) + "\n ]\n}\n"


def record_path(loaded: Loaded, patterns: Sequence[str], suite: Suite, judge: Judge) -> tuple[str, bool]:
    """Where the record of a judge belongs, relative to the feature's folder, and whether the suite names it already."""
    home = next(
        (
            path
            for pattern in patterns
            for path in matching(pattern, [entry.path for entry in loaded.bundle.components[Part.EVALS].files])
            if _suite_named(loaded, path) == suite.name
        ),
        "evals/suite.yaml",
    )
    if judge.spec.calibration is not None:
        return case_pattern(home, judge.spec.calibration) or judge.spec.calibration, True
    return str(PurePosixPath(home).parent / "judges" / f"{judge.spec.name}.labels.json"), False


def _suite_named(loaded: Loaded, path: str) -> str | None:
    try:
        return bind(SuiteFile, parse_yaml(decoded(loaded.tree.read(path), path), path)).suite
    except DocumentError:
        return None


# ── answers to be labelled ──────────────────────────────────────────────────────────────────────────────────────


def items_of(
    loaded: Loaded,
    suite: Suite,
    judge: Judge,
    *,
    upstream: Mapping[str, str],
    repeats: int,
    trials: TrialStore,
    most: int,
) -> list[dict[str, Any]]:
    """Answers of the newest run that people may label, as rows of `LabelledRow` that wait for `human` and `rater`.

    They are drawn from the units that the judge is asked about, each as likely as any other: labels of a sample that somebody picked
    say nothing of the rest. What has a label already is left out.
    """  # fmt: skip
    if judge.criteria is None:
        raise ValueError(f"judge `{judge.spec.name}` has no endpoint")
    record = judge.calibration
    done = {row.reply for row in record.rows} if record is not None and not judge.stale() else set()
    rows: dict[str, dict[str, Any]] = {}
    run = _stored(loaded, suite, upstream, repeats, trials)
    for piece in asked_slices(suite, judge):
        for one in picked(run, suite, suite.of_slice(piece.id)).values():
            if not one.answered or not can_be_shown(judge, one.case):
                continue
            seen = exhibit_of(one.case, one.trial).seen(judge.criteria)
            if seen.digest not in done:
                rows.setdefault(f"{one.case.id}\0{seen.digest}", _item(one.case.id, one.case.slices, seen))
    return [rows[name] for name in drawn("items", rows)[:most]]


def _item(case: str, slices: Sequence[str], seen: Exhibit) -> dict[str, Any]:
    return {
        "case": case,
        "rater": None,
        "human": None,
        "slices": list(slices),
        "question": seen.question,
        "answer": seen.answer,
        **({"reference": seen.reference} if seen.reference is not None else {}),
        **({"sources": [{"id": name, "text": text} for name, text in seen.sources]} if seen.sources else {}),
    }


def _stored(loaded: Loaded, suite: Suite, upstream: Mapping[str, str], repeats: int, trials: TrialStore) -> Run:
    """The stored trials of a suite as a run that asked nothing."""
    results = {}
    keys = {(case.id, r): trial_key(upstream, case, r) for case in suite.cases for r in range(repeats)}
    found = trials.find(keys.values())
    for case in suite.cases:
        own = tuple(found[key].trial for r in range(repeats) if (key := keys[case.id, r]) in found)
        results[f"{suite.name}/{case.id}"] = CaseResult(case.id, case.slices, case.unit, own, ((),) * len(own))
    ats = [attempt.at for attempt in found.values()]
    if not ats:
        raise UsageError(
            f"no reply of suite `{suite.name}` is stored for these bytes", hint="run `interlock check` first"
        )
    return Run("", upstream, (suite,), results, False, 0, len(ats), 0.0, min(ats), max(ats), loaded.bundle.digest)
