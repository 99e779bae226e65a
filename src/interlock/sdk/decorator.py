"""A function as the tool of an action: whoever calls it goes through the guard."""

import inspect
from collections.abc import Callable, Mapping
from functools import wraps
from typing import TYPE_CHECKING, Any

from interlock.core.errors import Denied, PolicyError
from interlock.sdk.run import is_async, options_of
from interlock.sdk.session import Session, current_session

if TYPE_CHECKING:
    from interlock.sdk.guard import Guard

KEY = "idempotency_key"


def guarded(
    guard: "Guard", action: str, options: Mapping[str, Any]
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A decorator; see `Guard.tool`. Its function loses the parameter `idempotency_key`, which the guard fills.

    Raises: PolicyError when the map has no such action.
    """
    named = [each.tool for each in guard.policy.table.actions.map if each.action == action]
    if not named:
        raise PolicyError(f"the map has no action `{action}`", hint="name one of the action map")
    tool, options = named[0], options_of(options)

    def decorate(run: Callable[..., Any]) -> Callable[..., Any]:
        signature = inspect.signature(run)
        shown = signature.replace(parameters=[each for each in signature.parameters.values() if each.name != KEY])

        if is_async(run):

            @wraps(run)
            async def called(*args: Any, **kwargs: Any) -> Any:
                session = _session(guard, action)
                return await session.acall(tool, _given(shown, args, kwargs), run=run, **options)
        else:

            @wraps(run)
            def called(*args: Any, **kwargs: Any) -> Any:
                session = _session(guard, action)
                return session.call(tool, _given(shown, args, kwargs), run=run, **options)

        called.__signature__ = shown  # type: ignore[attr-defined]
        called.__interlock_tool__ = tool  # type: ignore[attr-defined]
        if KEY in getattr(called, "__annotations__", {}):
            called.__annotations__ = {name: kind for name, kind in run.__annotations__.items() if name != KEY}
        return called

    return decorate


def _session(guard: "Guard", action: str) -> Session:
    session = current_session()
    if session is None or session.policy is not guard.policy:
        raise Denied(
            f"`{action}` was called outside a session of its guard", codes=("no_session",),
            hint="call it in `with guard.session(…):`; a new thread needs its context (`contextvars.copy_context().run`)",
        )  # fmt: skip
    return session


def _given(signature: inspect.Signature, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments by name, with the defaults that say something. Raises: TypeError as the function itself would."""
    bound = signature.bind(*args, **kwargs)
    given: dict[str, Any] = {}
    for name, parameter in signature.parameters.items():
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            given.update(bound.arguments.get(name, {}))
        elif name in bound.arguments:
            given[name] = bound.arguments[name]
        elif parameter.default not in (inspect.Parameter.empty, None):
            given[name] = parameter.default
    return given
