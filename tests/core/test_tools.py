"""The tool manifest."""

from pathlib import Path

import pytest

from interlock.core.binding import bind
from interlock.core.errors import InterlockError
from interlock.core.json_text import parse_json
from interlock.core.tools import ToolsFile

EXAMPLE = Path(__file__).parents[2] / "examples" / "billing-support" / "tools" / "tools.json"
ONE = '{"tools": [{"name": "%s", "description": "d", "inputSchema": %s}%s]}'
OBJECT = '{"type": "object", "properties": {"b": {}, "a": {}}}'


def read(text: str) -> ToolsFile:
    return bind(ToolsFile, parse_json(text, "tools.json"))


def test_the_tools_of_the_example_bind() -> None:
    tools = read(EXAMPLE.read_text(encoding="utf-8")).tools
    assert len(tools) > 5
    assert all(tool.arguments and tool.outputs for tool in tools)


def test_arguments_come_in_the_order_of_the_schema() -> None:
    (tool,) = read(ONE % ("x", OBJECT, "")).tools
    assert tool.arguments == ("b", "a")
    assert tool.outputs == ()


def test_a_reworded_tool_is_another_tool() -> None:
    (first,) = read(ONE % ("x", OBJECT, "")).tools
    (same,) = read((ONE % ("x", OBJECT, "")).replace(", ", ",  ")).tools
    (other,) = read((ONE % ("x", OBJECT, "")).replace('"d"', '"e"')).tools
    assert first.digest == same.digest != other.digest


@pytest.mark.parametrize(
    "text", [ONE % ("x", '{"type": "array"}', ""), ONE % ("x y", OBJECT, ""), ONE % ("", OBJECT, "")]
)
def test_a_tool_without_a_name_or_an_object_for_arguments_is_refused(text: str) -> None:
    with pytest.raises(InterlockError) as error:
        read(text)
    assert error.value.place is not None
    assert error.value.place.line == 1


def test_a_saved_page_of_a_longer_list_is_refused() -> None:
    with pytest.raises(InterlockError, match="nextCursor"):
        read('{"tools": [], "nextCursor": "p2"}')
