"""What an eval run shows of the six packs: counts, critical failures, and whether each case tries what it says (SAFE-04)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from interlock.core.document import Document
from interlock.core.errors import InterlockError
from interlock.core.language import Heard, Tongue, primary, stands
from interlock.core.manifest import Part
from interlock.core.pack_rules import cases_for_pack, pack_floor
from interlock.core.packs import CONTRADICTED_BY, Pack, confirmed, harmful
from interlock.core.score import CaseResult, Reply, Scored
from interlock.core.suite import NO_PACKS, Case, Suite
from interlock.ports import LanguageReader
from interlock.services.eval_measures import count_units
from interlock.services.evaluate import Run
from interlock.services.parts import Loaded

PLANTED = "plant"
"""Key of a case's `context` under which it names the documents that an attacker wrote: `[{doc_id, text}]`."""

Asked = tuple[Suite, Case]


def packed(suites: Sequence[Suite]) -> tuple[Suite, ...]:
    """The suites whose packs count."""
    return tuple(suite for suite in suites if suite.kind not in NO_PACKS)


def of_pack(suites: Sequence[Suite], pack: Pack) -> list[Asked]:
    """The cases of a pack in all suites."""
    return [(suite, case) for suite in packed(suites) for case in suite.of_pack(pack)]


def speaks(loaded: Loaded) -> bool:
    """Whether anything is to be told apart by its language: what does that takes a second to load."""
    return bool(of_pack(loaded.suites, Pack.MULTILINGUAL))


def excuse(loaded: Loaded, pack: Pack) -> Mapping[str, Any] | None:
    """Why a pack does not apply to this bundle: derived from its parts, or claimed by a suite; None when it applies."""
    if pack is Pack.TOOL_OUTPUT_INJECTION and not (loaded.tools or loaded.bundle.has(Part.RETRIEVER)):
        return {"derived": True, "why": "the feature has neither tools nor documents", "contradicted": []}
    said = next((one for suite in packed(loaded.suites) for one in suite.without if one.pack is pack), None)
    if said is None or of_pack(loaded.suites, pack):  # another suite holds it, so it is tried
        return None
    stakes = loaded.release.stakes
    against = [name for name in sorted(CONTRADICTED_BY[said.because]) if stakes is not None and getattr(stakes, name)]
    return {"derived": False, "why": said.said, "contradicted": against}


@dataclass(frozen=True, slots=True)
class Spoken:
    """One case of the multilingual pack: what it says that it is in, what was heard, and how that stands."""

    suite: Suite
    case: Case
    lang: str
    heard: Heard
    tongue: Tongue


def listen(loaded: Loaded, reader: LanguageReader) -> list[Spoken]:
    """The cases of the multilingual pack, each with the language that it is really in.

    A case without `lang` is asked in the first language that is served.
    """
    served = loaded.release.languages
    found = []
    for suite, case in of_pack(loaded.suites, Pack.MULTILINGUAL):
        lang = case.lang or served[0]
        heard = reader.hear(asked_text(case), (*served, lang))
        tongue = stands(lang, heard) if reader.knows(lang) else Tongue.UNSURE
        found.append(Spoken(suite, case, lang, heard, tongue))
    return found


def asked_text(case: Case) -> str:
    """Everything that the person wrote."""
    if case.input is not None:
        return case.input
    return "\n".join(str(turn.get("content") or "") for turn in case.messages or () if turn.get("role") == "user")


def measure_languages(loaded: Loaded, reader: LanguageReader | None) -> dict[str, Any]:
    """What the multilingual pack is in: confirmed cases by language served, those outside, those that say another one."""
    served = list(dict.fromkeys(primary(lang) for lang in loaded.release.languages))
    rows = [] if reader is None else listen(loaded, reader)
    sure = [row for row in rows if row.tongue is Tongue.CONFIRMED and confirmed(row.case.source)]
    places = places_of(loaded) if any(row.tongue is Tongue.OTHER for row in rows) else {}
    return {
        "identifier": None if reader is None else reader.name,
        "served": served,
        "confirmed": {lang: n for lang in served if (n := sum(primary(row.lang) == lang for row in sure))},
        "outside": sum(primary(row.lang) not in served for row in sure),
        "unsure": [row.case.id for row in rows if row.tongue is Tongue.UNSURE],
        "other": [
            {
                "suite": row.suite.name,
                "case": row.case.id,
                "lang": row.lang,
                "heard": row.heard.lang,
                "sure": round(row.heard.sure, 3),
                **places.get((row.case.id, asked_text(row.case)), {}),
            }
            for row in rows
            if row.tongue is Tongue.OTHER
        ],
    }


def places_of(loaded: Loaded) -> dict[tuple[str, str], dict[str, Any]]:
    """File and line of every case, by its id and what it asks."""
    from interlock.core.json_text import parse_jsonl

    found: dict[tuple[str, str], dict[str, Any]] = {}
    for entry in loaded.bundle.components[Part.EVALS].files:
        if not entry.path.endswith(".jsonl"):
            continue
        try:
            rows = parse_jsonl(loaded.tree.read(entry.path).decode(), entry.path)
        except (InterlockError, UnicodeDecodeError):  # a file of another kind, such as labels of a judge
            continue
        for row in rows:
            if key := _case_key(row):
                found.setdefault(key, {"file": entry.path, "line": row.first_line})
    return found


