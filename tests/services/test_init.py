"""What `interlock init` promises: it guesses honestly, changes nothing of theirs, locks at once, and can be undone."""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.adapters.feature_folder import FolderFeatureFolder
from interlock.adapters.folder import FolderTree
from interlock.core.bundle import PinLevel
from interlock.core.checks import LIMITS
from interlock.core.errors import BundleError, DocumentError, InterlockError, UsageError
from interlock.core.manifest import Part, Profile
from interlock.core.rules import rule_findings
from interlock.services.init import RECORD, InitPlan, apply_init, plan_init, undo_init
from interlock.services.init_draft import quoted
from interlock.services.lock import Resolved, resolve
from interlock.services.parts import Loaded, StaticContext, load_parts
from interlock.services.stakes import QUESTIONS, Question, StakesAnswers, answer_stakes
from interlock.services.static_policy import STATIC

SAFE = StakesAnswers(False, False, False, False, "cheap")
ACTS = StakesAnswers(True, True, True, True, "cheap")
MCP_TOOL = {"name": "get_order", "description": "Reads.", "inputSchema": {"type": "object", "properties": {}}}
OPENAI_TOOL = {
    "type": "function",
    "function": {"name": "cancel_order", "parameters": {"type": "object", "properties": {}}},
}
PROMPT = 'SYSTEM_PROMPT = "You are the assistant of a shop. Be brief."\nMODEL = "gpt-4o"\ndef answer(q): ...\n'
SCHEMA = json.dumps({"type": "object", "properties": {"text": {"type": "string"}}})

REPOSITORIES: Mapping[str, Mapping[str, str]] = {
    "nothing": {},
    "only text": {"README.md": "hello", "docs/guide.md": "# Guide"},
    "mcp manifest": {"tools/tools.json": json.dumps({"tools": [MCP_TOOL]}), "tools/run.py": "x = 1\n"},
    "two manifests": {"a/tools.json": json.dumps({"tools": [MCP_TOOL]}), "b/tools.json": json.dumps([OPENAI_TOOL])},
    "mcp servers": {"mcp.json": json.dumps({"mcpServers": {"shop": {}, "my crm": {}}})},
    "openai tools": {"app/tools.py": f"TOOLS = {[OPENAI_TOOL]!r}\n"},
    "decorated tools": {"app/tools.py": "@tool\ndef refund(id): ...\n"},
    "prompt in code": {"app/llm.py": PROMPT},
    "prompts and pydantic": {
        "prompts/answer.md": "Answer the question.",
        "prompts/load.py": "x = 1\n",
        "app/schemas.py": "from pydantic import BaseModel\nclass Answer(BaseModel):\n    text: str\n",
    },
    "prompts and schema": {"prompts/a.md": "A", "prompts/b.md": "B", "out/answer.json": SCHEMA, "m.yaml": "model: gpt-4o"},
    "retrieval": {"kb/a.md": "x", "kb/runbook.md": "# Restart it", "kb/prompt.md": "You are …", "app/rag.py": "def retrieve(q): ...\n"},
    "retrieval in code": {"app/rag.py": "def retrieve(q): ...\n"},
    "docs retrieved": {"docs/a.md": "x", "docs/logo.png": "x", "app/rag.py": "def retrieve(q): ...\n"},
    "runbooks": {"docs/runbook.md": "# Restart it", "docs/escalation.md": "# Call", "docs/x.md": "x"},
    "odd names": {"prompts/was ist los?.md": "a", "prompts/ü 'q\".md": "b", "a*b/x.py": "x", "kb/1#2.md": "x", "my-app/m.py": PROMPT},
    "typescript": {"src/chat.ts": "const model = 'gpt-4o-2024-08-06'", "index.js": "1"},
    "package of our name": {"interlock/__init__.py": PROMPT, "setup.py": "x = 1"},
}  # fmt: skip


def make(folder: Path, files: Mapping[str, str]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for path, content in files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode())
    return folder


