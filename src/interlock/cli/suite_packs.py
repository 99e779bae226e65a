"""`interlock suite packs`: how the six packs of attacks and awkward questions stand, and starters for what is missing."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

from cyclopts import Parameter

from interlock.adapters.folder import FolderTree
from interlock.cli import Exit
from interlock.cli.session import HERE, Dir, Json, screen, show, show_json
from interlock.core.binding import NAME
from interlock.core.errors import UsageError
from interlock.core.packs import Pack
from interlock.scorers.language import language_reader
from interlock.services.globs import matching
from interlock.services.import_writing import write_all
from interlock.services.lock import Resolved, resolve
from interlock.services.pack_measure import pack_states, speaks
from interlock.services.parts import Loaded, load_parts
from interlock.services.starters import SUITE, starters
from interlock.settings import read_settings
from interlock.views.packs import pack_lines, written_lines
from interlock.wiring import read_feature


def packs(
    *,
    write: Annotated[
        bool,
        Parameter(
            negative="", help="Write a suite of starter cases for the packs that have no case. Never overwrites."
        ),
    ] = False,
    pack: Annotated[
        list[Pack] | None, Parameter(help="Write this pack, whether or not it has cases (repeatable).", negative="")
    ] = None,
    name: Annotated[str, Parameter(help="Name of the suite that is written.")] = SUITE,
    dir: Dir = HERE,
    json: Json = False,
) -> int:
    """Show which packs apply, how many cases count, and cases that are in another language than they say. Measures nothing.

    Exit code 1 when a case of the multilingual pack is in another language than it says.
    """
    settings = read_settings(dir)
    resolved, loaded, _ = read_feature(settings)
    states = pack_states(loaded, language_reader() if speaks(loaded) else None)
    written: dict[str, Any] = {}
    if write or pack:
        missing = [Pack(row["pack"]) for row in states["packs"] if row["excuse"] is None and row["cases"] == 0]
        chosen = list(dict.fromkeys(pack or missing))
        if not chosen:
            raise UsageError(
                "every pack that applies has cases", hint="name one to write it all the same: --pack injection"
            )
        _refuse_absent(chosen, states)
        written = _write(settings.root, resolved, loaded, chosen, name)
    if json:
        show_json(
            {"schema": "interlock.packs.v1", "bundle": loaded.bundle.digest, **states, "written": written or None}
        )
    else:
        look = screen()
        show(pack_lines(states, width=look.width, color=look.color, unicode=look.unicode))
        if written:
            show(written_lines(written, width=look.width))
    return Exit.BLOCKED if states["languages"]["other"] else Exit.READY


def _refuse_absent(chosen: list[Pack], states: Any) -> None:
    """Nothing can be written for a pack that the bundle has no place for."""
    for row in states["packs"]:
        if Pack(row["pack"]) in chosen and row["excuse"] is not None and row["excuse"]["derived"]:
            raise UsageError(f"`{row['pack']}` does not apply: {row['excuse']['why']}", hint="leave it out")


def _write(root: Path, resolved: Resolved, loaded: Loaded, chosen: list[Pack], name: str) -> dict[str, Any]:
    if re.fullmatch(NAME, name) is None:
        raise UsageError(f"`{name}` is no name of a suite", hint="lower-case letters, digits, `.`, `_` and `-`")
    if any(suite.name == name for suite in loaded.suites):
        raise UsageError(f"there is a suite `{name}` already", hint="give another: --name more-packs")
    patterns = resolved.manifest.parts.evals.suites
    first = next((path for path in sorted(loaded.bundle.paths()) if matching(patterns[0], [path])), "evals/x.yaml")
    folder = PurePosixPath(first).parent
    made = starters(loaded, chosen, name=name)
    files = {str(folder / made.path): made.cases, str(folder / f"{name}.yaml"): made.suite}
    for path in files:
        if (root / path).exists():
            raise UsageError(
                f"`{path}` is there already, and nothing is overwritten", hint="give another: --name more-packs"
            )
    cases, suite = files
    claimed = any(matching(pattern, [suite]) for pattern in patterns)
    if claimed:  # a bundle that does not load any more would be a poor start
        tree = _With(FolderTree(root), files)
        load_parts(resolve(tree).bundle, tree)
    write_all(root, files)
    named = ", ".join(f'"{one}"' for one in (*patterns, suite))
    return {
        "suite": suite, "cases": cases, "counts": {each.value: n for each, n in made.counts.items()},
        "unspoken": list(made.unspoken), "add": None if claimed else f"parts.evals.suites: [{named}]",
    }  # fmt: skip


@dataclass(frozen=True)
class _With:
    """A folder with files that are not there yet."""

    folder: FolderTree
    files: Mapping[str, str]

    def paths(self) -> list[str]:
        return sorted({*self.folder.paths(), *self.files})

    def read(self, path: str) -> bytes:
        return self.files[path].encode() if path in self.files else self.folder.read(path)
