"""Checks of the policy that only read: words, actions, wording, guides, caps, suites and stakes.

Each measure says what was examined and what was found; `core/rules.py` judges it.
"""

import posixpath
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from types import MappingProxyType
from typing import Any
from urllib.parse import unquote

from interlock.core.answer import Wording, wording_for
from interlock.core.calibration import EVERY, SHAPERS, promises
from interlock.core.catalogue import find_check
from interlock.core.checks import loosened
from interlock.core.document import Document
from interlock.core.errors import DocumentError, ManyErrors
from interlock.core.evidence import Method
from interlock.core.glossary import Finding, lint_terms, lint_text
from interlock.core.json_text import parse_json
from interlock.core.manifest import Part
from interlock.core.operations import Caps
from interlock.core.runbook import Command, Guide, Human, Probe, Step, command_line, read_step
from interlock.core.source import Path
from interlock.core.suite import Case, Expect, Slice, Suite, SuiteKind
from interlock.core.yaml_text import parse_yaml
from interlock.services.parts import Loaded, StaticContext
from interlock.services.static_tools import disagreements

_MANIFEST = "interlock.yaml"


def _findings(found: list[Finding], examined: int, what: str, asked: str) -> Mapping[str, Any]:
    return {"findings": [finding.row() for finding in found], "examined": examined, "what": what, "asked": asked}


def _document(loaded: Loaded, path: str) -> Document:
    """A file of the bundle that `load_parts` has read before, now for the places in it."""
    text = loaded.text(path) or ""
    return parse_json(text, path) if path.endswith(".json") else parse_yaml(text, path)


def _file(loaded: Loaded, part: Part, key: str) -> str | None:
    """The path that a part's specification gives for a file."""
    component = loaded.bundle.components.get(part)
    path = component.spec.get(key) if component else None
    return path if isinstance(path, str) else None


def _at(document: Document, path: Path, message: str) -> Finding:
    place = document.place(path)
    return Finding(message, document.file, place.line, place.column)


# ── DOM-01, DOM-02 ──────────────────────────────────────────────────────────────────────────────────────────────


def measure_actions(context: StaticContext) -> Mapping[str, Any]:
    """DOM-01: each tool has one action, each action one tool and one term, each term one meaning and an owner."""
    loaded = context.loaded
    return _findings(
        action_findings(loaded),
        len(loaded.tools) + len(loaded.glossary.terms),
        "tools and terms",
        "each tool one action that agrees with it, each action one term, each term one meaning and an owner",
    )


def action_findings(loaded: Loaded) -> list[Finding]:
    """Where tools, actions and terms do not fit each other."""
    found = [*_tool_faults(loaded), *_action_faults(loaded)]
    manifest, map_ = _file(loaded, Part.TOOLS, "manifest"), _file(loaded, Part.GUARDRAILS, "actions")
    if manifest and map_:
        found += disagreements(loaded, _document(loaded, manifest), _document(loaded, map_))
    if path := _file(loaded, Part.GUARDRAILS, "glossary"):
        document = _document(loaded, path)
        found += [_at(document, at, message) for at, message in lint_terms(loaded.glossary)]
        known = {action.action for action in loaded.actions.map} if loaded.actions else set()
        found += [
            _at(document, ("terms", n, "actions", k), f"the term `{term.term}` names `{action}`, which is no action")
            for n, term in enumerate(loaded.glossary.terms)
            for k, action in enumerate(term.actions)
            if action not in known
        ]
    return found


def _tool_faults(loaded: Loaded) -> Iterator[Finding]:
    path = _file(loaded, Part.TOOLS, "manifest")
    if path is None:
        return
    document, seen = _document(loaded, path), set()
    for n, tool in enumerate(loaded.tools):
        at = ("tools", n, "name")
        if tool.name in seen:
            yield _at(document, at, f"the tool `{tool.name}` is listed twice")
            continue
        seen.add(tool.name)
        actions = loaded.actions.of_tool(tool.name) if loaded.actions else ()
        if not actions:
            yield _at(document, at, f"the tool `{tool.name}` has no action")
        elif len(actions) > 1:
            names = ", ".join(f"`{action.action}`" for action in actions)
            yield _at(document, at, f"the tool `{tool.name}` has {len(actions)} actions: {names}")