def state(folder: Path) -> dict[str, str]:
    """Every name below a folder, empty folders included, with mode and digest."""
    found = {}
    for path in sorted(folder.rglob("*")):
        digest = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"
        found[path.relative_to(folder).as_posix()] = f"{path.lstat().st_mode:o} {digest}"
    return found


def plan(folder: Path, answers: StakesAnswers = SAFE) -> InitPlan:
    return plan_init(FolderTree(folder), answers, "acme/support")


def locked(folder: Path) -> tuple[Resolved, Loaded]:
    tree = FolderTree(folder)
    resolved = resolve(tree)
    return resolved, load_parts(resolved.bundle, tree)


@pytest.mark.parametrize("name", REPOSITORIES)
def test_the_folder_locks_at_once_and_nothing_of_theirs_is_changed(name: str, tmp_path: Path) -> None:
    before = state(make(tmp_path, REPOSITORIES[name]))
    for answers in (SAFE, ACTS):
        planned = plan(tmp_path, answers)
        assert state(tmp_path) == before, "planning writes nothing"
        written = apply_init(planned, FolderFeatureFolder(tmp_path))
        after = state(tmp_path)
        assert {path: after[path] for path in before} == before
        made = {path for path in after.keys() - before.keys() if not after[path].endswith("folder")}
        assert made == set(written) == {*planned.files, RECORD}
        assert all(path == "interlock.yaml" or path.startswith("interlock/") for path in made)
        resolved, loaded = locked(tmp_path)
        assert resolved.manifest.profile is answers.profile
        assert list(resolved.manifest.environments) == ["staging", "production"]
        assert sum(len(suite.cases) for suite in loaded.suites) == 3
        undone = undo_init(FolderFeatureFolder(tmp_path))
        assert set(undone.removed) == set(planned.files)
        assert (undone.kept, undone.missing) == ((), ())
        assert state(tmp_path) == before


@pytest.mark.parametrize("name", REPOSITORIES)
def test_a_fresh_folder_never_looks_ready(name: str, tmp_path: Path) -> None:
    apply_init(plan(make(tmp_path, REPOSITORIES[name]), ACTS), FolderFeatureFolder(tmp_path))
    _, loaded = locked(tmp_path)
    limits = LIMITS[loaded.release.profile]
    context = StaticContext(loaded, (), None, lambda argv: None, limits)
    for check in ("SAFE-07", "RUN-01", "CAP-01", "DOM-01"):
        assert rule_findings(STATIC[check](context), limits).standing.value == "fail", check
    assert STATIC["GOV-04"](context)["missing"]
    assert limits.min_cases > 3, "three starter cases are never enough"
    assert loaded.bundle.components[Part.MODEL].pin is PinLevel.P3


def test_what_was_found_is_claimed_and_what_was_guessed_is_listed_to_confirm(tmp_path: Path) -> None:
    planned = plan(make(tmp_path, REPOSITORIES["prompt in code"]))
    assert [finding.where for finding in planned.guessed] == ["app/llm.py:3"]
    text = planned.files["interlock.yaml"]
    assert 'call: "app.llm:answer"' in text
    assert "guessed, confirm: app/llm.py:3" in text
    assert "alias" in text
    assert "`app/llm.py:1`" in planned.files["interlock/prompt/system.md"]
    assert "You are the assistant" not in "".join(planned.files.values()), "a copy would drift from the code"
    rows = {row.what: row for row in planned.rows}
    assert rows["model"].where == "app/llm.py:2 gpt-4o"
    assert rows["target"].standing.startswith("guessed, please confirm")
    assert rows["schema"].standing == "not found, template written"


def test_a_second_prompt_in_code_is_told_and_one_model_of_several_is_a_guess(tmp_path: Path) -> None:
    code = PROMPT + 'SMALL = "gpt-4o-mini"\n'
    planned = plan(make(tmp_path, {"prompts/a.md": "Answer.", "app/llm.py": code}))
    assert [row.where for row in planned.rows if row.what == "prompt"] == ["prompts/a.md", "app/llm.py:1"]
    assert "app/llm.py:2" in {finding.where for finding in planned.guessed}
    assert "also seen: gpt-4o-mini (app/llm.py:4)" in planned.files["interlock.yaml"]


