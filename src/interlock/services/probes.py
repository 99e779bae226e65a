"""What the app does when the model writes nonsense: the fuzz half of PRS-01, and PRS-02."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from interlock.core.broken import BrokenRun, FailedRun
from interlock.core.score import Broken, Reply
from interlock.core.suite import Case, Suite, SuiteKind
from interlock.ports import Chat, Target
from interlock.services.calls import TrialChat
from interlock.services.fuzz import CORPUS, Malformed

if TYPE_CHECKING:
    from interlock.services.parts import Loaded

_ACTS = frozenset({"proposed", "executed"})


@dataclass(frozen=True, slots=True)
class Probe:
    """One malformed output before the app. `reply` is None when the app crashed, hung or answered in another shape."""

    case_id: str
    malformed: str
    parses: bool
    reply: Reply | None
    fault: str = ""


class _MalformedChat:
    """Asks the real chat, and spoils what the model wrote."""

    def __init__(self, chat: TrialChat, malformed: Malformed) -> None:
        self._chat, self._malformed = chat, malformed
        self.spoiled = 0

    async def tool(
        self, tool: str, arguments: Mapping[str, Any], run: Callable[[], Awaitable[Any]], **more: Any
    ) -> Any:
        return await self._chat.tool(tool, arguments, run, **more)

    async def __call__(self, request: Mapping[str, Any], *, reads: Collection[str] = ()) -> Mapping[str, Any]:
        response = await self._chat(request, reads=reads)
        choices, done = [], True
        for choice in response.get("choices") or ():
            message = dict(choice.get("message") or {})
            content = message.get("content")
            made = self._malformed.make(content if isinstance(content, str) else "")
            done = done and made is not None
            message["content"] = content if made is None else made
            choices.append({**choice, "message": message})
        self.spoiled += done
        return {**response, "choices": choices}


def probe_cases(suites: Sequence[Suite], most: int = 3) -> tuple[Case, ...]:
    """Gold cases that should be answered: there the safe path differs from a good reply. First one a slice, in order."""
    gold = [case for suite in suites if suite.kind is SuiteKind.GOLD for case in suite.cases]
    fitting = [case for case in gold if case.expect.outcomes == ("answer",)]
    first = {case.slices[0]: case for case in reversed(fitting)}
    return tuple(sorted(fitting, key=lambda case: first[case.slices[0]] is not case)[:most])


async def probe(
    loaded: "Loaded",
    cases: Sequence[Case],
    *,
    root: Path,
    target: Target,
    chat: Chat,
    timeout_s: float = 30.0,
    corpus: Sequence[Malformed] = CORPUS,
) -> tuple[Probe, ...]:
    """Run each case once for each malformed output.

    A case that asks no model, or whose model cannot be asked, gives no probe: nothing was spoiled, so nothing is
    shown. Probes are not stored as trials.
    """
    found: list[Probe] = []
    for case in cases:
        for malformed in corpus:
            one = await _probe(loaded, case, malformed, root=root, target=target, chat=chat, timeout_s=timeout_s)
            if one is not None:
                found.append(one)
    return tuple(found)


async def _probe(
    loaded: "Loaded", case: Case, malformed: Malformed, *, root: Path, target: Target, chat: Chat, timeout_s: float
) -> Probe | None:
    # The recorder counts identical requests of one trial, so each probe is a trial of its own.
    trace_id = secrets.token_hex(16)
    inner = TrialChat(chat, repeat=0, trial_key=f"probe-{trace_id}", trace_id=trace_id, bundle=loaded.bundle.digest)
    spoiled = _MalformedChat(inner, malformed)
    reply, fault, kind = None, "", None
    try:
        async with asyncio.timeout(timeout_s):
            reply = (await target.run(case, repeat=0, root=root, chat=spoiled)).reply
    except TimeoutError:
        kind, fault = Broken.TIMEOUT, f"no reply within {timeout_s:g} s"
    except FailedRun as error:
        fault = error.message
    except BrokenRun as error:
        kind, fault = error.broken, error.message
    if spoiled.spoiled == 0 or inner.broken is not None or kind not in (None, Broken.TIMEOUT):
        return None
    return Probe(case.id, malformed.name, malformed.parses, reply, fault)


def measure_fuzz(probes: Sequence[Probe], on_parse_failure: str) -> Mapping[str, Any]:
    """The fuzz half of PRS-01: `{handled, n, missed}`.

    Handled is a reply in which the output was either parsed, where it may be, or not taken for parsed: the app
    counted a parse failure, or took the safe path.
    """
    missed = [
        f"{one.malformed} (case `{one.case_id}`): {why}" for one in probes if (why := _unhandled(one, on_parse_failure))
    ]
    return {"handled": len(probes) - len(missed), "n": len(probes), "missed": missed}


def _unhandled(one: Probe, on_parse_failure: str) -> str:
    if one.reply is None:
        return one.fault or "no reply"
    failed = one.reply.parse_ok < one.reply.parse_attempted or one.reply.outcome == on_parse_failure
    return "" if failed or one.parses else "taken for a good output"


def measure_safe_path(
    probes: Sequence[Probe], on_parse_failure: str, *, safe_tools: frozenset[str] = frozenset()
) -> Mapping[str, Any]:
    """The data of PRS-02: each output that cannot be parsed leads to the declared outcome, and to no action.

    Args:
        on_parse_failure: what `operations` declares: `abstain` or `escalate`.
        safe_tools: tools that are part of the declared path itself, such as the one that opens a ticket for a person.
    """
    asked = f"outcome `{on_parse_failure}` and no tool call, for every output that cannot be parsed"
    examined = [one for one in probes if not one.parses]
    findings = [
        {"message": f"{one.malformed} (case `{one.case_id}`): {why}"}
        for one in examined
        if (why := _unsafe(one, on_parse_failure, safe_tools))
    ]
    return {"examined": len(examined), "what": "malformed outputs", "findings": findings, "asked": asked}


def _unsafe(one: Probe, on_parse_failure: str, safe_tools: frozenset[str]) -> str:
    if one.reply is None:
        return one.fault or "no reply"
    acted = [
        call for call in one.reply.tool_calls if call.get("status") in _ACTS and call.get("tool") not in safe_tools
    ]
    if acted:
        return f"`{acted[0].get('tool')}` was {acted[0].get('status')} all the same"
    if one.reply.outcome != on_parse_failure:
        return f"the reply is `{one.reply.outcome}`, the declared safe path is `{on_parse_failure}`"
    return ""
