"""The tools that a model may propose, in the shape of an MCP `tools/list` answer."""

# ruff: noqa: N815  (the names are the protocol's)

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, Field, JsonValue, StringConstraints

from interlock.core.binding import Strict
from interlock.core.digest import Digest, of_value


def _object_schema(schema: dict[str, JsonValue]) -> dict[str, JsonValue]:
    if schema.get("type") != "object":
        raise ValueError("must be a JSON Schema with `type: object`")
    return schema


ToolName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,128}$")]
"""Letters, digits, `_`, `-` and `.`, at most 128."""

ObjectSchema = Annotated[dict[str, JsonValue], AfterValidator(_object_schema)]


class Tool(Strict):
    """One tool, as its server describes it.

    Source: Model Context Protocol, revision 2025-06-18, server/tools; hence the spelling of the names.
    """

    name: ToolName
    title: str | None = None
    description: str = ""
    inputSchema: ObjectSchema
    outputSchema: ObjectSchema | None = None
    annotations: dict[str, JsonValue] | None = Field(default=None, description="hints of the server; never trusted")
    meta: dict[str, JsonValue] | None = Field(default=None, alias="_meta")

    @property
    def arguments(self) -> tuple[str, ...]:
        """The names of its arguments, in the order of the schema."""
        properties = self.inputSchema.get("properties")
        return tuple(properties) if isinstance(properties, Mapping) else ()

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of the fields that it returns, in the order of the schema."""
        properties = (self.outputSchema or {}).get("properties")
        return tuple(properties) if isinstance(properties, Mapping) else ()

    @property
    def digest(self) -> Digest:
        """Name of the whole description: a server that rewords a tool has another tool."""
        described: dict[str, Any] = self.model_dump(mode="json", by_alias=True, exclude_none=True)
        return of_value(described, domain="interlock.tool.v1")


class ToolsFile(Strict):
    """One `tools.json`."""

    tools: tuple[Tool, ...]
    nextCursor: None = Field(default=None, description="a saved list must be whole: no page may follow")
