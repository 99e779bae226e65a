"""An app in this process: a function of the feature's own code."""

import asyncio
import importlib
import inspect
import sys
import threading
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from interlock.adapters.targets.reply import read_reply
from interlock.core.broken import BrokenRun
from interlock.core.errors import TargetError
from interlock.core.score import Broken
from interlock.core.suite import Case
from interlock.ports import Chat, TargetReply

_Answer = Callable[..., Any]


class PythonTarget:
    """Calls `answer(request, *, root, chat)`, async or not, and reads what it returns.

    Args:
        call: `module:function`, found from `folder`.
        folder: the feature's folder; it is on the import path only while the module is imported.
    Raises: TargetError when the module or the function is not there.

    A function that is not async runs in a thread of its own and may call `chat` without `await`. Code that never
    gives the event loop back cannot be stopped from inside the process: use a command target for it.
    """

    def __init__(self, call: str, folder: Path) -> None:
        self._answer = load_function(call, folder)
        self._async = inspect.iscoroutinefunction(self._answer)

    async def run(self, case: Case, *, repeat: int, root: Path, chat: Chat) -> TargetReply:
        """One trial. Raises BrokenRun: `target crashed` for any exception of the app, or as `read_reply` does."""
        request = case.request()
        try:
            if self._async:
                value = await self._answer(request, root=root, chat=chat)
            else:
                value = await _in_thread(self._answer, request, root, chat)
        except BrokenRun:  # from the chat: it says what broke better than we could
            raise
        except (Exception, SystemExit) as error:
            raise BrokenRun(Broken.CRASH, f"{type(error).__name__}: {error}"[:500]) from error
        return TargetReply(read_reply(value), calls=1, cost_usd=0.0, trace_id="")

    async def close(self) -> None:
        """Nothing to close."""


def load_function(call: str, folder: Path) -> _Answer:
    """The function named `module:function` in the code below a folder.

    A module of that name that came from another folder is dropped first, so that two features, or two states of one,
    can be loaded one after the other.
    """
    module_name, _, function = call.partition(":")
    if not module_name or not function:
        raise TargetError(f"`{call}` names no function", hint="write it as `module:function`")
    top = module_name.partition(".")[0]
    loaded = sys.modules.get(top)
    if loaded is not None and not _lies_in(loaded, folder):
        if not (folder / top).is_dir() and not (folder / f"{top}.py").is_file():
            raise TargetError(f"there is no module `{top}` in `{folder}`", hint="check `target.call`")
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
    paths = [getattr(module, "__file__", None), *getattr(module, "__path__", ())]
    return any(path and Path(path).resolve().is_relative_to(folder.resolve()) for path in paths)


async def _in_thread(answer: _Answer, request: Mapping[str, Any], root: Path, chat: Chat) -> Any:
    """The call in a daemon thread: one that hangs does not keep the process from ending, as a pool's would."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Any] = loop.create_future()

    def ask(body: Mapping[str, Any]) -> Mapping[str, Any]:
        async def asked() -> Mapping[str, Any]:
            return await chat(body)

        return asyncio.run_coroutine_threadsafe(asked(), loop).result()

    def settle(value: Any, error: BaseException | None) -> None:
        if done.done():
            return
        if error is None:
            done.set_result(value)
        else:
            done.set_exception(error)

    def work() -> None:
        value, fault = None, None
        try:
            value = answer(request, root=root, chat=ask)
        except (Exception, SystemExit) as error:  # noqa: BLE001  handed to the waiting task, which raises it
            fault = error
        try:
            loop.call_soon_threadsafe(settle, value, fault)
        except RuntimeError:
            return  # the run is over and nobody waits

    threading.Thread(target=work, daemon=True, name="interlock-target").start()
    value = await done
    if isinstance(value, Awaitable):
        value = await value
    return value
