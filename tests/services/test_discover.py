"""What init sees in somebody's repository, and how sure it says it is."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from interlock.adapters.folder import FolderTree
from interlock.core.manifest import Part
from interlock.services.discover import MAX_BYTES, discover, looked_at, tools_of
from interlock.services.finding import Finding, FindingKind
from interlock.services.model_names import provider_of

MCP_TOOL = {"name": "get_order", "description": "Reads an order.", "inputSchema": {"type": "object", "properties": {}}}
OPENAI_TOOL = {
    "type": "function",
    "function": {"name": "cancel_order", "parameters": {"type": "object", "properties": {"id": {"type": "string"}}}},
}


def repository(folder: Path, files: Mapping[str, str | bytes]) -> FolderTree:
    for path, content in files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return FolderTree(folder)


def seen(tree: FolderTree, kind: FindingKind) -> list[Finding]:
    return [finding for finding in discover(tree) if finding.kind is kind]


def test_nothing_is_seen_in_an_empty_or_foreign_repository(tmp_path: Path) -> None:
    tree = repository(
        tmp_path, {"README.md": "# Hello", "src/main.c": "int main() { return 0; }", "data.bin": b"\xff\x00"}
    )
    assert discover(tree) == ()
    assert looked_at(tree) == 3


def test_a_prompt_in_its_own_folder_is_found_and_one_by_name_is_guessed(tmp_path: Path) -> None:
    tree = repository(
        tmp_path,
        {
            "prompts/answer.md": "Answer.",
            "prompts/README.md": "About prompts.",
            "app/sys.prompt": "You are …",
            "app/my_prompt_v2.j2": "You are …",
            "app/other.md": "nothing",
        },
    )
    rows = {finding.path: finding.confidence for finding in seen(tree, FindingKind.PROMPT_FILE)}
    assert rows == {"prompts/answer.md": "found", "app/sys.prompt": "found", "app/my_prompt_v2.j2": "guessed"}


def test_a_prompt_in_code_is_reported_with_its_line_and_cannot_be_claimed(tmp_path: Path) -> None:
    code = 'import os\n\nSYSTEM_PROMPT = """You are the assistant of a shop.\nBe brief."""\nPROMPT_NAME = "short"\n'
    (finding,) = seen(repository(tmp_path, {"app/llm.py": code}), FindingKind.PROMPT_IN_CODE)
    assert finding.where == "app/llm.py:3"
    assert (finding.part, finding.confidence, finding.name) == (Part.PROMPT, "found", "SYSTEM_PROMPT")
    assert "not claimable as a file" in finding.note


def test_a_system_message_without_a_name_is_a_guess(tmp_path: Path) -> None:
    code = (
        'm = [{"role": "system", "content": "You answer questions about parcels."}, {"role": "user", "content": x}]\n'
    )
    (finding,) = seen(repository(tmp_path, {"a.py": code}), FindingKind.PROMPT_IN_CODE)
    assert finding.confidence == "guessed"


def test_json_schemas_are_told_apart_from_other_json(tmp_path: Path) -> None:
    shape = {"type": "object", "properties": {"text": {"type": "string"}}}
    tree = repository(
        tmp_path,
        {
            "app/answer.json": json.dumps(shape),
            "app/order.json": json.dumps(shape),
            "app/old.json": json.dumps({"$schema": "http://json-schema.org/draft-04/schema#", **shape}),
            "app/bad.json": json.dumps({**shape, "required": "text"}),
            "package.json": json.dumps(shape),
            "data.json": json.dumps({"type": "object", "size": 3}),
            "broken.json": "{",
            "twice.json": '{"type": "object", "properties": {}, "properties": {}}',
        },
    )
    rows = {finding.path: (finding.confidence, bool(finding.name)) for finding in seen(tree, FindingKind.JSON_SCHEMA)}
    assert rows == {
        "app/answer.json": ("found", True),
        "app/order.json": ("guessed", True),
        "app/old.json": ("guessed", False),
        "app/bad.json": ("guessed", False),
    }


def test_pydantic_models_are_seen_through_inheritance_without_running_anything(tmp_path: Path) -> None:
    code = (
        "import pydantic\nraise SystemExit('never run me')\n"
        "class Base(pydantic.BaseModel): ...\nclass Answer(Base):\n    text: str\nclass Plain: ...\n"
    )
    rows = {f.name: f.confidence for f in seen(repository(tmp_path, {"s.py": code}), FindingKind.PYDANTIC_MODEL)}
    assert rows == {"Base": "guessed", "Answer": "found"}


def test_several_candidates_for_the_schema_are_guesses_each(tmp_path: Path) -> None:
    code = "class Answer(BaseModel): ...\nclass DeleteResponse(BaseModel): ...\n"
    rows = seen(repository(tmp_path, {"s.py": code}), FindingKind.PYDANTIC_MODEL)
    assert [(f.name, f.confidence) for f in rows] == [("Answer", "guessed"), ("DeleteResponse", "guessed")]
    assert "one of 2" in rows[0].note


def test_instructions_may_be_for_people_so_they_are_a_guess(tmp_path: Path) -> None:
    code = (
        'INSTALL_INSTRUCTIONS = "Run the installer, then restart."\nUSER_PROMPT = "Answer this question: {question}"\n'
    )
    rows = seen(repository(tmp_path, {"s.py": code}), FindingKind.PROMPT_IN_CODE)
    assert {f.name: f.confidence for f in rows} == {"INSTALL_INSTRUCTIONS": "guessed", "USER_PROMPT": "found"}


def test_tools_are_read_in_every_shape_and_converted_to_ours(tmp_path: Path) -> None:
    flat = {"type": "function", "name": "flat_tool", "parameters": {"properties": {}}}
    tree = repository(
        tmp_path,
        {
            "a/tools.json": json.dumps({"tools": [MCP_TOOL]}),
            "b/rpc.json": json.dumps({"jsonrpc": "2.0", "id": 1, "result": {"tools": [MCP_TOOL]}}),
            "c/openai.json": json.dumps([OPENAI_TOOL, flat]),
            "d/tools.py": f"TOOLS = {OPENAI_TOOL and [OPENAI_TOOL]!r}\n",
            "e/half.json": json.dumps({"tools": [MCP_TOOL, {"name": "x"}]}),
            "f/jobs.json": json.dumps({"tools": ["hammer"]}),
        },
    )
    rows = {finding.path: finding for finding in discover(tree) if finding.part is Part.TOOLS}
    assert set(rows) == {"a/tools.json", "b/rpc.json", "c/openai.json", "d/tools.py"}
    assert {finding.confidence for finding in rows.values()} == {"found"}
    assert tools_of(tree, rows["b/rpc.json"]) == [MCP_TOOL]
    flat_made = {"name": "flat_tool", "description": "", "inputSchema": {"type": "object", "properties": {}}}
    made = {"name": "cancel_order", "description": "", "inputSchema": OPENAI_TOOL["function"]["parameters"]}  # type: ignore[index]
    assert tools_of(tree, rows["c/openai.json"]) == [made, flat_made]
    assert rows["d/tools.py"].line == 1
    assert tools_of(tree, rows["d/tools.py"]) == [made]


def test_mcp_servers_are_named_and_their_tools_are_not_invented(tmp_path: Path) -> None:
    tree = repository(tmp_path, {"mcp.json": json.dumps({"mcpServers": {"shop": {"command": "x"}, "crm": {}}})})
    (finding,) = seen(tree, FindingKind.MCP_SERVERS)
    assert finding.name == "crm, shop"
    assert tools_of(tree, finding) == []


def test_decorated_tools_are_guesses(tmp_path: Path) -> None:
    code = "@mcp.tool()\nasync def refund(id): ...\n\n@tool\ndef read(): ...\n\n@cache\ndef no(): ...\n"
    rows = [(f.name, f.confidence) for f in seen(repository(tmp_path, {"t.py": code}), FindingKind.TOOL_FUNCTION)]
    assert rows == [("refund", "guessed"), ("read", "guessed")]


def test_sources_of_retrieval_are_found_by_folder_and_guessed_elsewhere(tmp_path: Path) -> None:
    files = {
        "kb/a.md": "x",
        "kb/deep/b.txt": "x",
        "docs/guide.md": "x",
        "data/faq_index.json": "[]",
        "app/rag.py": "def retrieve(q): ...\nclass VectorStore: ...\ndef other(): ...\n",
    }
    rows = [(f.kind, f.where, f.confidence) for f in discover(repository(tmp_path, files)) if f.part is Part.RETRIEVER]
    assert rows == [
        (FindingKind.SOURCES, "kb", "found"),
        (FindingKind.RETRIEVAL_CODE, "app/rag.py:1", "guessed"),
        (FindingKind.RETRIEVAL_CODE, "app/rag.py:2", "guessed"),
        (FindingKind.INDEX, "data/faq_index.json", "guessed"),
        (FindingKind.SOURCES, "docs", "guessed"),
    ]


def test_model_ids_have_their_place_and_an_alias_is_called_one(tmp_path: Path) -> None:
    files = {
        "app/llm.py": 'import x\n# gpt-4 in a comment\nMODEL = "gpt-4o"\nFROZEN = "gpt-4o-2024-08-06"\nS = "we use gpt-4o"\n',
        "conf/app.yaml": "name: shop\nmodel: claude-sonnet-4-20250514  # pinned\n",
        "web/chat.ts": "const m = 'o3-mini';\n",
        ".env": "MODEL=mistral-large-latest\n",
        "uv.lock.json": '{"x": "gpt-4o"}',
        "node_modules/y/a.js": "'gpt-4o'",
        "tests/t.py": "M = 'gpt-4'",
    }
    rows = {f.where: (f.name, "alias" in f.note) for f in seen(repository(tmp_path, files), FindingKind.MODEL_ID)}
    assert rows == {
        "app/llm.py:3": ("gpt-4o", True),
        "app/llm.py:4": ("gpt-4o-2024-08-06", False),
        "conf/app.yaml:2": ("claude-sonnet-4-20250514", False),
        "web/chat.ts:1": ("o3-mini", True),
        ".env:1": ("mistral-large-latest", True),
    }


@pytest.mark.parametrize(
    "text",
    ["gpt", "gpt-index", "claude-desktop", "o1x", "gemini", "llama_index", "mistral-common", "gpt-4.json", "go3"],
)
def test_what_only_sounds_like_a_model_is_none(text: str) -> None:
    assert provider_of(text) is None


def test_a_way_into_the_app_is_found_by_its_signature_and_guessed_by_its_name(tmp_path: Path) -> None:
    files = {
        "a.py": "async def serve(request, *, root, chat): ...\n",
        "b.py": "def answer(question): ...\ndef unrelated(): ...\nclass C:\n    def answer(self): ...\n",
    }
    rows = [(f.where, f.name, f.confidence) for f in seen(repository(tmp_path, files), FindingKind.CALL)]
    assert rows == [("a.py:1", "serve", "found"), ("b.py:1", "answer", "guessed")]


def test_runbooks_are_seen(tmp_path: Path) -> None:
    files = {"ops/RUNBOOK.md": "x", "docs/escalation-guide.md": "x", "runbooks/db.md": "x"}
    rows = {f.path: f.kind for f in discover(repository(tmp_path, files)) if f.part is Part.RUNBOOK}
    assert rows == {
        "ops/RUNBOOK.md": FindingKind.RUNBOOK,
        "runbooks/db.md": FindingKind.RUNBOOK,
        "docs/escalation-guide.md": FindingKind.ESCALATION,
    }


def test_files_that_cannot_be_read_are_passed_over(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "old.py": "print 'python 2, gpt-4'\n",
        "nul.py": b"x = 'gpt-4'\0",
        "latin.py": b"x = 'gpt-4' # \xe9",
        "odd.py": 'x = "\\d"\nM = "gpt-4"\n',
        "deep.json": "[" * 5000,
        "big.py": "M = 'gpt-4'\n" + "#" * MAX_BYTES,
    }
    assert [f.where for f in discover(repository(tmp_path, files))] == ["odd.py:2"]
