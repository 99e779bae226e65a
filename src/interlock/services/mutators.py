"""Breaks the parts of a bundle on purpose, one small change at a time. The same bytes give the same mutants."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from interlock.core.bundle import Bundle, Component
from interlock.core.digest import FileEntry
from interlock.core.manifest import Part
from interlock.core.mutation import SEEDED, Mutant
from interlock.ports import Tree
from interlock.services.mutate_policy import mutate_guardrails, mutate_tools
from interlock.services.mutate_schema import mutate_schema
from interlock.services.mutate_texts import mutate_prompt, mutate_retriever
from interlock.services.parts import Loaded

MOST = 3
"""Mutants of one kind at most, so that a long list of rules does not drown the other kinds."""

_MUTATE: Mapping[Part, Callable[[Loaded], Iterator[Mutant]]] = {
    Part.PROMPT: mutate_prompt,
    Part.SCHEMA: mutate_schema,
    Part.RETRIEVER: mutate_retriever,
    Part.TOOLS: mutate_tools,
    Part.GUARDRAILS: mutate_guardrails,
}


def mutants_of(loaded: Loaded, parts: Iterable[Part] = SEEDED) -> tuple[Mutant, ...]:
    """Every mutant of a bundle: part by part, at most `MOST` of a kind.

    Where there are more of a kind, the gravest come first where a mutator ranks them, else chance decides, and chance
    is the digest of the mutant's name. What gives back the same bytes is no mutant.
    """
    found: list[Mutant] = []
    for part in parts:
        if loaded.bundle.has(part):
            kinds: dict[str, list[Mutant]] = {}
            for mutant in _MUTATE[part](loaded):
                if any(loaded.tree.read(path) != content for path, content in mutant.changes.items()):
                    kinds.setdefault(mutant.kind, []).append(mutant)
            found += [mutant for several in kinds.values() for mutant in several[:MOST]]
    return tuple(found)


@dataclass(frozen=True)
class MutantTree:
    """The files of a bundle with some of them replaced."""

    under: Tree
    changes: Mapping[str, bytes]

    def paths(self) -> Sequence[str]:
        """Every file, as before."""
        return self.under.paths()

    def read(self, path: str) -> bytes:
        """The changed bytes where there are some."""
        return self.changes[path] if path in self.changes else self.under.read(path)


def mutated(bundle: Bundle, mutant: Mutant) -> Bundle:
    """The bundle with the mutant's bytes in place of its own."""
    old = bundle.components[mutant.part]
    files = tuple(
        FileEntry.of(entry.path, mutant.changes[entry.path]) if entry.path in mutant.changes else entry
        for entry in old.files
    )
    components = {**bundle.components, mutant.part: Component(old.kind, old.version, old.spec, files, old.pin)}
    return Bundle(bundle.feature, components, bundle.constraints)
