"""An app on a Ray cluster: trials run in worker processes there, while the run, its money and its calls stay here."""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from interlock.core.broken import BrokenRun, FailedRun
from interlock.core.digest import of_bytes, of_value, safe_path
from interlock.core.errors import TargetError
from interlock.core.manifest import TargetSpec
from interlock.core.score import Broken, Fault
from interlock.core.suite import Case
from interlock.ports import Chat, Recording, Target, TargetReply

FANNED_OUT = frozenset({"python", "http", "command"})
"""Kinds of targets that run elsewhere; the others only look something up or ask through the chat."""
START_S = 120.0
"""Seconds in which the first workers must have started."""


class RayMissing(TargetError):
    """Ray is not installed, or its cluster cannot be reached."""

    code = "target.ray"


class RayTarget:
    """Fills `Target`. Every trial is given to the worker with the least to do; a trial's key is the same wherever it runs.

    The workers get the feature's files and the files of each bundle as bytes, and write them to a folder of their own.
    Calls to the model and to tools come back to the chat of the trial, so recordings, money cap and limiter are those of
    the run. When a worker dies, the trials that it was running break, may be tried again, and run on another one.

    Args:
        spec: of the kinds in `FANNED_OUT`. Variables in its address are read where the worker runs.
        files: the feature's files, by path.
        address: of the cluster as `ray.init` takes it; `local` starts one on this machine.
        workers: processes; None for one on each processor of the cluster.
    Raises: RayMissing.
    """

    def __init__(
        self,
        spec: TargetSpec,
        files: Mapping[str, bytes],
        *,
        address: str,
        timeout_s: float = 60.0,
        workers: int | None = None,
    ) -> None:
        self._ray = _connected(address)
        self._actor = self._ray.remote(num_cpus=1, max_restarts=0, max_concurrency=1000)(_Worker)
        self._made = (spec.model_dump(mode="json"), self._ray.put(dict(files)), timeout_s)
        self._roots: dict[Path, tuple[str, Any]] = {}
        self._numbers = count()
        size = workers or max(1, int(self._ray.cluster_resources().get("CPU", 1)))
        self._workers = [self._start() for _ in range(size)]
        try:
            self._ray.get([worker.handle.loaded.remote() for worker in self._workers], timeout=START_S)
        except self._ray.exceptions.GetTimeoutError as error:
            raise RayMissing(f"no worker started within {START_S:g} s", hint="is the cluster busy?") from error
        except self._ray.exceptions.RayError as error:
            raise TargetError(f"the app cannot be loaded on the cluster: {_last_line(error)}") from error

    async def run(self, case: Case, *, repeat: int, root: Path, chat: Chat) -> TargetReply:
        """One trial. Raises as the target itself does; BrokenRun (retry) when its worker died."""
        worker = min(self._workers, key=lambda each: each.under_way)
        worker.under_way += 1
        number = next(self._numbers)
        session = {name: getattr(chat, name, "") for name in ("trial_key", "trace_id", "bundle")}
        try:
            name = await self._placed(worker, root)
            stream = worker.handle.run.remote(number, case.model_dump(mode="json"), repeat, name, session)
            async for reference in stream:
                kind, *said = await reference
                if kind == "reply":
                    return _read(said)
                asyncio.get_running_loop().create_task(self._answer(worker, number, chat, kind, said))
            raise BrokenRun(Broken.PROTOCOL, "a worker ended without a reply", retry=True)
        except self._ray.exceptions.RayError as error:
            self._replace(worker)
            raise BrokenRun(
                Broken.REFUSED, f"the worker of this trial was lost: {_last_line(error)}", retry=True
            ) from error
        finally:
            worker.under_way -= 1
            if worker in self._workers:
                worker.handle.drop.remote(number)

    def loaded_files(self) -> tuple[str, ...]:
        """The feature's files that any worker has loaded code from. Raises TargetError when the app changed its files."""
        told = self._ray.get([worker.handle.loaded.remote() for worker in self._workers])
        for _, changed in told:
            if changed:
                raise TargetError(
                    f"the app changed `{changed}` of its bundle while it ran, so the run is evidence of nothing",
                    hint="an app reads from `root`; let it write elsewhere",
                )
        return tuple(sorted({path for paths, _ in told for path in paths}))

    async def close(self) -> None:
        """End the workers; a cluster that was started here lives as long as the process."""
        for worker in self._workers:
            self._ray.kill(worker.handle)
        self._workers = []

    def _start(self) -> "_Handle":
        return _Handle(self._actor.remote(*self._made))

    def _replace(self, worker: "_Handle") -> None:
        if worker in self._workers:  # the first of its trials to notice
            self._workers[self._workers.index(worker)] = self._start()

    async def _placed(self, worker: "_Handle", root: Path) -> str:
        if root not in self._roots:
            files = {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}
            self._roots[root] = (_named(files), self._ray.put(files))
        name, reference = self._roots[root]
        if name not in worker.placed:
            await worker.handle.place.remote(name, reference)
            worker.placed.add(name)
        return name

    async def _answer(self, worker: "_Handle", number: int, chat: Chat, kind: str, said: list[Any]) -> None:
        at, *asked = said

        async def carry_out() -> Any:
            done, value = await worker.handle.carry_out.remote(number, at)
            if not done:
                raise _RaisedThere
            return value

        try:
            if kind == "tool":
                tool, arguments = asked
                used = chat.tool(tool, arguments, carry_out) if isinstance(chat, Recording) else carry_out()
                answer = ("value", await used)
            else:
                request, reads = asked
                said_by = chat(request, reads=reads) if reads and isinstance(chat, Recording) else chat(request)
                answer = ("value", await said_by)
        except _RaisedThere:
            answer = ("raised", None)
        except (BrokenRun, FailedRun) as error:
            answer = ("fault", _fault(error))
        except self._ray.exceptions.RayError:
            return  # the worker is gone, and with it whoever waits for this
        worker.handle.answer.remote(number, at, answer)


