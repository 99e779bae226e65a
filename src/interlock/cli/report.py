"""`interlock report`."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from interlock.cli.session import HERE, Bar, Dir, Env, bench_of, environment_of, note, records_of
from interlock.core.bundle import Bundle
from interlock.core.digest import Digest
from interlock.core.errors import EvidenceError, UsageError
from interlock.core.manifest import Part
from interlock.core.verdict import Verdict, verdict_to_json
from interlock.ports import Records
from interlock.services.assess import assess, baseline
from interlock.services.bought import delivered_by_bundle
from interlock.services.history import readings, reasons_of
from interlock.services.lock import Resolved
from interlock.services.measure import Measurer
from interlock.services.parts import Loaded
from interlock.services.shelf import fetch
from interlock.services.stored_scores import stored_scores
from interlock.services.subject import subject_of, subjects_of
from interlock.services.waive import open_waivers
from interlock.settings import Settings
from interlock.views.detail import detail_text
from interlock.views.events import ScoreRow, event_lines
from interlock.views.html import html_text
from interlock.views.json_ import verdict_text
from interlock.views.junit import junit_text
from interlock.views.markdown import markdown_text
from interlock.views.page import BundleColumn, PartCell, ReadingRow, ReportPage, WaiverRow
from interlock.views.risk_coverage import bought_of
from interlock.views.sarif import sarif_text
from interlock.views.summary import RunSummary
from interlock.wiring import read_feature, write_file

Format = Literal["html", "text", "json", "junit", "sarif", "md", "intoto", "events"]

_RENDER: dict[str, Callable[[ReportPage], str]] = {
    "html": html_text,
    "text": detail_text,
    "json": lambda page: verdict_text(page.verdict, others=page.verdicts[1:], run=page.run),
    "junit": lambda page: junit_text(page.verdict),
    "sarif": lambda page: sarif_text(page.verdict),
    "md": lambda page: markdown_text(page.verdict, others=page.verdicts[1:], run=page.run),
}
_SUFFIX = {
    "html": "html", "text": "txt", "json": "json", "junit": "xml", "sarif": "sarif", "md": "md", "intoto": "intoto.json", "events": "jsonl",
}  # fmt: skip


def report(
    *,
    format: Annotated[
        Format,
        Parameter(help="How to write it; `intoto` is signed, `events` are the run's scores for OpenTelemetry."),
    ] = "html",
    out: Annotated[
        Path | None,
        Parameter(
            name=["--out", "-o"],
            allow_leading_hyphen=True,
            help="File to write, `-` for stdout. Default: interlock-report.…",
        ),
    ] = None,
    env: Env = None,
    dir: Dir = HERE,
) -> int:
    """Write the verdict that the stored evidence gives right now; measures nothing. One verdict object makes every format."""
    with records_of(dir) as (settings, records):
        resolved, loaded, lock = read_feature(settings)
        chosen = environment_of(loaded.release, env)
        names = [chosen, *(name for name in loaded.release.environments if name != chosen)]
        locked = lock is not None and lock.digest == loaded.bundle.digest
        subjects = [replace(subject_of(loaded, loaded.bundle, resolved.app, name), locked=locked) for name in names]
        verdicts = tuple(assess(subject, records) for subject in subjects)
        page = ReportPage(
            verdicts,
            tuple(
                ReadingRow(r.at, r.bundle, r.environment, r.word, r.blocking, r.valid_until, r.next_to_expire, r.calls, r.cost_usd, r.actor)
                for r in readings(records)
            ),
            _last_run(records, loaded.bundle.digest),
            _columns(records, loaded.bundle, baseline(subjects[0], records)),
            tuple(
                WaiverRow(w.check, w.reason, w.owner, w.approver, w.control, w.until)
                for w in open_waivers(records, records.clock.now())
            ),
            _signers(records, verdicts[0]),
            bought_of(
                ((one.bundles, one.data) for one in delivered_by_bundle(records, loaded.bundle)),
                loaded.bundle.digest,
                subjects[0].limits.unsupported_max,
            ),
        )  # fmt: skip
        if format == "intoto":
            text = _signed(records, loaded.bundle, verdicts[0])
        elif format == "events":
            text = _events(settings, records, resolved, loaded)
        else:
            text = _RENDER[format](page)
        if str(out) == "-":
            print(text, end="")
            return 0
        path = out or Path(f"interlock-report.{_SUFFIX[format]}")
        write_file(path, text)
        note(f"wrote {path}")
    return 0


def _signed(records: Records, bundle: Bundle, verdict: Verdict) -> str:
    """The verdict as an in-toto statement in a DSSE envelope; `interlock bundle verify` opens it."""
    said = {**verdict_to_json(verdict), "subjects": subjects_of(bundle, Part)}
    return records.signer.sign(said, kind="verdict").decode()  # one spelling: a byte more was altered


def _events(settings: Settings, records: Records, resolved: Resolved, loaded: Loaded) -> str:
    """The scores of the trials that are stored for this bundle; asks for none."""
    bench = bench_of(settings)
    measurer = Measurer(resolved.manifest, resolved.app, records, bench, Bar(quiet=True))
    weighing = measurer.weighing(loaded)
    scores = stored_scores(
        measurer.suites(loaded),
        upstream=measurer.upstream(loaded.bundle),
        repeats=resolved.manifest.run.repeats,
        trials=records.trials,
        scorers=bench.scorers(loaded.output_schema, weighing.scorer),
    )
    model = str(loaded.bundle.components[Part.MODEL].spec.get("id", ""))
    rows = (ScoreRow(one.suite, one.case, one.repeat, one.trial.trace_id, one.score, one.at) for one in scores)
    try:
        text = "".join(event_lines(rows, bundle=loaded.bundle.digest, feature=loaded.bundle.feature, model=model))
    finally:
        weighing.close()
    if not text:
        raise UsageError("no trial of this bundle is stored", hint="run `interlock check` first")
    return text


def _last_run(records: Records, bundle: Digest) -> RunSummary | None:
    found = [fact.body for fact in records.ledger.facts("run") if fact.body["bundle"] == bundle]
    if not found:
        return None
    last = found[-1]
    return RunSummary(
        last["calls"],
        last["reused"],
        last["cost_usd"],
        (),
        last["broken"],
        last["truncated"],
        last["seconds"],
        last["faults"],
        last.get("curtailed", 0),
    )


def _columns(records: Records, bundle: Bundle, before: Digest | None) -> tuple[BundleColumn, ...]:
    mine = _column("this", bundle, records)
    return (mine,) if before is None else (_column("live", fetch(records, before)[0], records), mine)


def _column(label: str, bundle: Bundle, records: Records) -> BundleColumn:
    known = reasons_of(records, bundle)
    cells: dict[str, PartCell | None] = {
        kind.value: PartCell(
            component.version, component.digest, component.pin.value,
            known.get(kind.value, {}).get("author", ""), known.get(kind.value, {}).get("reason", ""),
        )
        for kind, component in bundle.components.items()
    }  # fmt: skip
    notes = tuple(
        f"{part} {kind.replace('_', ' ')} {rows}"
        for part, kinds in bundle.constraints.items()
        for kind, rows in kinds.items()
    )
    return BundleColumn(label, bundle.digest, cells, notes)


def _signers(records: Records, verdict: Verdict) -> dict[str, str]:
    found = {}
    for outcome in verdict.outcomes:
        if outcome.evidence is not None:
            try:
                _, signature = records.signer.open(records.evidence.envelope(outcome.evidence), kind="evidence")
            except EvidenceError:
                continue  # it expired this instant; the outcome will say so on the next reading
            found[str(outcome.evidence)] = signature.name
    return found
