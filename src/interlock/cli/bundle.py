"""`interlock bundle`: show, diff, verify, export."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from interlock.cli.session import (
    HERE,
    Dir,
    Env,
    Json,
    environment_of,
    records_of,
    screen,
    show,
    show_json,
)  # fmt: skip
from interlock.core.bundle import Bundle, bundle_to_json
from interlock.core.catalogue import CATALOGUE
from interlock.core.digest import Digest, short
from interlock.core.manifest import Part
from interlock.ports import Records
from interlock.services.difference import Change
from interlock.services.difference import diff as difference_of
from interlock.services.export import export_bundle, verify_envelope
from interlock.services.parts import Loaded, load_parts
from interlock.services.shelf import fetch, resolve_digest
from interlock.settings import read_settings
from interlock.views.difference import difference_lines
from interlock.wiring import LOCK, open_keyring, read_feature


def show_bundle(*, dir: Dir = HERE, json: Json = False) -> int:
    """The eight parts with version, pin level, digest and files."""
    _, loaded, lock = read_feature(read_settings(dir))
    bundle = loaded.bundle
    if json:
        show_json(bundle_to_json(bundle))
        return 0
    state = "locked" if lock and lock.digest == bundle.digest else "not locked: interlock lock"
    lines = [f"{bundle.feature}@{short(bundle.digest)}  profile {loaded.release.profile}  {state}"]
    for part in Part:
        found = bundle.components.get(part)
        if found is None:
            lines.append(f"  {part.value:<11} none")
            continue
        size = sum(entry.size for entry in found.files)
        lines.append(
            f"  {part.value:<11} v{found.version:<6} {found.pin}  {short(found.digest)}  {len(found.files)} files, {size} bytes"
        )
        for kind, rows in bundle.constraints.get(part.value, {}).items():
            lines.append(f"  {'':<11} {kind.replace('_', ' ')}: {rows}")
    show(lines)
    return 0


def diff(
    old: Annotated[str, Parameter(help="`live`, `lock`, or the first digits of a digest.")] = "live",
    new: Annotated[str | None, Parameter(help="First digits of a digest; default: the bundle in this folder.")] = None,
    /,
    *,
    env: Env = None,
    texts: Annotated[bool, Parameter(negative="", help="Also the changed lines of prompts and guides.")] = False,
    dir: Dir = HERE,
    json: Json = False,
) -> int:
    """What changed, part by part: text for prompts and runbook, meaning for schema, tools, retriever and suites."""
    with records_of(dir) as (settings, records):
        _, here, lock = read_feature(settings)
        after = here if new is None else _load(records, resolve_digest(records, new))
        before: Loaded | None
        if old == "live":
            pointer = records.pointers.read(environment_of(here.release, env), here.bundle.feature)
            before = _load(records, pointer.stable) if pointer else None
        elif old == "lock":
            before = _load(records, lock.digest) if lock else None
        else:
            before = _load(records, resolve_digest(records, old))
        found = difference_of(before, after)
        changed = {row.part for row in found.parts if row.change is not Change.UNCHANGED}
        owes = [check.id for check in CATALOGUE if check.instrument and changed & check.reads]
        if json:
            show_json({
                "schema": "interlock.difference.v1", "old": found.old, "new": found.new, "owes": owes,
                "parts": [
                    {"part": row.part.value, "change": row.change.value, "old_version": row.old_version, "new_version": row.new_version,
                     "lines": list(row.lines), "breaking": list(row.breaking), "gained": list(row.gained), "lost": list(row.lost),
                     "texts": {text.path: list(text.lines) for text in row.texts}}
                    for row in found.parts
                ],
                "constraints": list(found.constraints), "lowered": [bar.text for bar in found.lowered],
            })  # fmt: skip
            return 0
        look = screen()
        show(difference_lines(found, width=look.width, color=look.color, unicode=look.unicode, texts=texts, owes=owes))
    return 0


def verify(
    file: Annotated[
        Path | None, Parameter(help="A signed verdict or evidence file, or an exported archive; without it, the lock.")
    ] = None,
    /,
    *,
    dir: Dir = HERE,
    json: Json = False,
) -> int:
    """Check a signed file: no byte changed, a trusted and unexpired key, and this bundle. Or that the lock equals the bytes."""
    settings = read_settings(dir)
    if file is None:
        _, loaded, lock = read_feature(settings)
        same = lock is not None and lock.digest == loaded.bundle.digest
        differ = [part.value for part in loaded.bundle.changed_from(lock)] if lock else [part.value for part in Part]
        if json:
            show_json(
                {
                    "lock": lock.digest if lock else None,
                    "bytes": loaded.bundle.digest,
                    "same": same,
                    "differ": differ if not same else [],
                }
            )
        else:
            show(
                [
                    f"{LOCK} equals the bytes: {short(loaded.bundle.digest)}"
                    if same
                    else f"{LOCK} does not equal the bytes: {', '.join(differ)}; next: interlock lock"
                ]
            )
        return 0 if same else 1
    bundle: Bundle | None = None
    if (settings.root / "interlock.yaml").is_file():
        bundle = read_feature(settings)[1].bundle
    found = verify_envelope(file, open_keyring(settings), bundle, now=datetime.now(UTC))
    if json:
        show_json(found.to_json())
    else:
        show(found.lines())
    return 0 if found.current else 3


def export(
    out: Annotated[Path, Parameter(help="The archive to write (.tar).")],
    /,
    *,
    dir: Dir = HERE,
    json: Json = False,
) -> int:
    """Write the bundle's files, lock, evidence, newest verdicts and public keys into one archive that verifies offline."""
    with records_of(dir) as (settings, records):
        _, loaded, _ = read_feature(settings)
        names = export_bundle(loaded, records, open_keyring(settings).trusted(), out)
        if json:
            show_json({"file": str(out), "members": names})
        else:
            show([f"wrote {out}: {len(names)} members", "check it anywhere: interlock bundle verify " + str(out)])
    return 0


def _load(records: Records, digest: Digest) -> Loaded:
    bundle, tree = fetch(records, digest)
    return load_parts(bundle, tree)