class _RaisedThere(Exception):
    """A tool raised on the worker, which keeps the exception."""


@dataclass(eq=False)
class _Handle:
    """A worker as it is seen from here."""

    handle: Any
    under_way: int = 0
    placed: set[str] = field(default_factory=set)


class _Worker:
    """One process on the cluster, with the target opened in it. Its methods run on one event loop."""

    def __init__(self, spec: dict[str, Any], files: Mapping[str, bytes], timeout_s: float) -> None:
        from interlock.adapters.targets import open_target

        self._home = tempfile.TemporaryDirectory(prefix="interlock-worker-")
        folder = Path(self._home.name).resolve()
        _write(folder / "feature", files)
        self._roots: dict[str, Path] = {}
        self._there: dict[int, _Line] = {}
        spec = {**spec, "command": spec["command"] and tuple(spec["command"])}
        self._target: Target = open_target(TargetSpec(**spec), folder / "feature", timeout_s=timeout_s)
        self._folder = folder

    async def place(self, name: str, files: Mapping[str, bytes]) -> None:
        """Write the files of a bundle."""
        if name not in self._roots:
            self._roots[name] = _write(self._folder / name.removeprefix("sha256:")[:16], files)

    async def run(
        self, number: int, case: dict[str, Any], repeat: int, root: str, session: Mapping[str, str]
    ) -> AsyncIterator[tuple[Any, ...]]:
        """What the trial asks, and at last its reply."""
        line = self._there[number] = _Line(session)
        asked = self._target.run(
            Case.model_validate(case, strict=False), repeat=repeat, root=self._roots[root], chat=line
        )
        line.task = asyncio.ensure_future(asked)
        line.task.add_done_callback(lambda _: line.asked.put_nowait(None))
        while (request := await line.asked.get()) is not None:
            yield request
        yield await _outcome(line.task)

    async def answer(self, number: int, at: int, answer: tuple[str, Any]) -> None:
        """The answer to what a trial asked."""
        line = self._there.get(number)
        if line is not None and not line.answers[at].done():
            line.answers[at].set_result(answer)

    async def carry_out(self, number: int, at: int) -> tuple[bool, Any]:
        """Run a tool of the app. An exception stays here."""
        line = self._there[number]
        try:
            return True, await line.tools[at]()
        except Exception as error:  # noqa: BLE001  raised again where the app waits for the tool
            line.raised[at] = error
            return False, None

    async def drop(self, number: int) -> None:
        """The trial is over, or given up."""
        line = self._there.pop(number, None)
        if line is not None and line.task is not None:
            line.task.cancel()

    async def loaded(self) -> tuple[tuple[str, ...], str]:
        """The feature's files that code was loaded from, and a file of a bundle that is not what it was."""
        loaded = getattr(self._target, "loaded_files", tuple)
        changed = (str(name) for name, root in self._roots.items() if _named(_contents(root)) != name)
        return tuple(loaded()), next(changed, "")


