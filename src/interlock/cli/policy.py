"""`interlock guard replay` and `interlock guard diff`: what another policy would change."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from interlock.cli import Exit
from interlock.cli.session import Json, show, show_json
from interlock.core.errors import UsageError
from interlock.sdk.guard import Guard
from interlock.services import replay as replays
from interlock.services.authority_cells import authority_json, enumerate_authority
from interlock.views.guard import authority_lines, replay_lines

Tools = Annotated[Path | None, Parameter(help="Definitions of the tools, where the policy is an action map alone.")]


def replay(
    records: Path,
    /,
    *,
    policy: Annotated[Path, Parameter(help="The new policy: an interlock.yaml, its folder, or an action map.")],
    tools: Tools = None,
    json: Json = False,
) -> int:
    """Judge recorded calls under another policy: which verdicts flip, and why, by action and slice. Exit 3 when any call passes more easily."""
    found = replays.replay(_guard(policy, tools).policy, _lines(records), records.name)
    if json:
        show_json(found.to_json())
    else:
        show(replay_lines(found.to_json()))
    return Exit.HOLD if any(flip.widens for flip in found.flips) else Exit.READY


def diff(old: Path, new: Path, /, *, json: Json = False) -> int:
    """Say what NEW lets happen that OLD would stop or ask about, and the other way round. Exit 3 when authority is gained."""
    found = enumerate_authority(_guard(old, None).policy.table.actions, _guard(new, None).policy.table.actions)
    if json:
        show_json(authority_json(found))
    else:
        show(authority_lines(authority_json(found)))
    return Exit.HOLD if found.gained else Exit.READY


def _guard(path: Path, tools: Path | None) -> Guard:
    manifest = path / "interlock.yaml" if path.is_dir() else path
    if manifest.name == "interlock.yaml":
        return Guard.load(manifest)
    return Guard.from_parts(actions=manifest, tools=tools)


def _lines(path: Path) -> Iterator[str]:
    try:
        with path.open(encoding="utf-8") as file:
            yield from file
    except OSError as cause:
        raise UsageError(f"`{path}` cannot be read: {cause.strerror}", hint="name a JSON Lines file") from cause
    except UnicodeDecodeError as cause:
        raise UsageError(f"`{path}` is not UTF-8", hint="name a JSON Lines file") from cause
