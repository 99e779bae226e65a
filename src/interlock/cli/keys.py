"""`interlock keys`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from interlock.adapters.dsse import Keyring, TrustedKey
from interlock.cli.session import HERE, Dir, Json, show, show_json
from interlock.core.binding import bind
from interlock.core.errors import UsageError
from interlock.core.json_text import parse_json
from interlock.settings import read_settings
from interlock.wiring import KEY_DAYS, open_keyring


def keys(
    *,
    new: Annotated[str | None, Parameter(help="Make a key for this name.")] = None,
    role: Annotated[
        list[str] | None, Parameter(help="What the key may speak for: author, approver, risk, … (repeatable).")
    ] = None,
    days: Annotated[int, Parameter(help="Until it expires.")] = KEY_DAYS,
    trust: Annotated[
        Path | None,
        Parameter(help="Also believe the public keys of this file: trust.json, or keys.json of an archive."),
    ] = None,
    dir: Dir = HERE,
    json: Json = False,
) -> int:
    """Show the trusted keys, make one, or trust those of another machine. Private halves stay in the state folder, readable by their owner only."""
    settings = read_settings(dir)
    keyring = open_keyring(settings)
    if new:
        keyring.create_key(new, role or ["author"], days)
    if trust:
        _trust(keyring, trust)
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


def _trust(keyring: Keyring, file: Path) -> None:
    if not file.is_file():
        raise UsageError(f"there is no file `{file.name}`", hint="name a trust.json, or the keys.json of an archive")
    document = parse_json(file.read_text(encoding="utf-8"), str(file))
    if not isinstance(document.value, dict):
        raise document.error((), "must be a mapping of key ids to keys")
    for key in [bind(TrustedKey, document, (id,)) for id in document.value]:  # all or none
        keyring.trust(key)