class _Line:
    """The chat of a trial on a worker: what it is asked goes to where the run is."""

    def __init__(self, session: Mapping[str, str]) -> None:
        self.trial_key, self.trace_id, self.bundle = session["trial_key"], session["trace_id"], session["bundle"]
        self.asked: asyncio.Queue[tuple[Any, ...] | None] = asyncio.Queue()
        self.answers: list[asyncio.Future[tuple[str, Any]]] = []
        self.tools: dict[int, Callable[[], Awaitable[Any]]] = {}
        self.raised: dict[int, Exception] = {}
        self.task: asyncio.Future[TargetReply] | None = None

    async def __call__(self, request: Mapping[str, Any], *, reads: Collection[str] = ()) -> Any:
        return await self._ask("chat", dict(request), tuple(reads))

    async def tool(self, tool: str, arguments: Mapping[str, Any], run: Callable[[], Awaitable[Any]]) -> Any:
        self.tools[len(self.answers)] = run
        return await self._ask("tool", tool, dict(arguments))

    async def _ask(self, kind: str, *said: Any) -> Any:
        at = len(self.answers)
        self.answers.append(asyncio.get_running_loop().create_future())
        self.asked.put_nowait((kind, at, *said))
        how, value = await self.answers[at]
        if how == "fault":
            raise _raised(value)
        if how == "raised":
            raise self.raised[at]
        return value


async def _outcome(task: "asyncio.Future[TargetReply]") -> tuple[Any, ...]:
    try:
        return ("reply", "value", await task)
    except (BrokenRun, FailedRun) as error:
        return ("reply", "fault", _fault(error))
    except TargetError as error:
        return ("reply", "error", (error.message, error.hint))


def _read(said: list[Any]) -> TargetReply:
    how, value = said
    if how == "fault":
        raise _raised(value)
    if how == "error":
        raise TargetError(value[0], hint=value[1])
    reply: TargetReply = value
    return reply


def _fault(error: BrokenRun | FailedRun) -> tuple[Any, ...]:
    """An error as it goes over the border."""
    if isinstance(error, FailedRun):
        return ("failed", error.fault.value, error.detail, error.hint)
    return ("broken", error.broken.value, error.detail, error.hint, error.retry, error.retry_after_s, error.made)


def _raised(told: tuple[Any, ...]) -> BrokenRun | FailedRun:
    kind, value, detail, hint, *more = told
    if kind == "failed":
        return FailedRun(Fault(value), detail, hint=hint)
    retry, retry_after_s, made = more
    return BrokenRun(Broken(value), detail, hint=hint, retry=retry, retry_after_s=retry_after_s, made=made)


def _write(folder: Path, files: Mapping[str, bytes]) -> Path:
    for name, content in files.items():
        path = folder / safe_path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _named(files: Mapping[str, bytes]) -> str:
    return of_value({path: of_bytes(content) for path, content in files.items()}, domain="interlock.files.v1")


def _last_line(error: BaseException) -> str:
    return str(error).strip().rpartition("\n")[2][:300]


def _connected(address: str) -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nobody is told that this ran
    try:
        import ray
    except ModuleNotFoundError as error:
        raise RayMissing("Ray is not installed", hint="pip install 'interlock[ray]'") from error
    if not ray.is_initialized():
        try:
            ray.init(address=address, include_dashboard=False, log_to_driver=False, configure_logging=False)
        except (ConnectionError, ValueError, RuntimeError) as error:
            hint = "set INTERLOCK_RAY to `local`, `auto` or the address of a cluster"
            raise RayMissing(f"no Ray cluster at `{address}`: {_last_line(error)}", hint=hint) from error
    return ray
