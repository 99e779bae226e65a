"""Files on disk: blobs by digest, a working copy as a tree, and a bundle written out to be run."""

import os
import shutil
import tempfile
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path

from interlock.core.digest import Digest, of_bytes, parse_digest, safe_path
from interlock.core.errors import BundleError, BusyError, ManyErrors, Place, UnknownContent, UnsafePath
from interlock.ports import Tree

IGNORED = (".git", ".interlock", ".venv", "venv", "node_modules", "__pycache__", "*.pyc")
"""Names that are no part of any bundle: history, our own state (with its private keys), environments, caches."""


def write_durably(path: Path, content: bytes, *, mode: int) -> None:
    """Write a file so that, killed at any instant, it is there whole or not at all, and there once this returns.

    Args:
        path: in a folder that exists; a file of this name is replaced.
        mode: permission bits.
    """
    handle, name = tempfile.mkstemp(prefix=".writing-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        with suppress(FileNotFoundError):
            Path(name).unlink()
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable; where folders cannot be synced, renaming is as good as it gets."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextmanager
def exclusive(path: Path, doing: str = "another check is measuring") -> Iterator[None]:
    """Hold a lock file while something is done that must not be done twice at once, such as paying for calls.

    The lock belongs to the open file: it ends with the process, however that ends, and the file itself stays.

    Args:
        path: the file, usually in the state folder; its folder is made when missing. On a network file system the lock
            holds as far as that system carries locks.
        doing: what the other one is doing, for the message.
    Raises: BusyError, at once, when another process, or this one, holds it.
    """
    import fcntl

    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as cause:
            file.seek(0)
            holder = file.read(20).strip()
            raise BusyError(
                f"{doing} (pid {holder or 'unknown'})",
                place=Place(str(path)),
                hint="wait for it; what it measures is used again",
            ) from cause
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


class FolderBlobStore:
    """Blobs as read-only files in one folder: written whole or not at all, checked against the name on every read.

    Args:
        path: the folder; it is made with the first blob.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def put(self, content: bytes) -> Digest:
        """Keep some bytes, durably. Bytes that are already here are left alone, damaged ones are replaced."""
        digest = of_bytes(content)
        path = self._path(digest)
        try:
            if path.read_bytes() == content:
                return digest
        except FileNotFoundError:
            if not path.parent.is_dir():
                path.parent.mkdir(parents=True, exist_ok=True)
                sync_folder(self.path)
        write_durably(path, content, mode=0o444)
        return digest

    def get(self, digest: Digest) -> bytes:
        """The bytes of a digest. Raises: UnknownContent; BundleError when the file was changed; MalformedDigest."""
        path = self._path(digest)
        try:
            content = path.read_bytes()
        except FileNotFoundError as cause:
            raise UnknownContent(digest) from cause
        if of_bytes(content) != digest:
            raise BundleError(
                f"the blob `{digest[:19]}` holds other bytes than its name says",
                place=Place(str(path)),
                hint="the file was changed or the disk is failing; put the original content again",
            )
        return content

    def has(self, digest: Digest) -> bool:
        """Whether there is a file for it; `get` says whether it is sound."""
        return self._path(digest).is_file()

    def _path(self, digest: Digest) -> Path:
        name = parse_digest(digest).removeprefix("sha256:")
        return self.path / name[:2] / name[2:]


class FolderTree:
    """A working copy. What it holds is listed once; links are followed only where they stay inside.

    Args:
        root: the folder.
        ignored: names, with `*` and `?`, of files and folders that are left out wherever they lie.
    """

    def __init__(self, root: Path, ignored: Collection[str] = IGNORED) -> None:
        self.root = root
        self._ignored = tuple(ignored)

    def paths(self) -> Sequence[str]:
        """Every file, relative, POSIX, NFC, sorted.

        Raises: BundleError for a link that leaves the root, leads nowhere, in a circle or to what is ignored, for a
            name that is not the same on every system, and for what is not a file; ManyErrors when there are several.
        """
        return self._listing

    def read(self, path: str) -> bytes:
        """The bytes of one file. Raises: BundleError when it is not there or lies outside."""
        try:
            full = self.root / safe_path(path)
        except UnsafePath as cause:
            raise BundleError(cause.message, place=Place(path), hint=cause.hint) from cause
        fault = self._link_fault(full)
        if fault is not None:
            raise fault
        try:
            return full.read_bytes()
        except OSError as cause:
            reason = "is not there" if isinstance(cause, FileNotFoundError) else f"cannot be read: {cause.strerror}"
            raise BundleError(
                f"the file `{path}` {reason}", place=Place(path), hint=f"look in `{self.root}`"
            ) from cause

    @cached_property
    def _root(self) -> Path:
        return self.root.resolve()

    @cached_property
    def _listing(self) -> tuple[str, ...]:
        if not self.root.is_dir():
            raise BundleError(f"there is no folder `{self.root}`", hint="give the folder that holds `interlock.yaml`")
        found: list[str] = []
        faults: list[BundleError] = []
        for item in self._walk(self.root, (self._root,)):
            if isinstance(item, BundleError):
                faults.append(item)
            else:
                found.append(item)
        if faults:
            raise faults[0] if len(faults) == 1 else ManyErrors(faults)
        return tuple(sorted(found))

    def _walk(self, folder: Path, above: tuple[Path, ...]) -> Iterator[str | BundleError]:
        """Files and faults below a folder; `above` are the real folders on the way to it."""
        for entry in sorted(folder.iterdir()):
            if self._is_ignored(entry.name):
                continue
            path = entry.relative_to(self.root).as_posix()
            fault = self._name_fault(path) or self._link_fault(entry)
            if fault is not None:
                yield fault
            elif entry.is_dir():
                real = entry.resolve()
                if real in above:
                    yield BundleError(f"the link `{path}` leads in a circle", place=Place(path), hint="remove the link")
                else:
                    yield from self._walk(entry, (*above, real))
            elif entry.is_file():
                yield path
            else:
                hint = "a bundle holds only files; remove it"
                yield BundleError(f"`{_shown(path)}` is not a regular file", place=Place(path), hint=hint)

    def _is_ignored(self, name: str) -> bool:
        return any(fnmatchcase(name, pattern) for pattern in self._ignored)

    def _name_fault(self, path: str) -> BundleError | None:
        try:
            safe_path(path)
        except UnsafePath as cause:
            place = Place(_shown(unicodedata.normalize("NFC", path)))
            return BundleError(_shown(cause.message), place=place, hint=cause.hint)
        return None

    def _link_fault(self, path: Path) -> BundleError | None:
        """What is wrong with where a path really leads, if it leads over links."""
        try:
            real = path.resolve(strict=True)
        except FileNotFoundError:
            # What is not a link is simply absent; the caller says so.
            return self._bad_link(path, "leads to nothing", "remove the link") if path.is_symlink() else None
        except (OSError, RuntimeError) as cause:  # RuntimeError is how pathlib of Python 3.11 reports a circle
            return self._bad_link(path, f"cannot be followed: {cause}", "remove the link")
        if not real.is_relative_to(self._root):
            hint = "copy what it leads to into the folder; a bundle must be whole in itself"
            return self._bad_link(path, f"leaves the folder, to `{real}`", hint)
        if any(self._is_ignored(step) for step in real.relative_to(self._root).parts):
            return self._bad_link(path, "leads to what is no part of a bundle", "copy the file, or remove the link")
        return None

    def _bad_link(self, path: Path, fault: str, hint: str) -> BundleError:
        name = path.relative_to(self.root).as_posix()
        return BundleError(f"the link `{name}` {fault}", place=Place(name), hint=hint)


def _shown(text: str) -> str:
    """Text of a file name that may hold bytes which are no UTF-8."""
    return text.encode("utf-8", "replace").decode()


def materialise(paths: Iterable[str], tree: Tree, to: Path) -> Path:
    """Write files of a tree into a folder of their own, which appears whole or not at all.

    A folder that is already there is used again when it holds exactly these bytes, and otherwise replaced: what is
    run is what was named.

    Args:
        paths: which files of the tree.
        tree: where they come from.
        to: the folder; its parent is made when missing.
    Returns: `to`.
    Raises: what `tree.read` raises; then nothing was written.
    """
    content = {safe_path(path): tree.read(path) for path in paths}
    if _holds_exactly(to, content):
        return to
    to.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=f".{to.name}-", dir=to.parent))
    try:
        fresh = made / "new"
        fresh.mkdir()
        for path, data in content.items():
            file = fresh / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
            file.chmod(0o444)
        with suppress(FileNotFoundError):
            to.rename(made / "old")
        try:
            fresh.rename(to)
        except OSError:
            # Another process was quicker; that is as good, if it wrote the same.
            if not _holds_exactly(to, content):
                raise
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return to


def holds(paths: Iterable[str], tree: Tree, folder: Path) -> bool:
    """Whether a folder holds exactly these files of a tree, byte for byte, and no other file, not even a cache.

    Raises: what `tree.read` raises.
    """
    return _holds_exactly(folder, {safe_path(path): tree.read(path) for path in paths})


def _holds_exactly(folder: Path, content: Mapping[str, bytes]) -> bool:
    if not folder.is_dir():
        return False
    there = FolderTree(folder, ignored=())
    try:
        return list(there.paths()) == sorted(content) and all(there.read(p) == data for p, data in content.items())
    except (BundleError, ManyErrors):
        return False
