"""Checks of the bundle itself that need nothing but its bytes: BND-01, PIN-01, CMP-01, CMP-02."""

from collections.abc import Callable, Mapping
from typing import Any

from interlock.core.bundle import Bundle, Component
from interlock.core.manifest import Part
from interlock.core.source import Path
from interlock.core.yaml_text import parse_yaml
from interlock.services.constraints import Finding, Where, check
from interlock.services.coverage import measure_coverage
from interlock.services.lock import LOCK, MANIFEST, read_text
from interlock.services.parts import Loaded, StaticContext
from interlock.services.pins import pin_of_component

_PINNED = (Part.MODEL, Part.RETRIEVER, Part.TOOLS, Part.PROMPT)


def _lines(loaded: Loaded) -> Where:
    """Finds the line of a key in `interlock.yaml`, where the tree holds it."""
    if MANIFEST not in loaded.tree.paths():
        return lambda _: (MANIFEST, None)
    document = parse_yaml(read_text(loaded.tree, MANIFEST), MANIFEST)

    def where(path: Path) -> tuple[str, int | None]:
        return MANIFEST, document.place(path, key=True).line

    return where


def _finding(message: str, file: str = "", line: int | None = None) -> Finding:
    return {"message": message, "file": file, "line": line}


# ── BND-01 ──────────────────────────────────────────────────────────────────────────────────────────────────────


def measure_lock(context: StaticContext) -> Mapping[str, Any]:
    """BND-01: whether the lock pins exactly these bytes. Examined: the files of the bundle and of the lock."""
    bundle, lock = context.loaded.bundle, context.lock
    examined = len(bundle.paths())
    asked = f"{LOCK} equals the bytes, every part present"
    if lock is None:
        found = [_finding("there is no lock: nothing says which bytes were meant", LOCK)]
        return {"examined": examined, "what": "files", "findings": found, "asked": asked}
    examined = len(bundle.paths().keys() | lock.paths().keys())
    return {"examined": examined, "what": "files", "findings": _unlike(bundle, lock), "asked": asked}


def _unlike(bundle: Bundle, lock: Bundle) -> list[Finding]:
    if bundle.digest == lock.digest and bundle.feature == lock.feature:
        return []
    found: list[Finding] = []
    if bundle.feature != lock.feature:
        found.append(_finding(f"the lock is of the feature `{lock.feature}`, not of `{bundle.feature}`", LOCK))
    for part in bundle.changed_from(lock):
        now, pinned = bundle.components.get(part), lock.components.get(part)
        if now is None:
            found.append(_finding(f"part `{part}` is in the lock, and the feature says it has none", LOCK))
        elif pinned is None:
            found.append(_finding(f"part `{part}` is not in the lock", LOCK))
        else:
            found += _part_unlike(part, now, pinned)
    if bundle.constraints != lock.constraints:
        keys = sorted(
            key
            for key in {*bundle.constraints, *lock.constraints}
            if bundle.constraints.get(key) != lock.constraints.get(key)
        )
        names = ", ".join(f"`{key}`" for key in keys)
        found.append(_finding(f"what {names} demands of other parts is not what the lock says", MANIFEST))
    return found


def _part_unlike(part: Part, now: Component, pinned: Component) -> list[Finding]:
    mine, theirs = {e.path: e for e in now.files}, {e.path: e for e in pinned.files}
    found = []
    for path in sorted(mine.keys() | theirs.keys()):
        if path not in theirs:
            found.append(_finding(f"part `{part}` has a file that the lock does not know", path))
        elif path not in mine:
            found.append(_finding(f"part `{part}` lost a file that the lock pins", path))
        elif mine[path].sha256 != theirs[path].sha256:
            found.append(_finding(f"part `{part}` changed: the bytes are not those that the lock pins", path))
    if now.spec != pinned.spec:
        keys = sorted(key for key in {*now.spec, *pinned.spec} if now.spec.get(key) != pinned.spec.get(key))
        names = ", ".join(f"`{key}`" for key in keys)
        found.append(_finding(f"part `{part}` changed its settings since the lock: {names}", MANIFEST))
    return found


