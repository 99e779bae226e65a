"""The eight parts of what is released, the bundle that they make, and what changed between two of them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from interlock.core.digest import Digest, FileEntry, bundle_digest, component_digest, of_value, scope_digest
from interlock.core.errors import BundleError
from interlock.core.manifest import Part

INTERACTING: frozenset[frozenset[Part]] = frozenset(
    frozenset(pair)
    for pair in (
        (Part.MODEL, Part.PROMPT),
        (Part.PROMPT, Part.SCHEMA),
        (Part.PROMPT, Part.TOOLS),
        (Part.SCHEMA, Part.TOOLS),
        (Part.RETRIEVER, Part.PROMPT),
        (Part.GUARDRAILS, Part.PROMPT),
        (Part.GUARDRAILS, Part.TOOLS),
        *((Part.EVALS, part) for part in Part if part not in (Part.EVALS, Part.RUNBOOK)),
    )
)
"""Pairs of parts that can break each other: what CMP-03 and a rollback ask to have been proven together."""


class PinLevel(StrEnum):
    """How firmly an external dependency is held. P0 is the strongest."""

    P0 = "P0"  # the bytes are in the repository
    P1 = "P1"  # immutable external id, echoed in responses
    P2 = "P2"  # an alias with a behaviour probe
    P3 = "P3"  # cannot be pinned


@dataclass(frozen=True, slots=True)
class Component:
    """One part as content: its specification and its files. Owners and comments are not content."""

    kind: Part
    version: str
    spec: Mapping[str, Any]
    files: tuple[FileEntry, ...]
    pin: PinLevel = field(default=PinLevel.P0, compare=False)
    digest: Digest = field(init=False)

    def __post_init__(self) -> None:
        files = tuple(sorted(self.files, key=lambda entry: entry.path))
        if len({entry.path for entry in files}) < len(files):
            raise BundleError(f"part `{self.kind}` lists a file twice", hint="remove the second mention")
        object.__setattr__(self, "files", files)
        object.__setattr__(self, "digest", component_digest(self.kind, self.spec, files))


@dataclass(frozen=True, slots=True)
class Bundle:
    """One releasable set of components: equal content, equal digest, in whatever order it was listed."""

    feature: str
    components: Mapping[Part, Component]
    constraints: Mapping[str, Any]
    digest: Digest = field(init=False)

    def __post_init__(self) -> None:
        for kind, component in self.components.items():
            if component.kind is not kind:
                raise BundleError(f"part `{kind}` holds a component of kind `{component.kind}`")
        object.__setattr__(
            self, "components", {kind: self.components[kind] for kind in Part if kind in self.components}
        )
        object.__setattr__(
            self,
            "digest",
            bundle_digest(
                {kind.value: component.digest for kind, component in self.components.items()},
                of_value(self.constraints, domain="interlock.constraints.v1"),
            ),
        )

    def has(self, part: Part) -> bool:
        """Whether the feature has this part at all."""
        return part in self.components

    def parts(self, kinds: Iterable[Part]) -> dict[str, str]:
        """Digest by part name; a part that the feature does not have reads `none`."""
        return {
            kind.value: (self.components[kind].digest if kind in self.components else "none")
            for kind in Part
            if kind in set(kinds)
        }

    def scope(self, kinds: Iterable[Part], extra: Mapping[str, str] | None = None) -> Digest:
        """Name of exactly the bytes that a check reads: the key under which its evidence is kept."""
        return scope_digest({**self.parts(kinds), **(extra or {})})

    def changed_from(self, other: "Bundle") -> tuple[Part, ...]:
        """The parts whose content differs."""
        mine, theirs = self.parts(Part), other.parts(Part)
        return tuple(part for part in Part if mine[part.value] != theirs[part.value])

    def with_part(self, part: Part, source: "Bundle") -> "Bundle":
        """This bundle with one part, and what that part demands of the others, taken from `source`."""
        components = {kind: value for kind, value in self.components.items() if kind is not part}
        if part in source.components:
            components[part] = source.components[part]
        constraints = {key: value for key, value in self.constraints.items() if key != part.value}
        if part.value in source.constraints:
            constraints[part.value] = source.constraints[part.value]
        return Bundle(self.feature, components, constraints)

    def pairs(self) -> frozenset[tuple[str, str]]:
        """Every interacting pair of this bundle, as two `part@digest` names in the order of the parts."""
        found = []
        for pair in INTERACTING:
            first, second = sorted(pair, key=list(Part).index)
            if first in self.components and second in self.components:
                found.append((f"{first}@{self.components[first].digest}", f"{second}@{self.components[second].digest}"))
        return frozenset(found)

    def paths(self) -> dict[str, FileEntry]:
        """Every file of the bundle by path."""
        return {entry.path: entry for component in self.components.values() for entry in component.files}


def bundle_to_json(bundle: Bundle) -> dict[str, Any]:
    """The bundle as plain JSON: what `interlock.lock` and the blob store keep."""
    return {
        "feature": bundle.feature,
        "digest": bundle.digest,
        "components": {
            kind.value: {
                "version": component.version,
                "digest": component.digest,
                "pin": component.pin.value,
                "spec": component.spec,
                "files": [{"path": e.path, "size": e.size, "sha256": e.sha256} for e in component.files],
            }
            for kind, component in bundle.components.items()
        },
        "constraints": bundle.constraints,
    }


def bundle_from_json(data: Mapping[str, Any]) -> Bundle:
    """The inverse of `bundle_to_json`; refuses data whose digests do not add up.

    Raises: BundleError when a digest that is written down is not the digest of the content.
    """
    components = {}
    for name, row in data["components"].items():
        kind = Part(name)
        component = Component(
            kind,
            row["version"],
            row["spec"],
            tuple(FileEntry(f["path"], f["size"], f["sha256"]) for f in row["files"]),
            PinLevel(row["pin"]),
        )
        if component.digest != row["digest"]:
            raise BundleError(f"the digest of part `{name}` does not match its content", hint="run `interlock lock`")
        components[kind] = component
    bundle = Bundle(data["feature"], components, data["constraints"])
    if bundle.digest != data["digest"]:
        raise BundleError("the digest of the bundle does not match its parts", hint="run `interlock lock`")
    return bundle