def _action_faults(loaded: Loaded) -> Iterator[Finding]:
    path = _file(loaded, Part.GUARDRAILS, "actions")
    if path is None or loaded.actions is None:
        return
    document, tools, seen = _document(loaded, path), {tool.name for tool in loaded.tools}, set()
    for n, action in enumerate(loaded.actions.map):
        at = ("map", n, "action")
        if action.action in seen:
            yield _at(document, at, f"the action `{action.action}` is defined twice")
            continue
        seen.add(action.action)
        if action.tool not in tools:
            yield _at(
                document, ("map", n, "tool"), f"the action `{action.action}` calls `{action.tool}`, which is no tool"
            )
        owners = loaded.glossary.owners_of(action.action)
        if not owners:
            yield _at(document, at, f"the action `{action.action}` belongs to no term of the glossary")
        elif len(owners) > 1:
            names = ", ".join(f"`{term}`" for term in owners)
            yield _at(document, at, f"the action `{action.action}` belongs to {len(owners)} terms: {names}")


def measure_words(context: StaticContext) -> Mapping[str, Any]:
    """DOM-02: the texts of the parts that the check reads keep to the glossary."""
    loaded, reads = context.loaded, find_check("DOM-02").reads
    texts = [row for row in loaded.texts if row[0] in reads]  # others would not be in the scope of the evidence
    found = [finding for part, path, text in texts for finding in lint_text(loaded.glossary, part, path, text)]
    return _findings(found, len(texts), "texts", "no forbidden synonym, no state without a definition")


# ── SAFE-03 ─────────────────────────────────────────────────────────────────────────────────────────────────────


def measure_calibration(context: StaticContext) -> Mapping[str, Any]:
    """SAFE-03: what the record of the calibration promises, of which bundle, and what the policy asks."""
    loaded = context.loaded
    if loaded.calibration is None:
        return {"labels": 0, "budget": 0.0, "confidence": 0.0, "stale": [], "slices": []}
    from interlock.core.support import SCORER

    evidence = loaded.answers.evidence
    scorer = SCORER if evidence.scorer is None else evidence.scorer.pin
    policy = {name: evidence.of_slice(name).threshold for name in evidence.slices}
    return promises(loaded.calibration, {**policy, EVERY: evidence.threshold}, loaded.bundle.parts(SHAPERS), scorer)


# ── SAFE-07 ─────────────────────────────────────────────────────────────────────────────────────────────────────

_LEAST_WORDS = 3
_LEAST_SIGNS = 6
_UNSPACED = frozenset({"ja", "km", "lo", "my", "th", "yue", "zh"})
"""Languages that are written without spaces between words."""


def measure_wording(context: StaticContext) -> Mapping[str, Any]:
    """SAFE-07: words for abstention and escalation in every language, with what happens next, and real queues."""
    loaded = context.loaded
    answers, languages = loaded.answers, loaded.release.languages
    path = _file(loaded, Part.GUARDRAILS, "answers")
    document = _document(loaded, path) if path else None
    found: list[Finding] = []
    for kind, wording in (("abstain", answers.abstain.wording), ("escalate", answers.escalate.wording)):
        for language in languages:
            fault = _wording_fault(wording_for(wording, language), language)
            if fault and document:
                key, message = fault
                base = (kind, "wording", language if language in wording else language.split("-")[0])
                found.append(_at(document, (*base, key) if key else base, f"{kind}, `{language}`: {message}"))
    for n, rule in enumerate(answers.escalate.rules):
        if document and not loaded.escalation.has_section(rule.queue):
            message = (
                f"the rule `{rule.id}` hands over to `{rule.queue}`, which has no section in {loaded.escalation.file}"
            )
            found.append(_at(document, ("escalate", "rules", n, "queue"), message))
    examined = 2 * len(languages) + len(answers.escalate.rules)
    return _findings(
        found, examined, "wordings and rules", "text and next step in every language; every queue described"
    )


def _wording_fault(wording: Wording | None, language: str) -> tuple[str, str] | None:
    """What is wrong with a wording: the key, empty for all of it, and a message."""
    if wording is None:
        return "", "there is no wording"
    if not wording.text.strip():
        return "text", "the text is empty"
    told = wording.next.strip()
    unspaced = language.replace("_", "-").split("-")[0] in _UNSPACED
    if len(told) < _LEAST_SIGNS if unspaced else len(told.split()) < _LEAST_WORDS:
        return "next", "it does not say what happens next"
    if told == wording.text.strip():
        return "next", "the next step only repeats the text"
    return None


# ── RUN-01 ──────────────────────────────────────────────────────────────────────────────────────────────────────