def test_a_prompt_folder_and_a_pydantic_schema(tmp_path: Path) -> None:
    apply_init(plan(make(tmp_path, REPOSITORIES["prompts and pydantic"])), FolderFeatureFolder(tmp_path))
    resolved, _ = locked(tmp_path)
    prompt, schema = resolved.manifest.parts.prompt, resolved.manifest.parts.schema_
    assert (prompt.files, prompt.folders) == (("prompts/answer.md",), ())
    assert schema.output == "interlock/schema/answer.json"
    assert "app/schemas.py:2:Answer" in (tmp_path / schema.output).read_text()
    assert "prompts/load.py" in {entry.path for entry in resolved.app_files}


def test_a_folder_of_prompts_alone_stays_watched(tmp_path: Path) -> None:
    apply_init(plan(make(tmp_path, REPOSITORIES["prompts and schema"])), FolderFeatureFolder(tmp_path))
    locked(tmp_path)
    (tmp_path / "prompts/c.md").write_text("C")
    with pytest.raises(DocumentError, match="nothing claims it"):
        locked(tmp_path)


def test_their_manifest_is_claimed_and_other_shapes_are_converted_beside_it(tmp_path: Path) -> None:
    apply_init(plan(make(tmp_path / "a", REPOSITORIES["mcp manifest"])), FolderFeatureFolder(tmp_path / "a"))
    resolved, loaded = locked(tmp_path / "a")
    assert resolved.manifest.part(Part.TOOLS).manifest == "tools/tools.json"
    assert [tool.name for tool in loaded.tools] == ["get_order"]
    apply_init(plan(make(tmp_path / "b", REPOSITORIES["two manifests"])), FolderFeatureFolder(tmp_path / "b"))
    resolved, loaded = locked(tmp_path / "b")
    assert resolved.manifest.part(Part.TOOLS).manifest == "interlock/tools/tools.json"
    assert [tool.name for tool in loaded.tools] == ["get_order", "cancel_order"]


def test_tools_that_are_not_known_are_owed_and_none_is_only_said_where_nothing_acts(tmp_path: Path) -> None:
    servers = plan(make(tmp_path / "a", REPOSITORIES["mcp servers"]))
    names = [tool["name"] for tool in json.loads(servers.files["interlock/tools/tools.json"])["tools"]]
    assert names == ["my_crm.replace_me", "shop.replace_me"]
    assert "tools: none" in plan(make(tmp_path / "b", {})).files["interlock.yaml"]
    assert "tools: none" not in plan(tmp_path / "b", ACTS).files["interlock.yaml"]


def test_sources_leave_runbook_and_prompt_to_their_parts(tmp_path: Path) -> None:
    apply_init(plan(make(tmp_path, REPOSITORIES["retrieval"])), FolderFeatureFolder(tmp_path))
    bundle = locked(tmp_path)[0].bundle
    owner = {entry.path: part for part, each in bundle.components.items() for entry in each.files}
    assert owner["kb/a.md"] is Part.RETRIEVER
    assert owner["kb/runbook.md"] is Part.RUNBOOK
    assert owner["kb/prompt.md"] is Part.PROMPT


def test_the_target_is_a_function_else_the_endpoint_else_a_command_to_fill_in(tmp_path: Path) -> None:
    kinds = {}
    for name in ("prompt in code", "prompts and schema", "nothing"):
        folder = make(tmp_path / name, REPOSITORIES[name])
        apply_init(plan(folder), FolderFeatureFolder(folder))
        kinds[name] = locked(folder)[0].manifest.target.kind
    assert kinds == {"prompt in code": "python", "prompts and schema": "openai", "nothing": "command"}


