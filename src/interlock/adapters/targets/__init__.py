"""The ways in which an app can be reached; each is imported only when it is used."""

import os
import re
from pathlib import Path

from interlock.core.errors import TargetError
from interlock.core.manifest import TargetSpec
from interlock.ports import Target

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def open_target(spec: TargetSpec, feature_root: Path, *, timeout_s: float = 60.0) -> Target:
    """The target that a manifest describes.

    Args:
        spec: its `target` or `fallback`.
        feature_root: the folder of `interlock.yaml`: where code, recordings and programs are.
        timeout_s: seconds for one HTTP exchange; the runner's limit for a trial holds besides.
    Raises: TargetError when the description lacks what its kind needs, or the app cannot be loaded.
    """
    match spec.kind:
        case "python":
            from interlock.adapters.targets.python import PythonTarget

            return PythonTarget(_need(spec.call, "call", spec), feature_root)
        case "http":
            from interlock.adapters.targets.http import HttpTarget

            return HttpTarget(address(_need(spec.url, "url", spec)), key_env=spec.key_env, timeout_s=timeout_s)
        case "command":
            from interlock.adapters.targets.command import CommandTarget

            if not spec.command:
                raise _lacks("command", spec)
            return CommandTarget(spec.command, feature_root)
        case "openai":
            from interlock.adapters.targets.openai import OpenAITarget

            return OpenAITarget(feature_root)
        case "recorded":
            from interlock.adapters.targets.recorded import RecordedTarget

            return RecordedTarget(feature_root / _need(spec.path, "path", spec))


def filled(text: str) -> str:
    """A text with each `${NAME}` taken from the environment. Raises TargetError when a variable is not set."""

    def value(match: re.Match[str]) -> str:
        if match[1] not in os.environ:
            raise TargetError(f"`{text}` needs the environment variable `{match[1]}`", hint=f"export {match[1]}=…")
        return os.environ[match[1]]

    return _VARIABLE.sub(value, text)


def address(url: str) -> str:
    """A url with each `${NAME}` taken from the environment.

    Raises: TargetError when a variable is not set, or the result is no http address.
    """
    full = filled(url)
    if not full.startswith(("http://", "https://")):
        raise TargetError(f"`{url}` is no http address", hint="write it as `https://…`")
    return full


def _need(value: str | None, name: str, spec: TargetSpec) -> str:
    if not value:
        raise _lacks(name, spec)
    return value


def _lacks(name: str, spec: TargetSpec) -> TargetError:
    return TargetError(f"a target of kind `{spec.kind}` needs `{name}`", hint=f"add `{name}: …` under `target`")
