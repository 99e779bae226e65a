"""What was seen of a feature in somebody's own repository."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from interlock.core.manifest import Part

Confidence = Literal["found", "guessed"]


class FindingKind(StrEnum):
    """What kind of thing was seen."""

    PROMPT_FILE = "prompt file"
    PROMPT_IN_CODE = "prompt in code"
    JSON_SCHEMA = "json schema"
    PYDANTIC_MODEL = "pydantic model"
    MCP_TOOLS = "mcp tools"
    MCP_SERVERS = "mcp servers"
    OPENAI_TOOLS = "openai tools"
    TOOL_FUNCTION = "tool function"
    SOURCES = "sources"
    INDEX = "index"
    RETRIEVAL_CODE = "retrieval code"
    MODEL_ID = "model id"
    RUNBOOK = "runbook"
    ESCALATION = "escalation guide"
    CALL = "call"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was seen.

    part: the part of a bundle that it belongs to; None is the app around it. line: counted from 1, None when the
    whole file or folder is meant. confidence: `found` says what it is by its own content or by a place kept for it;
    `guessed` only by a name, and a person has to confirm it. note: what it is worth knowing, or what to do.
    name: the id, the class, the function or the tools, in one word or a list with commas.
    """

    part: Part | None
    path: str
    line: int | None
    kind: FindingKind
    confidence: Confidence
    note: str
    name: str = ""

    @property
    def where(self) -> str:
        """The place as people write it, such as `app/llm.py:31`."""
        return self.path if self.line is None else f"{self.path}:{self.line}"


def count(number: int, noun: str) -> str:
    """A number with its noun.

    >>> count(1, "tool"), count(3, "tool")
    ('1 tool', '3 tools')
    """
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