def measure_guides(context: StaticContext) -> Mapping[str, Any]:
    """RUN-01: owner in the rota, reviewed against these operations, steps that parse, links that resolve."""
    loaded = context.loaded
    found: list[Finding] = []
    examined = 0
    for guide in (loaded.runbook, loaded.escalation):
        found += _front_faults(guide, loaded)
        found += [finding for step in guide.steps for finding in _step_faults(step, guide, context)]
        found += _link_faults(guide, frozenset(loaded.bundle.paths()))
        if not any(step.kind in {"command", "probe"} for step in guide.steps):
            found.append(Finding("no step can be executed: add a command or a probe", guide.file, 1, 1))
        examined += len(guide.steps) + sum(link.path is not None for link in guide.links)
    return _findings(
        found,
        examined,
        "steps and links",
        "steps parse, owner in the rota, links resolve, reviewed for these operations",
    )


def _front_faults(guide: Guide, loaded: Loaded) -> Iterator[Finding]:
    operations, owner = loaded.operations, guide.front.owner
    if owner not in operations.people and owner not in operations.rota:
        yield Finding(f"the owner `{owner}` is not in the rota", guide.file, guide.owner_line)
    path = _file(loaded, Part.RUNBOOK, "operations")
    entry = loaded.bundle.paths().get(path or "")
    if entry is not None:
        current, reviewed = entry.sha256.removeprefix("sha256:")[:12], guide.front.reviewed.operations
        if reviewed != current:
            message = (
                f"reviewed for operations `{reviewed}`, which since became `{current}`: "
                f'read the guide again, then write `operations: "{current}"`'
            )
            yield Finding(message, guide.file, guide.operations_line)


def _step_faults(step: Step, guide: Guide, context: StaticContext) -> Iterator[Finding]:
    try:
        content = read_step(step, guide.file)
    except ManyErrors as faults:
        yield from (_of_error(fault, guide, step) for fault in faults.errors if isinstance(fault, DocumentError))
        return
    except DocumentError as fault:
        yield _of_error(fault, guide, step)
        return
    match content:
        case Command(argv):
            if why := context.command_check(list(argv[1:])):  # as a shell hands them over
                yield Finding(f"`{' '.join(argv)}` does not parse: {why}", guide.file, command_line(step))
        case Human(who=team) if team not in context.loaded.operations.rota:
            yield Finding(f"`{team}` is no team of the rota", guide.file, step.line)
        case Probe(expect=expect) if expect.queue and "escalate" not in expect.outcomes:
            yield Finding(f"the probe expects the queue `{expect.queue}` and no escalation", guide.file, step.line)


def _of_error(fault: DocumentError, guide: Guide, step: Step) -> Finding:
    place = fault.place
    return Finding(
        f"{fault.message}: {fault.hint}" if fault.hint else fault.message,
        guide.file,
        place.line if place and place.line else step.line,
        place.column if place else None,
    )


def _link_faults(guide: Guide, paths: frozenset[str]) -> Iterator[Finding]:
    folder = posixpath.dirname(guide.file)
    for link in guide.links:
        if link.path is None:
            continue
        target = posixpath.normpath(posixpath.join(folder, unquote(link.path)))
        if target not in paths and not any(path.startswith(target + "/") for path in paths):
            yield Finding(f"the link `{link.target}` leads to no file of the bundle", guide.file, link.line)


# ── CAP-01 ──────────────────────────────────────────────────────────────────────────────────────────────────────


def measure_caps(context: StaticContext) -> Mapping[str, Any]:
    """CAP-01, the half that a file can show: caps set and consistent, and a price with its day."""
    loaded = context.loaded
    found: list[Finding] = []
    if path := _file(loaded, Part.RUNBOOK, "operations"):
        document = _document(loaded, path)
        found += [_at(document, ("caps", *at), message) for at, message in _cap_faults(loaded.operations.caps)]
    model = loaded.bundle.components.get(Part.MODEL)
    if fault := _price_fault(model.spec.get("price") if model else None):
        found.append(Finding(fault, _MANIFEST))
    return _findings(found, 4, "caps and prices", "caps per request, tenant and day; a price with the day it was read")


def _cap_faults(caps: Caps) -> Iterator[tuple[Path, str]]:
    rising = (("request_usd", caps.request_usd), ("tenant_day_usd", caps.tenant_day_usd), ("day_usd", caps.day_usd))
    before: tuple[str, float] | None = None
    for name, value in rising:
        if value is None:
            yield (), f"the cap `{name}` is missing"
        elif value <= 0:
            yield (name,), f"the cap `{name}` must be above 0, not {value:g}"
        else:
            if before and value < before[1]:
                yield (name,), f"the cap `{name}` ({value:g}) is below `{before[0]}` ({before[1]:g})"
            before = (name, value)


