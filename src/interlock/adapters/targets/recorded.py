"""Replies that were recorded elsewhere: one JSON object a line, by case."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from interlock.adapters.targets.reply import read_reply, read_usage
from interlock.core.broken import BrokenRun
from interlock.core.digest import of_bytes
from interlock.core.document import Document
from interlock.core.errors import DocumentError, Place
from interlock.core.json_text import parse_jsonl
from interlock.core.score import Broken
from interlock.core.suite import Case
from interlock.ports import Chat, TargetReply

_KEYS = frozenset({"case", "trial", "repeat", "reply", "status", "detail"})


class RecordedTarget:
    """Looks the reply up by case and repeat (`trial` and `repeat` are two names of the same number, from 0).

    A line is `{"case", "repeat", "reply": {…}}`, or `{"case", "repeat", "status": "error", "detail"}` for a run without
    a reply, which counts as broken: why there is none, only who recorded it can know, and asking again changes nothing.
    A detail that begins with one of the known ways of breaking is kept as such. An imported recording begins with a
    line of its own, `{"interlock_recording": 1, …}`: where it came from, what it ran on, and the digest of what follows.

    Attributes:
        source: that first line; None where the recording has none.

    Raises: DocumentError for a line that is neither, or that says something twice.
    """

    def __init__(self, path: Path) -> None:
        try:
            text = path.read_text("utf-8")
        except OSError as error:
            raise DocumentError(
                f"the recording `{path.name}` cannot be read: {error.strerror}",
                hint="check `target.path`",
                place=Place(str(path)),
            ) from error
        self._rows: dict[tuple[str, int], dict[str, Any]] = {}
        lines = parse_jsonl(text, str(path))
        self.source: Mapping[str, Any] | None = None
        if lines and isinstance(lines[0].value, dict) and "interlock_recording" in lines[0].value:
            head = lines.pop(0)
            self.source = head.value
            if self.source.get("rows") != of_bytes(text.partition("\n")[2].encode()):
                raise head.error(
                    ("rows",), "the recording was edited since it was imported", hint="import it again from its source"
                )
        for line in lines:
            key, row = _row(line)
            if key in self._rows:
                raise line.error(("case",), f"case `{key[0]}` has repeat `{key[1]}` twice")
            self._rows[key] = row

    async def run(self, case: Case, *, repeat: int, root: Path, chat: Chat) -> TargetReply:
        """The recorded reply. Raises BrokenRun when there is none or the recorded run has none."""
        row = self._rows.get((case.id, repeat))
        if row is None:
            raise BrokenRun(Broken.RECORDING, f"case `{case.id}`, repeat {repeat}")
        if row.get("status") == "error":
            detail = str(row.get("detail", ""))
            raise BrokenRun(_kind(detail), detail, retry=False)
        reply, calls, cost = read_usage(row["reply"])
        return TargetReply(read_reply(reply), calls=calls, cost_usd=cost, trace_id="")

    async def close(self) -> None:
        """Nothing to close."""


def _row(line: Document) -> tuple[tuple[str, int], dict[str, Any]]:
    row = line.value
    if not isinstance(row, dict) or not isinstance(row.get("case"), str):
        raise line.error((), "a recorded line is an object with `case`")
    for name in row:
        if name not in _KEYS:
            raise line.error((name,), f"unknown key `{name}`", key=True, hint=f"known keys: {', '.join(sorted(_KEYS))}")
    repeat = row.get("repeat", row.get("trial", 0))
    if not isinstance(repeat, int) or isinstance(repeat, bool) or repeat < 0:
        raise line.error(("repeat",), "`repeat` counts from 0")
    if ("reply" in row) == (row.get("status") == "error"):
        raise line.error((), 'a recorded line has either `reply` or `status: "error"`')
    if "reply" in row and not isinstance(row["reply"], dict):
        raise line.error(("reply",), "`reply` is an object")
    return (row["case"], repeat), row


def _kind(detail: str) -> Broken:
    said = detail.strip().lower()
    return next((kind for kind in Broken if said.startswith(kind.value)), Broken.RECORDING)
