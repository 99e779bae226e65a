"""An app in this process: a function of the feature's own code."""

import asyncio
import importlib
import inspect
import sys
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterator, Mapping
from concurrent.futures import Future
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

from interlock.adapters.targets.app_thread import AppThreads, Escaped, StuckApp, in_thread
from interlock.adapters.targets.reply import read_reply
from interlock.core.broken import BrokenRun, FailedRun
from interlock.core.errors import TargetError
from interlock.core.score import Broken, Fault
from interlock.core.suite import Case
from interlock.ports import Chat, Recording, TargetReply

_Answer = Callable[..., Any]
_INSTALLED = frozenset({"site-packages", "dist-packages"})
_FOREIGN = _INSTALLED | {".git", ".interlock", ".venv", "venv", "node_modules"}


class PythonTarget:
    """Calls `answer(request, *, root, chat)`, async or not, and reads what it returns.

    `chat(request)` is a completion; `chat(request, reads=[…])` names parts that the endpoint reads beside the request. A
    function that also has a parameter `tools` is given one: `tools(name, arguments, function)` calls `function(**arguments)`,
    or gives what it gave when it was recorded.

    Args:
        call: `module:function`, found from `folder`.
        folder: the feature's folder; it is on the import path only while the module is imported.
    Raises: TargetError when the module or the function is not there.

    Async functions share one event loop in a thread of their own, as they would in a server; a function that is not
    async runs in a thread of its own and may call `chat` without `await`. See `AppThreads` for what happens to code that
    does not give control back.
    """

    def __init__(self, call: str, folder: Path) -> None:
        self._folder = folder.resolve()
        self._answer = load_function(call, folder)
        self._async = any(inspect.iscoroutinefunction(each) for each in (self._answer, type(self._answer).__call__))
        self._tools = "tools" in _parameters(self._answer)
        self._threads = AppThreads()
        self._files: set[str] = set()
        self.loaded_files()

    async def run(self, case: Case, *, repeat: int, root: Path, chat: Chat) -> TargetReply:
        """One trial.

        Raises: FailedRun: `target crashed` for any exception of the app, or as `read_reply` does; BrokenRun as the chat
            does; TargetError when the app holds too many threads for good.
        """
        line = _Line(chat, asyncio.get_running_loop())
        try:
            value = await self._ask(case.request(), root, line)
        except (Exception, SystemExit) as error:
            if error is line.fault or isinstance(error, StuckApp):
                raise  # from the chat: it says what broke better than we could
            told = str(error) if isinstance(error, Escaped) else f"{type(error).__name__}: {error}"
            raise FailedRun(Fault.CRASH, told[:500]) from error
        finally:
            line.over = True
        return TargetReply(read_reply(value), calls=1, cost_usd=0.0, trace_id="")

    async def _ask(self, request: Mapping[str, Any], root: Path, line: "_Line") -> Any:
        if self._async:
            more = {"tools": line.use} if self._tools else {}
            return await self._threads.run(self._answer(request, root=root, chat=line.ask, **more))
        more = {"tools": line.use_and_wait} if self._tools else {}
        value = await self._threads.call(lambda: self._answer(request, root=root, chat=line.ask_and_wait, **more))
        return await self._threads.run(_awaited(value)) if isinstance(value, Awaitable) else value

    def loaded_files(self) -> tuple[str, ...]:
        """The files below the feature's folder that modules of this process came from, up to now; relative, POSIX.

        What lies in an environment (`.venv`, `site-packages`) is no code of the feature and left out.
        """
        self._files.update(_files_below(self._folder))
        return tuple(sorted(self._files))

    async def close(self) -> None:
        """Stop the app's event loop."""
        self._threads.close()


class _Line:
    """The chat of a trial as the app's threads reach it: asked on the runner's loop, and dead when the trial is over."""

    def __init__(self, chat: Chat, loop: asyncio.AbstractEventLoop) -> None:
        self._chat, self._loop = chat, loop
        self.over = False
        self.fault: Exception | None = None
        """The last exception that the chat itself raised."""

    async def ask(self, body: Mapping[str, Any], *, reads: Collection[str] = ()) -> Any:
        return await asyncio.wrap_future(self._there(self._chatted(body, reads)))

    def ask_and_wait(self, body: Mapping[str, Any], *, reads: Collection[str] = ()) -> Any:
        return self._there(self._chatted(body, reads)).result()

    async def use(self, tool: str, arguments: Mapping[str, Any], function: _Answer) -> Any:
        here = asyncio.get_running_loop()

        async def run() -> Any:  # on the runner's loop, while the tool itself runs on the app's
            called = _called(function, arguments)
            return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(called, here))

        return await asyncio.wrap_future(self._there(self._used(tool, arguments, run)))

    def use_and_wait(self, tool: str, arguments: Mapping[str, Any], function: _Answer) -> Any:
        async def run() -> Any:
            return await asyncio.wrap_future(in_thread(lambda: function(**arguments))[1])

        return self._there(self._used(tool, arguments, run)).result()

    def _there(self, asked: Coroutine[Any, Any, Any]) -> "Future[Any]":
        return asyncio.run_coroutine_threadsafe(self._asked(asked), self._loop)

    async def _chatted(self, body: Mapping[str, Any], reads: Collection[str]) -> Any:
        # A chat that records nothing has no use for what a call reads.
        return await (
            self._chat(body, reads=reads) if reads and isinstance(self._chat, Recording) else self._chat(body)
        )

    async def _used(self, tool: str, arguments: Mapping[str, Any], run: Callable[[], Awaitable[Any]]) -> Any:
        return await (self._chat.tool(tool, arguments, run) if isinstance(self._chat, Recording) else run())

    async def _asked(self, asked: Coroutine[Any, Any, Any]) -> Any:
        if self.over:
            asked.close()
            raise BrokenRun(Broken.TIMEOUT, "the trial is over")
        try:
            return await asked
        except (BrokenRun, FailedRun) as error:
            self.fault = error
            raise