def _case_key(row: Document) -> tuple[str, str] | None:
    value = row.value
    if not isinstance(value, dict) or not isinstance(value.get("id"), str):
        return None
    if isinstance(value.get("input"), str):
        return value["id"], value["input"]
    turns = [turn for turn in value.get("messages") or () if isinstance(turn, dict) and turn.get("role") == "user"]
    return value["id"], "\n".join(str(turn.get("content") or "") for turn in turns)


def measure_packs(run: Run, loaded: Loaded, reader: LanguageReader | None) -> Mapping[str, Any]:
    """The data of SAFE-04, of the run that the other evals are measured from."""
    tongues = measure_languages(loaded, reader)
    foreign = {(row["suite"], row["case"]) for row in tongues["other"]}
    return {"packs": [_pack(run, loaded, pack, foreign) for pack in Pack], "languages": tongues}


def pack_states(loaded: Loaded, reader: LanguageReader | None) -> Mapping[str, Any]:
    """How the packs stand before anything is asked: cases, those that count, and how many a first pass takes, if none fails."""
    rows = []
    for pack in Pack:
        cases = of_pack(loaded.suites, pack)
        floor = pack_floor(pack, loaded.release.limits, _declared(loaded.suites, pack))
        said = excuse(loaded, pack)
        starters = sum(not confirmed(case.source) for _, case in cases)
        rows.append(
            {
                "pack": pack.value,
                "what": pack.what,
                "excuse": said,
                "cases": len(cases),
                "starters": starters,
                "floor": floor,
                "need": None if said is not None else cases_for_pack(floor, 0, len(cases) - starters),
            }
        )
    return {"packs": rows, "languages": measure_languages(loaded, reader)}


def _declared(suites: Sequence[Suite], pack: Pack) -> float | None:
    """The highest floor that a slice of this pack declares for the whole case."""
    pieces = [(suite, piece) for suite in packed(suites) for piece in suite.slices if piece.pack is pack]
    floors = [floor for suite, piece in pieces if (floor := suite.floors(piece).get("case")) is not None]
    return max(floors, default=None)


def _pack(run: Run, loaded: Loaded, pack: Pack, foreign: set[tuple[str, str]]) -> dict[str, Any]:
    cases = of_pack(run.suites, pack)
    starters = [(suite, case) for suite, case in cases if not confirmed(case.source)]
    unexposed = [(suite, case) for suite, case in cases if not _exposed(case, _result(run, suite, case))]
    aside = {(suite.name, case.id) for suite, case in (*starters, *unexposed)}
    aside |= foreign if pack is Pack.MULTILINGUAL else set()
    counted = [(suite, case) for suite, case in cases if (suite.name, case.id) not in aside]
    units = count_units(run, counted)
    return {
        "pack": pack.value,
        "excuse": excuse(loaded, pack),
        "cases": len(cases),
        "n": units["passed"] + units["failed"],
        "passes": units["passed"],
        "failed": [case.id for suite, case in counted if _result(run, suite, case).passed() is False],
        "broken": units["broken"],
        "curtailed": units["curtailed"],
        "unscored": units["unscored"],
        "floor": _declared(run.suites, pack),
        "starters": len(starters),
        "unexposed": [case.id for _, case in unexposed],
        "critical": list(_critical(run, pack, cases)),
    }


def _result(run: Run, suite: Suite, case: Case) -> CaseResult:
    return run.results[f"{suite.name}/{case.id}"]


def _critical(run: Run, pack: Pack, cases: Sequence[Asked]) -> Iterator[dict[str, str]]:
    """Failures of which one is too many: of a case that must pass, of a critical slice, or with something forbidden done."""
    for suite, case in cases:
        result = _result(run, suite, case)
        harm = _harm(pack, result)
        if harm is None and result.passed() is False:
            slices = [piece.id for piece in suite.slices if piece.critical and piece.id in case.slices]
            harm = "it must pass" if case.must_pass else f"slice `{slices[0]}` is critical" if slices else None
        if harm is not None:
            yield {"suite": suite.name, "case": case.id, "why": harm}


def _harm(pack: Pack, result: CaseResult) -> str | None:
    for index in result.ran:
        for score in result.scores[index]:
            if isinstance(score, Scored) and score.harm and harmful(pack, score.scorer):
                return score.why
    return None


def _exposed(case: Case, result: CaseResult) -> bool:
    """Whether what a case plants reached the app in every repeat; a case that plants nothing is taken at its word."""
    planted = case.context.get(PLANTED)
    if not isinstance(planted, list) or not planted:
        return True
    wanted = [row for row in planted if isinstance(row, dict)]
    replies = [reply for index in result.ran if (reply := result.trials[index].reply) is not None]
    return bool(wanted) and all(_arrived(wanted, reply) for reply in replies)


def _arrived(planted: Sequence[Mapping[str, Any]], reply: Reply) -> bool:
    got = [(str(document.get("doc_id")), str(document.get("text", ""))) for document in reply.retrieved]
    return all(
        any(id == str(row.get("doc_id")) or (row.get("text") and str(row["text"]) in text) for id, text in got)
        for row in planted
    )
