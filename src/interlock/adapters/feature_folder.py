"""The folder of a feature, as `interlock init` writes to it: nothing that is there is ever replaced."""

import os
from contextlib import suppress
from pathlib import Path

from interlock.adapters.folder import sync_folder
from interlock.core.digest import safe_path
from interlock.core.errors import BundleError, Place, UsageError


class FolderFeatureFolder:
    """Files below one folder; links are not followed to write, read or delete.

    Args:
        root: the folder; it has to exist.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def exists(self, path: str) -> bool:
        """Whether a file, a folder or a link of this name is there, also one that leads to nothing."""
        return os.path.lexists(self.root / safe_path(path))

    def read(self, path: str) -> bytes:
        """The bytes of a file. Raises UsageError for what is no regular file."""
        file = self._inside(path)
        if file.is_symlink() or not file.is_file():
            raise UsageError(f"`{path}` is no file", hint="it was replaced since; look at it yourself")
        return file.read_bytes()

    def write_new(self, path: str, content: bytes) -> None:
        """Write a file that is not there yet; it is whole and durable when this returns.

        Raises: UsageError when something of this name is there, whoever made it and however recently.
        """
        file = self._inside(path)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
        except (FileExistsError, NotADirectoryError) as cause:
            raise UsageError(
                f"`{path}` is in the way", hint="nothing of yours is overwritten; move it first"
            ) from cause
        try:
            with os.fdopen(handle, "wb") as opened:
                opened.write(content)
                opened.flush()
                os.fsync(opened.fileno())
        except BaseException:
            with suppress(FileNotFoundError):
                file.unlink()
            raise
        for folder in (file.parent, *file.parent.parents):
            sync_folder(folder)
            if folder == self.root:
                break

    def delete(self, path: str) -> bool:
        """Remove a file, or a folder if it is empty. Returns whether it is gone now."""
        file = self._inside(path)
        try:
            if file.is_dir() and not file.is_symlink():
                file.rmdir()
            else:
                file.unlink()
        except FileNotFoundError:
            return True
        except OSError:
            if file.is_dir():
                return False  # a folder that holds something is left alone
            raise
        sync_folder(file.parent)
        return True

    def _inside(self, path: str) -> Path:
        file = self.root / safe_path(path)
        if not file.parent.resolve().is_relative_to(self.root.resolve()):
            hint = "init writes only into the feature's own folder; remove the link"
            raise BundleError(f"`{path}` leads out of the folder over a link", hint=hint, place=Place(path))
        return file
