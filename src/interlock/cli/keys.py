"""`interlock keys`."""

from typing import Annotated

from cyclopts import Parameter

from interlock.cli.session import HERE, Dir, Json, show, show_json
from interlock.settings import read_settings
from interlock.wiring import KEY_DAYS, open_keyring


def keys(
    *,
    new: Annotated[str | None, Parameter(help="Make a key for this name.")] = None,
    role: Annotated[
        list[str] | None, Parameter(help="What the key may speak for: author, approver, risk, … (repeatable).")
    ] = None,
    days: Annotated[int, Parameter(help="Until it expires.")] = KEY_DAYS,
    dir: Dir = HERE,
    json: Json = False,
) -> int:
    """Show the trusted keys, or make one. Private halves stay in the state folder, readable by their owner only."""
    settings = read_settings(dir)
    keyring = open_keyring(settings)
    if new:
        keyring.create_key(new, role or ["author"], days)
    trusted = keyring.trusted()
    if json:
        show_json({id: key.model_dump(mode="json") for id, key in trusted.items()})
        return 0
    show(
        [
            f"{id[:12]}  {key.name:<16} {', '.join(key.roles):<24} until {key.not_after:%Y-%m-%d}"
            for id, key in trusted.items()
        ]
        or ["No key yet; one is made for you by the first command that signs."]
    )
    return 0