def _price_fault(price: Any) -> str | None:
    if not isinstance(price, Mapping):
        return "the model has no `price`: without one every request seems to cost nothing"
    try:
        date.fromisoformat(str(price.get("as_of", "")))
    except ValueError:
        return f"the model's price needs a day in `as_of`, such as `2026-11-20`, not `{price.get('as_of', '')}`"
    return None


# ── EVAL-09 ─────────────────────────────────────────────────────────────────────────────────────────────────────

_JUDGED = frozenset({SuiteKind.GOLD, SuiteKind.ADVERSARIAL})


def measure_substance(context: StaticContext) -> Mapping[str, Any]:
    """EVAL-09: every case of a critical slice is judged by what was said or done, not only by its form or cost."""
    loaded = context.loaded
    found, examined = [], 0
    for suite in loaded.suites:
        if suite.kind not in _JUDGED:
            continue
        for piece in suite.slices:
            if piece.critical:
                examined += 1
                if message := _substance_fault(suite, piece):
                    found.append(_in_suite(loaded, suite, piece, message))
    return _findings(found, examined, "critical slices", "each case judged by facts, citations, outcome or actions")


def of_substance(expect: Expect) -> bool:
    """Whether an expectation judges what was said or done, and not only form, latency or cost.

    >>> of_substance(Expect(regex="^Dear ", max_latency_s=2.0)), of_substance(Expect(facts=("5 days",)))
    (False, True)
    """
    said = expect.facts or expect.forbid or expect.cites or expect.outcomes or expect.exact is not None
    done = expect.queue is not None or expect.tools is not None or expect.forbid_tools
    return bool(said or done or expect.min_support is not None)


def _substance_fault(suite: Suite, piece: Slice) -> str | None:
    cases: tuple[Case, ...] = suite.of_slice(piece.id)
    if not cases:
        return f"the critical slice `{piece.id}` of suite `{suite.name}` has no case"
    hollow = [case.id for case in cases if not of_substance(case.expect)]
    if not hollow:
        return None
    shown = ", ".join(f"`{name}`" for name in hollow[:3]) + (" …" if len(hollow) > 3 else "")
    return f"critical slice `{piece.id}`: {len(hollow)} of {len(cases)} cases judge no substance ({shown})"


def _in_suite(loaded: Loaded, suite: Suite, piece: Slice, message: str) -> Finding:
    """The finding with its place: where the file of the suite declares the slice."""
    for part, path, _ in loaded.texts:
        if part is not Part.EVALS or not path.endswith((".yaml", ".yml")):
            continue
        document = _document(loaded, path)
        if isinstance(document.value, dict) and document.value.get("suite") == suite.name:
            return _at(document, ("slices", suite.slices.index(piece)), message)
    return Finding(message)


# ── GOV-04 ──────────────────────────────────────────────────────────────────────────────────────────────────────


def measure_stakes(context: StaticContext) -> Mapping[str, Any]:
    """GOV-04: what was answered of purpose, data and stakes, and the profile that the answers derive."""
    release = context.loaded.release
    missing = [
        name
        for name, answered in (
            ("purpose", release.purpose.strip() and not release.purpose.startswith("TEMPLATE")),
            ("data_classes (`[none]` where it handles none)", release.data_classes),
            ("stakes", release.stakes),
        )
        if not answered
    ]
    stakes = release.stakes
    derived = stakes.derived_profile(release.data_classes) if stakes else release.profile
    return {
        "stakes": stakes is not None,
        "derived": derived.value,
        "declared": release.profile.value,
        "missing": missing,
        "loosened": list(loosened(release.profile, release.limits)),
    }


STATIC: Mapping[str, Callable[[StaticContext], Mapping[str, Any]]] = MappingProxyType(
    {
        "DOM-01": measure_actions,
        "DOM-02": measure_words,
        "SAFE-03": measure_calibration,
        "SAFE-07": measure_wording,
        "RUN-01": measure_guides,
        "CAP-01": measure_caps,
        "EVAL-09": measure_substance,
        "GOV-04": measure_stakes,
    }
)
"""The measures of this file, by check."""

METHODS: Mapping[str, Method] = MappingProxyType(
    {name: Method.DECLARED if name == "CAP-01" else Method.MEASURED for name in STATIC}
)
"""How each came to be known: a cap in a file is declared until a drill runs into it."""
