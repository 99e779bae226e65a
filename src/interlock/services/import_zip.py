"""Members of a zip archive that somebody else wrote: small ones, by name, also those packed with Zstandard.

Nothing is unpacked to disk, and no size that the archive states is believed.
Source: PKWARE APPNOTE 6.3.10, sections 4.3.7 and 4.4.5 (method 93).
"""

import importlib
import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO

from interlock.core.errors import DocumentSyntax, Place, TooLarge, UsageError

MAX_MEMBER = 64_000_000
"""Bytes of one member, unpacked."""
MAX_ALL = 512_000_000
"""Bytes of all members that are read, unpacked."""
MAX_MEMBERS = 200_000
_ZSTANDARD = 93
_LOCAL = struct.Struct("<4s5H3L2H")


class Archive:
    """A zip archive in memory. Raises DocumentSyntax for what is none, is damaged, or names a member twice."""

    def __init__(self, content: bytes, file: str) -> None:
        self._content, self._file, self._read = content, file, 0
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(content))
        except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as cause:
            raise self._damaged(str(cause)) from cause
        infos = self._zip.infolist()
        if len(infos) > MAX_MEMBERS:
            raise TooLarge(f"{len(infos)} members", hint="split the run", place=Place(file))
        self._infos = {info.filename: info for info in infos}
        if len(self._infos) < len(infos):
            raise self._damaged("two members have one name")

    def names(self) -> Iterator[str]:
        """The names of the members, in their order."""
        yield from self._infos

    def __contains__(self, name: str) -> bool:
        return name in self._infos

    def read(self, name: str) -> bytes:
        """One member, unpacked and checked against its checksum. Raises TooLarge, DocumentSyntax, UsageError."""
        info = self._infos[name]
        if info.flag_bits & 0x1:
            raise self._damaged(f"`{name}` is encrypted")
        try:
            if info.compress_type == _ZSTANDARD:
                found = self._zstandard(info)
            else:
                with self._zip.open(info) as member:
                    found = member.read(MAX_MEMBER + 1)
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, struct.error) as cause:
            raise self._damaged(f"`{name}`: {cause}") from cause
        self._read += len(found)
        if len(found) > MAX_MEMBER or self._read > MAX_ALL:
            message = f"`{name}` is more than {MAX_MEMBER} bytes, unpacked" if len(found) > MAX_MEMBER else (
                f"more than {MAX_ALL} bytes, unpacked"
            )  # fmt: skip
            raise TooLarge(message, hint="no honest log is that large; import it in parts", place=Place(self._file))
        if zlib.crc32(found) != info.CRC:
            raise self._damaged(f"`{name}` does not match its checksum")
        return found

    def _zstandard(self, info: zipfile.ZipInfo) -> bytes:
        start = info.header_offset
        fields = _LOCAL.unpack_from(self._content, start)
        if fields[0] != b"PK\x03\x04":
            raise self._damaged(f"`{info.filename}` has no header")
        begin = start + _LOCAL.size + fields[9] + fields[10]
        packed = self._content[begin : begin + info.compress_size]
        if len(packed) < info.compress_size:
            raise self._damaged(f"`{info.filename}` is cut off")
        with _reader(io.BytesIO(packed)) as plain:
            found: bytes = plain.read(MAX_MEMBER + 1)
        return found

    def _damaged(self, why: str) -> DocumentSyntax:
        return DocumentSyntax(
            f"the archive cannot be read: {why}", hint="copy it again, whole", place=Place(self._file)
        )


def _reader(packed: BinaryIO) -> Any:
    """A stream of unpacked bytes. Raises UsageError where nothing can unpack Zstandard."""
    try:
        return _Guarded(importlib.import_module("compression.zstd").ZstdFile(packed))  # Python 3.14 and later
    except ModuleNotFoundError:
        pass
    try:
        zstandard = importlib.import_module("zstandard")
    except ModuleNotFoundError as cause:
        raise UsageError(
            "`.eval` logs are packed with Zstandard, which this Python cannot unpack",
            hint="pip install 'interlock[inspect]', or write the log as JSON: inspect log convert --to json",
        ) from cause
    return _Guarded(zstandard.ZstdDecompressor(max_window_size=1 << 27).stream_reader(packed, read_across_frames=True))


class _Guarded:
    """A stream whose faults are those of a damaged archive, whichever library reads it."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __enter__(self) -> "_Guarded":
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def read(self, most: int) -> bytes:
        found = bytearray()
        try:
            while len(found) < most and (part := self._stream.read(min(1 << 20, most - len(found)))):
                found += part
        except Exception as cause:  # each library has a class of its own for a damaged frame
            raise zipfile.BadZipFile(f"not Zstandard: {cause}") from cause
        return bytes(found)