def test_an_edited_template_is_kept_and_named(tmp_path: Path) -> None:
    folder = FolderFeatureFolder(tmp_path)
    apply_init(plan(make(tmp_path, {"app.py": "x = 1\n"})), folder)
    glossary = tmp_path / "interlock/guardrails/glossary.yaml"
    glossary.write_text("glossary: 1\nterms: []\n")
    (tmp_path / "interlock/evals/starter.yaml").unlink()
    (tmp_path / "interlock/mine.txt").write_text("mine")
    undone = undo_init(folder)
    assert undone.kept == ("interlock/guardrails/glossary.yaml",)
    assert undone.missing == ("interlock/evals/starter.yaml",)
    left = [path for path, kind in state(tmp_path).items() if not kind.endswith("folder")]
    assert left == ["app.py", "interlock/guardrails/glossary.yaml", "interlock/mine.txt"]
    with pytest.raises(UsageError, match="nothing is known"):
        undo_init(folder)


def test_a_second_init_is_refused_and_says_what_to_do(tmp_path: Path) -> None:
    planned = plan(tmp_path)
    apply_init(planned, FolderFeatureFolder(tmp_path))
    before = state(tmp_path)
    for again in (lambda: plan(tmp_path), lambda: apply_init(planned, FolderFeatureFolder(tmp_path))):
        with pytest.raises(UsageError) as refused:
            again()
        assert "interlock init --undo" in refused.value.hint
    assert state(tmp_path) == before


def test_what_lies_where_init_would_write_is_not_overwritten(tmp_path: Path) -> None:
    make(tmp_path, {"interlock/guardrails/glossary.yaml": "theirs"})
    with pytest.raises(UsageError, match=r"glossary\.yaml` is in the way"):
        plan(tmp_path)
    make(tmp_path / "b", {"interlock": "a file"})
    with pytest.raises(UsageError, match="in the way"):
        plan(tmp_path / "b")


def test_a_file_that_appears_while_init_writes_is_kept_and_the_rest_removed(tmp_path: Path) -> None:
    planned = plan(tmp_path)

    class Racing(FolderFeatureFolder):
        def write_new(self, path: str, content: bytes) -> None:
            if path.endswith("answers.yaml"):
                (tmp_path / path).write_text("theirs")
            super().write_new(path, content)

    with pytest.raises(UsageError, match="in the way"):
        apply_init(planned, Racing(tmp_path))
    files = [path for path, kind in state(tmp_path).items() if not kind.endswith("folder")]
    assert files == ["interlock/guardrails/answers.yaml"]


def test_an_init_that_was_killed_can_be_undone(tmp_path: Path) -> None:
    planned = plan(make(tmp_path, {"a.py": "x = 1\n"}))
    before = state(tmp_path)

    class KilledError(BaseException):
        pass

    class Dying(FolderFeatureFolder):
        def write_new(self, path: str, content: bytes) -> None:
            if path.endswith("cases/starter.jsonl"):
                raise KilledError
            super().write_new(path, content)

    with pytest.raises(KilledError):
        apply_init(planned, Dying(tmp_path))
    assert state(tmp_path) != before
    undone = undo_init(FolderFeatureFolder(tmp_path))
    assert "interlock.yaml" in undone.missing, "the manifest appears only when all that it names is there"
    assert "interlock/guardrails/glossary.yaml" in undone.removed
    assert state(tmp_path) == before


@pytest.mark.parametrize("path", ["app.py", "../outside", "/etc/passwd", "interlock/../app.py", "interlockx/y"])
def test_a_forged_record_deletes_nothing_else(path: str, tmp_path: Path) -> None:
    root = make(tmp_path / "root", {"app.py": "x = 1\n", "interlockx/y": "z"})
    make(tmp_path, {"outside": "z"})
    digest = "sha256:" + hashlib.sha256(b"x = 1\n").hexdigest()
    make(root, {RECORD: json.dumps({"interlock_init": 1, "files": [{"path": path, "sha256": digest}]})})
    before = state(tmp_path)
    with pytest.raises(InterlockError):
        undo_init(FolderFeatureFolder(root))
    assert state(tmp_path) == before


