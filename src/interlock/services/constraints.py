"""Whether the parts of a bundle fit each other, and what would have to move together when they do not."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, zip_longest
from typing import Any, TypedDict

from interlock.core.bundle import Bundle
from interlock.core.errors import BundleError
from interlock.core.manifest import Part
from interlock.core.source import Path

MANIFEST = "interlock.yaml"

_VERSION = re.compile(r"\d+(?:\.\d+)*")
_TERM = re.compile(r"\s*(>=|<=|==|!=|>|<)?\s*([0-9A-Za-z][0-9A-Za-z.+_-]*)\s*")
_RANGED = (Part.MODEL, Part.PROMPT, Part.SCHEMA, Part.RETRIEVER, Part.GUARDRAILS)


class Finding(TypedDict):
    """One thing that is wrong, in the shape that the rules take."""

    message: str
    file: str
    line: int | None


ToolsOf = Callable[[Bundle], Collection[str]]
"""The names of the tools that a bundle offers; a bundle knows its files by digest only."""

Where = Callable[[Path], tuple[str, int | None]]
"""The file and line in which a constraint was written, by its path in `interlock.yaml`."""


def _nowhere(_: Path) -> tuple[str, int | None]:
    return MANIFEST, None


def order(version: str, other: str) -> int:
    """Compare two dotted numeric versions: -1, 0 or 1. Missing numbers at the end are 0, so 3 is 3.0.

    Raises: BundleError for a version that is not dotted numbers; such versions have no order.

    >>> order("1.10", "1.9"), order("3", "3.0")
    (1, 0)
    """
    for text in (version, other):
        if not _VERSION.fullmatch(text):
            raise BundleError(
                f"the version `{text}` has no order", hint="number versions like `3` or `3.1`, or ask for one with `==`"
            )
    steps = zip_longest(map(int, version.split(".")), map(int, other.split(".")), fillvalue=0)
    return next((1 if mine > theirs else -1 for mine, theirs in steps if mine != theirs), 0)


def _equal(version: str, other: str) -> bool:
    both_numeric = _VERSION.fullmatch(version) and _VERSION.fullmatch(other)
    return order(version, other) == 0 if both_numeric else version == other


def satisfies(version: str, wanted: str) -> bool:
    """Whether a version lies in a range: terms with `>=`, `>`, `<=`, `<`, `==`, `!=`, all of which must hold.

    A term without a sign asks for exactly that version. There is nothing else: no `~`, no `^`, no `*`.

    Raises: BundleError for a range that cannot be read, or a version that has no order.

    >>> satisfies("3", ">=3,<5"), satisfies("5.0", ">=3,<5"), satisfies("2025a", "2025a")
    (True, False, True)
    """
    held = True
    for text in wanted.split(","):
        term = _TERM.fullmatch(text)
        if term is None:
            raise BundleError(f"`{wanted}` is not a range of versions", hint="write a range such as `>=3,<5`")
        sign, bound = term[1] or "==", term[2]
        if sign in {"==", "!="}:
            held &= _equal(version, bound) == (sign == "==")
        else:
            side = order(version, bound)
            held &= {">=": side >= 0, ">": side > 0, "<=": side <= 0, "<": side < 0}[sign]
    return held


def check(
    bundle: Bundle, *, tools: Collection[str], capabilities: Collection[str], where: Where = _nowhere
) -> list[Finding]:
    """Every declared constraint that does not hold (CMP-01).

    Args:
        tools: names of the tools that the bundle offers.
        capabilities: what the app says it can do.
        where: finds the line of a constraint, by its path in the manifest.
    Returns: one finding for each broken constraint, in the order of the parts; none when everything fits.
    """
    found: list[Finding] = []

    def broken(path: Path, message: str) -> None:
        file, line = where(("parts", *path))
        found.append({"message": message, "file": file, "line": line})

    for part in Part:
        rows: Mapping[str, Any] = bundle.constraints.get(part.value, {})
        if part not in bundle.components:
            continue
        for key, wanted in rows.get("requires", {}).items():
            for message in _requirement(bundle, part, key, wanted, tools, capabilities):
                broken((part.value, "requires", key), message)
        covers = rows.get("covers", {})
        if covers.get("tools") and not bundle.has(Part.TOOLS):
            broken((part.value, "covers", "tools"), f"`{part}` covers tools, and the feature has none")
    reads = _reads(bundle)
    schema = bundle.components.get(Part.SCHEMA)
    if schema is not None and not any(_equal(schema.version, other) for other in reads):
        stated = ", ".join(reads)
        broken(
            ("schema", "reads_stored"), f"schema {schema.version} does not read its own answers; it reads only {stated}"
        )
    return found


def _requirement(
    bundle: Bundle, part: Part, key: str, wanted: Any, tools: Collection[str], capabilities: Collection[str]
) -> Iterable[str]:
    if key == "tools":
        missing = [name for name in wanted.get("has", ()) if name not in tools]
        if missing:
            named = ", ".join(f"`{name}`" for name in missing)
            yield f"`{part}` needs the tool {named}, which `tools` does not offer"
    elif key == "app":
        capability = wanted.get("capability")
        if capability is not None and capability not in capabilities:
            yield f"`{part}` needs an app that can `{capability}`; it says {_listed(capabilities)}"
    elif key == "embedding":
        stated = _embeddings(bundle)
        if not stated:
            yield f"`{part}` needs the embedding `{wanted}`, and `retriever` names none"
        for name, mark in stated.items():
            if mark != wanted:
                yield f"`{part}` needs the embedding `{wanted}`, and `{name}` is `{mark}`"
    else:
        other = Part(key)
        component = bundle.components.get(other)
        if component is None:
            yield f"`{part}` needs `{other}` {wanted}, and the feature has none"
            return
        try:
            fits = satisfies(component.version, wanted)
        except BundleError as fault:
            yield f"`{part}` needs `{other}` {wanted}: {fault.message}"
            return
        if not fits:
            yield f"`{part}` needs `{other}` {wanted}, and it is {component.version}"


def _listed(names: Collection[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names)) or "nothing"


def _embeddings(bundle: Bundle) -> dict[str, str]:
    """Fingerprints of the embedding model that the retriever states: of its queries, and of its index."""
    retriever = bundle.components.get(Part.RETRIEVER)
    if retriever is None:
        return {}
    index = retriever.spec.get("index") or {}
    stated = {
        "retriever.embedding": retriever.spec.get("embedding"),
        "retriever.index.embedding": index.get("embedding"),
    }
    return {name: str(mark) for name, mark in stated.items() if mark is not None}


def _reads(bundle: Bundle) -> tuple[str, ...]:
    """The stored versions that a bundle reads; one that says nothing reads its own."""
    stated = bundle.constraints.get(Part.SCHEMA.value, {}).get("reads_stored", ())
    schema = bundle.components.get(Part.SCHEMA)
    return tuple(stated) or (() if schema is None else (schema.version,))


def one_way(live: Bundle, target: Bundle) -> list[Finding]:
    """Why `target` may not follow `live`: it would not read what `live` has stored.

    Returns: one finding when the schema of the target does not read the version that live writes, else none.
    """
    writes = live.components.get(Part.SCHEMA)
    if writes is None or any(_equal(writes.version, other) for other in _reads(target)):
        return []
    stated = ", ".join(_reads(target)) or "nothing"
    message = f"answers stored by schema {writes.version} would not be read: the target reads {stated}"
    return [{"message": message, "file": MANIFEST, "line": None}]


@dataclass(frozen=True, slots=True)
class Fix:
    """Parts that move together, the bundle that they make, and where they come from."""

    parts: tuple[Part, ...]
    bundle: Bundle
    source: Bundle


def smallest_fix(
    live: Bundle, history: Sequence[Bundle], part: Part, *, tools: ToolsOf, capabilities: Collection[str]
) -> Fix | None:
    """The fewest parts that, with `part`, can be taken from one earlier bundle so that every constraint holds.

    Args:
        history: earlier bundles, the one to be preferred first.
        tools: names of the tools that a bundle offers.
    A part whose content is the same does not move, so no fix consists of dropping what a part demands.

    Returns: the fix with the fewest parts, of the earliest bundle in `history` that has one so small; parts are in
        their usual order and hold `part`. None when nothing in the history fits.
    """
    sources = [source for source in history if part in source.changed_from(live)]
    for count in range(len(Part)):
        for source in sources:
            others = [kind for kind in source.changed_from(live) if kind is not part]
            for chosen in combinations(others, count):
                kinds = tuple(kind for kind in Part if kind is part or kind in chosen)
                candidate = live
                for kind in kinds:
                    candidate = candidate.with_part(kind, source)
                if not one_way(live, candidate) and not check(
                    candidate, tools=tools(candidate), capabilities=capabilities
                ):
                    return Fix(kinds, candidate, source)
    return None
