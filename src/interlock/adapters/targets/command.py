"""An app behind a program: the request as JSON on its standard input, the reply as JSON on its standard output."""

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

from interlock.adapters.targets.reply import reply_from_json
from interlock.adapters.targets.session import session_of
from interlock.core.broken import BrokenRun, FailedRun
from interlock.core.score import Broken, Fault
from interlock.core.suite import Case
from interlock.ports import Chat, TargetReply

MAX_OUTPUT = 16_000_000
"""Bytes that a program may write."""


class CommandTarget:
    """Starts the program for each trial, in the feature's folder and in a process group of its own.

    The program learns of its bundle and trial from the environment: `INTERLOCK_ROOT` (folder with the bundle's
    files), `INTERLOCK_TRIAL_KEY`, `INTERLOCK_BUNDLE`, `TRACEPARENT`. When the trial is cancelled or its time runs
    out, the whole group is killed.
    """

    def __init__(self, command: Sequence[str], folder: Path) -> None:
        self._command, self._folder = tuple(command), folder

    async def run(self, case: Case, *, repeat: int, root: Path, chat: Chat) -> TargetReply:
        """One trial. Raises BrokenRun when the program does not start, FailedRun when it fails or writes no reply."""
        key, headers = session_of(chat, case, repeat)
        environment = {**os.environ, "INTERLOCK_ROOT": str(root), "INTERLOCK_TRIAL_KEY": key, **_named(headers)}
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                cwd=self._folder,
                env=environment,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            raise BrokenRun(
                Broken.START, f"`{self._command[0]}` did not start: {error.strerror}", hint="check `target.command`"
            ) from error
        try:
            said, complained = await _talk(process, json.dumps(case.request()).encode())
        finally:
            # Also on success: what the program left running must not outlive its trial.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            # What is left in the pipes is read away: asyncio does not see the end of a process behind a full one.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(5):
                    await process.communicate()
        if process.returncode != 0:
            last = complained.decode(errors="replace").strip().rpartition("\n")[2]
            raise FailedRun(Fault.CRASH, f"exit status {process.returncode}: {last[:300]}")
        return reply_from_json(said, "the program's output")

    async def close(self) -> None:
        """Nothing to close: each trial ends its own processes."""


def _named(headers: Mapping[str, str]) -> dict[str, str]:
    names = {"Interlock-Bundle": "INTERLOCK_BUNDLE", "traceparent": "TRACEPARENT"}
    return {names[name]: value for name, value in headers.items() if name in names}


async def _talk(process: asyncio.subprocess.Process, request: bytes) -> tuple[bytes, bytes]:
    """Write, and read both outputs up to their limit, without a deadlock whichever side stops first."""
    stdin, stdout, stderr = process.stdin, process.stdout, process.stderr
    if stdin is None or stdout is None or stderr is None:
        raise BrokenRun(Broken.START, "the program has no pipes")

    async def write() -> None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it may answer without reading
            stdin.write(request)
            await stdin.drain()
        stdin.close()

    async def read(stream: asyncio.StreamReader) -> bytes:
        parts, size = [], 0
        while part := await stream.read(65_536):
            size += len(part)
            if size > MAX_OUTPUT:
                raise FailedRun(Fault.SHAPE, f"the program wrote more than {MAX_OUTPUT} bytes")
            parts.append(part)
        return b"".join(parts)

    tasks = [asyncio.ensure_future(read(stdout)), asyncio.ensure_future(read(stderr))]
    writer = asyncio.ensure_future(write())
    try:
        said, complained = await asyncio.gather(*tasks)
        await process.wait()
        return said, complained
    finally:
        for task in (*tasks, writer):
            task.cancel()
        await asyncio.gather(*tasks, writer, return_exceptions=True)