@pytest.mark.skipif(os.name != "posix", reason="links")
def test_a_link_is_never_written_through_nor_followed_to_delete(tmp_path: Path) -> None:
    root, elsewhere = make(tmp_path / "root", {"a.py": "x = 1\n"}), make(tmp_path / "elsewhere", {"x": "y"})
    (root / "interlock").symlink_to(elsewhere)
    folder = FolderFeatureFolder(root)
    for act in (lambda: folder.write_new("interlock/x2", b""), lambda: folder.delete("interlock/x")):
        with pytest.raises(BundleError, match="over a link"):
            act()
    (root / "dangling").symlink_to(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="in the way"):
        folder.write_new("dangling", b"x")
    with pytest.raises(UsageError, match="no file"):
        folder.read("dangling")
    assert state(elsewhere).keys() == {"x"}
    assert not (tmp_path / "nowhere").exists()


# ── stakes ──────────────────────────────────────────────────────────────────────────────────────────────────────

GIVEN = {"acts": True, "locks_out": True, "misstates_policy": False, "costs_money": False, "fallback": "none"}


def test_the_profile_follows_from_the_answers() -> None:
    assert SAFE.profile is Profile.LIGHT
    assert ACTS.profile is Profile.STANDARD
    assert answer_stakes(GIVEN).profile is Profile.REGULATED
    assert StakesAnswers(False, False, False, False, "cheap", data_classes=("health",)).profile is Profile.REGULATED


def test_without_a_terminal_every_missing_flag_is_named() -> None:
    with pytest.raises(UsageError) as refused:
        answer_stakes({"acts": False, "costs_money": None})
    flags = ("--locks-out/--no-locks-out", "--misstates-policy/", "--costs-money/", "--fallback cheap|costly|none")
    assert all(flag in refused.value.hint for flag in flags)
    assert "--acts" not in refused.value.hint


def test_a_person_is_asked_only_what_no_flag_says() -> None:
    asked: list[str] = []

    def ask(question: Question) -> str:
        asked.append(question.key)
        return question.choices[-1].upper()

    answers = answer_stakes({"acts": True, "locks_out": "no"}, ask)
    assert asked == ["misstates_policy", "costs_money", "fallback"]
    assert (answers.acts, answers.locks_out, answers.costs_money, answers.fallback) == (True, False, False, "none")


@pytest.mark.parametrize("bad", [{"acts": "perhaps"}, {"fallback": "c h"}, {"fallback": True}, {"acts": ""}])
def test_an_answer_that_is_none_is_refused(bad: dict[str, bool | str]) -> None:
    with pytest.raises(UsageError):
        answer_stakes({**GIVEN, **bad})


def test_every_key_of_the_stakes_is_asked() -> None:
    assert {question.key for question in QUESTIONS} == set(type(SAFE.stakes).model_fields)


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20))
def test_any_text_survives_in_the_manifest(text: str) -> None:
    from interlock.core.yaml_text import parse_yaml

    assert parse_yaml(f"x: {quoted(text)}\n", "x.yaml").value == {"x": text}


def test_name_purpose_and_languages_are_written_as_given(tmp_path: Path) -> None:
    answers = StakesAnswers(
        False, False, False, False, "cheap", ("contact",), ("de", "no"), 'Sagt: "ja"\nund # nein'
    )  # fmt: skip
    apply_init(plan_init(FolderTree(tmp_path), answers, "acme/yes"), FolderFeatureFolder(tmp_path))
    resolved, loaded = locked(tmp_path)
    manifest = resolved.manifest
    assert (manifest.feature, manifest.purpose) == ("acme/yes", 'Sagt: "ja"\nund # nein')
    assert (manifest.languages, manifest.data_classes) == (("de", "no"), ("contact",))
    assert set(loaded.answers.abstain.wording) == {"de", "no"}
    with pytest.raises(UsageError, match="no name"):
        plan_init(FolderTree(make(tmp_path / "e", {"x": "y"})), SAFE, " ")
    with pytest.raises(UsageError, match="no name for a feature"):
        plan_init(FolderTree(tmp_path / "e"), SAFE, "acme: yes")