def load_function(call: str, folder: Path) -> _Answer:
    """The function named `module:function` in the code below a folder.

    A module of that name that an app in another folder brought along is dropped first, so that two features, or two
    states of one, can be loaded one after the other.

    Raises: TargetError also for a module that is named like one of Python or of this process: it would take its place.
    """
    module_name, _, function = call.partition(":")
    if not module_name or not function:
        raise TargetError(f"`{call}` names no function", hint="write it as `module:function`")
    top = module_name.partition(".")[0]
    if top in sys.stdlib_module_names:
        raise TargetError(
            f"`{module_name}`: `{top}` is a module of Python itself", hint="give the app's package a name of its own"
        )
    loaded = sys.modules.get(top)
    if loaded is not None and not _lies_in(loaded, folder):
        if not (folder / top).is_dir() and not (folder / f"{top}.py").is_file():
            raise TargetError(f"there is no module `{top}` in `{folder}`", hint="check `target.call`")
        if top == "interlock" or _is_installed(loaded):
            raise TargetError(
                f"`{module_name}`: a module `{top}` is installed beside Interlock",
                hint="give the app's package a name of its own",
            )
        for name in [name for name in sys.modules if name == top or name.startswith(f"{top}.")]:
            del sys.modules[name]
    importlib.invalidate_caches()
    sys.path.insert(0, str(folder))
    try:
        module = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:
        raise TargetError(
            f"`{module_name}` cannot be imported: {type(error).__name__}: {error}", hint="check `target.call`"
        ) from error
    finally:
        sys.path.remove(str(folder))
    found = getattr(module, function, None)
    if not callable(found):
        raise TargetError(f"`{module_name}` has no function `{function}`", hint="check `target.call`")
    answer: _Answer = found
    return answer


def _lies_in(module: object, folder: Path) -> bool:
    return any(Path(path).resolve().is_relative_to(folder.resolve()) for path in _paths(module))


def _is_installed(module: object) -> bool:
    paths = list(_paths(module))
    return not paths or any(_INSTALLED.intersection(Path(path).parts) for path in paths)


def _paths(module: object) -> Iterator[str]:
    for path in (getattr(module, "__file__", None), *(getattr(module, "__path__", None) or ())):
        if isinstance(path, str):
            yield path


def _files_below(folder: Path) -> Iterator[str]:
    prefix = Path(sys.prefix).resolve()
    environment = prefix if prefix.is_relative_to(folder) else None
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None) if isinstance(module, ModuleType) else None
        if isinstance(file, str):
            yield from _places_below(file, folder, environment)


@lru_cache(maxsize=8192)
def _places_below(file: str, folder: Path, environment: Path | None) -> tuple[str, ...]:
    """As which files of the folder a loaded one counts: under its own name, and under that of what it links to.

    Remembered, because a process has hundreds of modules and is asked before and after each run.
    """
    found = []
    for path in (Path(file).absolute(), _resolved(file)):
        if path.is_relative_to(folder) and not (environment and path.is_relative_to(environment)):
            relative = path.relative_to(folder)
            if not _FOREIGN.intersection(relative.parts):
                found.append(relative.as_posix())
    return tuple(found)


def _resolved(file: str) -> Path:
    """`Path(file).resolve()`, with each folder followed once."""
    path = Path(file)
    return path.resolve() if path.is_symlink() else _resolved_folder(path.parent) / path.name


@lru_cache(maxsize=2048)
def _resolved_folder(folder: Path) -> Path:
    return folder.resolve()


def _parameters(function: _Answer) -> Collection[str]:
    try:
        return inspect.signature(function).parameters
    except (TypeError, ValueError):  # some callables written in C say nothing of themselves
        return ()


async def _called(function: _Answer, arguments: Mapping[str, Any]) -> Any:
    value = function(**arguments)
    return await value if isinstance(value, Awaitable) else value


async def _awaited(value: Awaitable[Any]) -> Any:
    return await value
