"""No app at all: the bundle's prompt and model, asked directly over chat completions."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema_rs

from interlock.adapters.targets.reply import read_reply, strict_json
from interlock.core.binding import bind
from interlock.core.broken import BrokenRun
from interlock.core.errors import TargetError
from interlock.core.json_text import parse_json
from interlock.core.manifest import Manifest
from interlock.core.score import Broken, Reply
from interlock.core.suite import Case
from interlock.core.yaml_text import parse_yaml
from interlock.ports import Chat, TargetReply

_FENCE = re.compile(r"\A\s*```(?:json)?[ \t]*\n(.*?)\n?[ \t]*```\s*\Z", re.DOTALL)
_FRONT_MATTER = re.compile(r"\A---\r?\n.*?\n---[ \t]*\r?\n", re.DOTALL)
_OUTCOMES = ("answer", "clarify", "abstain", "escalate")
_FINISH_CUT = "length"


class _Prompt:
    """The parts that make a request, read from a bundle's files as its manifest lists them."""

    def __init__(self, root: Path, folder: Path) -> None:
        home = root if (root / "interlock.yaml").is_file() else folder
        file = home / "interlock.yaml"
        manifest = bind(Manifest, parse_yaml(file.read_text("utf-8"), str(file)))
        parts = manifest.parts
        paths = sorted({path for pattern in parts.prompt.files for path in root.glob(pattern) if path.is_file()})
        if not paths:
            raise TargetError("the prompt part has no file", hint="list its files under `parts.prompt.files`")
        texts = [_FRONT_MATTER.sub("", path.read_text("utf-8"), count=1).strip() for path in paths]
        self.system = "\n\n".join(text for text in texts if text)
        self.model, self.parameters = parts.model.id, parts.model.parameters
        schema = root / parts.schema_.output
        self.schema: Mapping[str, Any] = parse_json(schema.read_text("utf-8"), str(schema)).value
        try:
            self.validator = jsonschema_rs.validator_for(
                dict(self.schema), offline=True, pattern_options=jsonschema_rs.RegexOptions()
            )
        except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as error:
            raise TargetError(f"the output schema is refused: {str(error).splitlines()[0]}") from error


class OpenAITarget:
    """Sends the prompt part's text as the system message and the case as what the user says, through the run's chat.

    Prompt, model, parameters and schema come from the bundle below `root`; only where those files lie is read from
    the feature's manifest. Every call goes through `chat`, so it is recorded, capped and replayed like any other.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._prompts: dict[Path, _Prompt] = {}

    async def run(self, case: Case, *, repeat: int, root: Path, chat: Chat) -> TargetReply:
        """One trial. Raises BrokenRun when the completion has no message."""
        prompt = self._prompts.get(root)
        if prompt is None:
            prompt = self._prompts[root] = _Prompt(root, self._folder)
        said = case.request()
        turns = said.get("messages") or [{"role": "user", "content": said.get("input", "")}]
        completion = await chat(
            {
                "model": prompt.model,
                "messages": [{"role": "system", "content": prompt.system}, *turns],
                **prompt.parameters,
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "answer", "schema": dict(prompt.schema), "strict": True},
                },
            }
        )
        return TargetReply(_reply(completion, prompt), calls=0, cost_usd=0.0, trace_id="")

    async def close(self) -> None:
        """Nothing to close: the connections belong to the chat."""


def _reply(completion: Mapping[str, Any], prompt: _Prompt) -> Reply:
    choices = completion.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(choice, dict) or not isinstance(message, dict):
        raise BrokenRun(Broken.PROTOCOL, "the completion has no message")
    content = message.get("content")
    text = content if isinstance(content, str) else ""
    output, fault = _parsed(text, choice.get("finish_reason"), prompt)
    value = output if isinstance(output, dict) else {}
    outcome = value.get("outcome")
    queue = value.get("queue")
    return read_reply(
        {
            # Without an app there is no safe path: what cannot be parsed is what a person would have read.
            "outcome": outcome if outcome in _OUTCOMES else "answer",
            "text": value["text"] if isinstance(value.get("text"), str) else text,
            "claims": value["claims"] if _claims(value.get("claims")) else [],
            "queue": queue if isinstance(queue, str) else None,
            "tool_calls": [_tool_call(call) for call in message.get("tool_calls") or ()],
            "parse": {"attempted": 1, "ok": int(not fault), "errors": [fault] if fault else []},
            "output": output,
        }
    )


def _parsed(text: str, finish: object, prompt: _Prompt) -> tuple[Any, str]:
    """The object in the text and no fault, or None and what is wrong; nothing is repaired."""
    if finish == _FINISH_CUT:
        return None, "the output was cut off at the token limit"
    fenced = _FENCE.match(text)
    try:
        value = strict_json(fenced[1] if fenced else text)
    except ValueError as error:
        return None, f"the output is not JSON: {error}"[:200]
    fault = next(iter(prompt.validator.iter_errors(value)), None)
    return (None, f"the output breaks the schema: {fault.message}"[:200]) if fault else (value, "")


def _claims(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(claim, dict) and set(claim) == {"text", "cites"} for claim in value
    )


def _tool_call(call: object) -> dict[str, Any]:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise BrokenRun(Broken.PROTOCOL, "a tool call of the completion has no function")
    try:
        arguments = strict_json(function.get("arguments") or "{}")
    except (ValueError, TypeError):
        arguments = None
    if not isinstance(arguments, dict):
        # It cannot be carried out; it is shown with what was written.
        return {
            "tool": function["name"],
            "arguments": {"unparsed": str(function.get("arguments"))},
            "status": "proposed",
        }
    return {"tool": function["name"], "arguments": arguments, "status": "proposed"}
