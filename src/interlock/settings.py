"""Settings from the environment, read once into one frozen value."""

import getpass
import os
import re
import subprocess
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Settings:
    """Where a feature lives, where its records are, and who is asking.

    root: the folder with `interlock.yaml`. state: facts, blobs and keys. database_url: SQLAlchemy URL of the facts.
    actor: the name under which things are recorded and signed. ray: the cluster on which apps are evaluated, empty for
    none.
    """

    root: Path
    state: Path
    database_url: str
    keys: Path
    actor: str
    ray: str = ""


def read_settings(root: Path, environ: Mapping[str, str] | None = None, *, actor: str | None = None) -> Settings:
    """Settings for the feature in `root`.

    Environment: INTERLOCK_STATE (default `.interlock` in the feature's folder), INTERLOCK_DATABASE_URL (default SQLite in the
    state folder), INTERLOCK_KEYS (default `keys` in the state folder), INTERLOCK_ACTOR (default git's user name, else the
    login), INTERLOCK_RAY (`local`, `auto` or an address; default none).
    """
    env = os.environ if environ is None else environ
    root = root.resolve()
    state = Path(env.get("INTERLOCK_STATE") or root / ".interlock")
    return Settings(
        root=root,
        state=state,
        database_url=env.get("INTERLOCK_DATABASE_URL") or f"sqlite:///{state / 'facts.db'}",
        keys=Path(env.get("INTERLOCK_KEYS") or state / "keys"),
        actor=actor
        or env.get("INTERLOCK_ACTOR")
        or _as_name(_git_name(root))
        or _as_name(getpass.getuser())
        or "somebody",
        ray=env.get("INTERLOCK_RAY", "").strip(),
    )


def _git_name(root: Path) -> str:
    """The name that git would sign a commit with here; empty where git or the name is missing."""
    try:
        found = subprocess.run(
            ["git", "-C", str(root), "config", "user.name"], capture_output=True, text=True, check=False, timeout=5
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return found.stdout


def _as_name(text: str) -> str:
    """A person's name as the name of a key: lower case, without accents and without what a file name cannot hold.

    >>> _as_name("José  Ángel O'Neill")
    'jose-angel-oneill'
    """
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9._-]", "", "-".join(plain.replace("@", " ").split())).lstrip("._-")[:63]