# ── PIN-01 ──────────────────────────────────────────────────────────────────────────────────────────────────────


def measure_pins(context: StaticContext) -> Mapping[str, Any]:
    """PIN-01: how firmly model, retriever, tools and prompt are held, worked out again from the bundle."""
    pins = []
    for part in _PINNED:
        component = context.loaded.bundle.components.get(part)
        if component is not None:
            pin = pin_of_component(component)
            pins.append({"part": part.value, "level": pin.level.value, "alias": pin.alias, "why": pin.why})
    return {"pins": pins}


# ── CMP-01 ──────────────────────────────────────────────────────────────────────────────────────────────────────


def measure_constraints(context: StaticContext) -> Mapping[str, Any]:
    """CMP-01: every declared constraint holds. Examined: the constraints, the one of the schema on itself included."""
    loaded = context.loaded
    found = check(
        loaded.bundle,
        tools=[tool.name for tool in loaded.tools],
        capabilities=context.capabilities,
        where=_lines(loaded),
    )
    declared = sum(len(rows.get("requires", {})) for rows in loaded.bundle.constraints.values())
    return {
        "examined": declared + 1,
        "what": "constraints",
        "findings": found,
        "asked": "every declared constraint holds",
    }


# ── CMP-02 ──────────────────────────────────────────────────────────────────────────────────────────────────────

_KINDS = {"tools": "all", "schema": "fields", "guardrails": "rules"}


def measure_cover(context: StaticContext) -> Mapping[str, Any]:
    """CMP-02: each tool, field, enum value, rule and slice is touched by enough cases.

    What the evals part does not promise to cover is a finding by itself, where the feature has such a thing: else a
    promise could be kept by not making it. Examined: the things to cover.
    """
    loaded = context.loaded
    least = int(context.limits.cover_min)
    promised = loaded.bundle.constraints.get(Part.EVALS.value, {}).get("covers", {})
    has = {
        "tools": bool(loaded.tools),
        "schema": bool(loaded.output_schema.get("properties")),
        "guardrails": bool(loaded.answers.rule_ids),
    }
    file, line = _lines(loaded)(("parts", Part.EVALS.value, "covers"))
    found: list[Finding] = []
    missing = [kind for kind, there in has.items() if there and kind not in promised]
    if missing and not promised:
        found.append(_finding("the evals part does not say what its suites cover", file, line))
    else:
        found += [_finding(f"the evals part does not promise `covers: {{{kind}: {_KINDS[kind]}}}`", file, line) for kind in missing]  # fmt: skip
    coverage = measure_coverage(
        loaded, tools="tools" in promised, schema="schema" in promised, rules="guardrails" in promised
    )
    for row in coverage.items:
        if row.cases < least:
            count = "no case touches" if row.cases == 0 else f"only {row.cases} of {least} cases touch"
            found.append(_finding(f"{count} `{row.item}`"))
    wrong: dict[str, list[str]] = {}
    for suite, case, item in coverage.unknown:
        wrong.setdefault(item, []).append(f"{suite}/{case}")
    for item, cases in wrong.items():
        who = f"`{cases[0]}` covers" if len(cases) == 1 else f"`{cases[0]}` and {len(cases) - 1} more cover"
        found.append(_finding(f"{who} `{item}`, which this bundle does not have"))
    return {
        "examined": len(coverage.items) + len(missing),
        "what": "things to cover",
        "findings": found,
        "asked": f"at least {least} cases each",
    }


STATIC: Mapping[str, Callable[[StaticContext], Mapping[str, Any]]] = {
    "BND-01": measure_lock,
    "PIN-01": measure_pins,
    "CMP-01": measure_constraints,
    "CMP-02": measure_cover,
}
"""The measurement of each check, by its id; the rules that judge them are in `core/rules.py`."""
