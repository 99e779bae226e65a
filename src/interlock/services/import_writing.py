"""The files of an import: all of them or none, and never in place of something else."""

import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from interlock.core.errors import DocumentError, Place

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_MAX_NAME = 100


def file_name(name: str) -> str:
    """A name as that of a file in this folder and no other.

    >>> file_name("../../vendor/model:1")
    'vendor-model-1'
    """
    return _UNSAFE.sub("-", name).strip("-.")[:_MAX_NAME].rstrip("-.") or "import"


def json_lines(rows: Iterable[Mapping[str, Any]]) -> str:
    """One object a line, escaped: a text from elsewhere may hold characters that nobody sees and Interlock refuses."""
    return "".join(json.dumps(row, allow_nan=False) + "\n" for row in rows)


def write_all(out: Path, files: Mapping[str, str]) -> None:
    """Write files under a folder, so that killed at any instant no file is half there.

    Everything is written into a temporary folder beside them, then renamed. A file that is there already stays when
    it has the same content.

    Raises: DocumentError when one is there with other content, before anything is written.
    """
    fresh = {}
    for name, text in files.items():
        path = out / name
        if not path.exists():
            fresh[name] = text
        elif path.read_bytes() != text.encode():
            raise DocumentError(
                f"`{name}` is there already, with other content",
                hint="import into another folder, under another `--name`, or all releases at once",
                place=Place(str(path)),
            )
    if not fresh:
        return
    try:
        out.mkdir(parents=True, exist_ok=True)
        staged = Path(tempfile.mkdtemp(prefix=".importing-", dir=out))
    except OSError as cause:
        raise DocumentError(
            f"`{out}` cannot be written: {cause.strerror}",
            hint="name another folder with `--out`",
            place=Place(str(out)),
        ) from cause
    try:
        for name, text in fresh.items():
            path = staged / name
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("w", encoding="utf-8", newline="") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
        for name in fresh:
            (out / name).parent.mkdir(parents=True, exist_ok=True)
            (staged / name).replace(out / name)
    finally:
        shutil.rmtree(staged, ignore_errors=True)
