"""Each static check of the policy is green on a sound bundle, and red, at the right place, for one seeded fault."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from interlock.core.checks import Limits
from interlock.core.evidence import Method
from interlock.core.glossary import lint_text
from interlock.core.manifest import Part
from interlock.core.rules import RULES, Standing
from interlock.services.lock import resolve
from interlock.services.parts import StaticContext, load_parts
from interlock.services.static_policy import METHODS, STATIC

EXAMPLE = Path(__file__).parents[2] / "examples" / "billing-support"
OPERATIONS, RUNBOOK, ESCALATION = "runbook/operations.yaml", "runbook/runbook.md", "runbook/escalation.md"
GLOSSARY, ACTIONS, ANSWERS = "guardrails/glossary.yaml", "guardrails/actions.yaml", "guardrails/answers.yaml"
MANIFEST = "interlock.yaml"
Edits = Mapping[str, Callable[[str], str]]


class MemoryTree:
    """The files of the example in memory, some of them edited."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.files = files

    def paths(self) -> Sequence[str]:
        return sorted(self.files)

    def read(self, path: str) -> bytes:
        return self.files[path]


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    kept = ("interlock.yaml", "app", "evals", "guardrails", "kb", "model", "prompts", "runbook", "schema", "tools")
    found = (path for path in EXAMPLE.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    names = ((path, path.relative_to(EXAMPLE)) for path in found)
    return {name.as_posix(): path.read_bytes() for path, name in names if name.parts[0] in kept}


def replace(old: str, new: str) -> Callable[[str], str]:
    def edit(text: str) -> str:
        assert old in text, f"the example no longer holds {old!r}"
        return text.replace(old, new, 1)

    return edit


def refuse(argv: list[str]) -> str | None:
    return "no such command" if argv[:1] == ["fly"] else None


def context(files: Mapping[str, bytes], edits: Edits) -> StaticContext:
    changed = dict(files)
    for path, edit in edits.items():
        changed[path] = edit(changed[path].decode()).encode()
    tree = MemoryTree(changed)
    loaded = load_parts(resolve(tree).bundle, tree)
    return StaticContext(loaded, (), None, refuse, loaded.release.limits)


def findings(data: Mapping[str, Any]) -> set[tuple[str, int | None, str]]:
    return {(row["file"], row["line"], row["message"]) for row in data["findings"]}


def line_of(text: str, part: str) -> int:
    return text[: text.index(part)].count("\n") + 1


@pytest.mark.parametrize("check", sorted(set(STATIC) - {"DOM-02", "SAFE-03"}))
def test_the_example_is_sound(check: str, files: dict[str, bytes]) -> None:
    data = STATIC[check](context(files, {}))
    assert RULES[check](data, Limits()).standing is Standing.PASS, data
    assert json.loads(json.dumps(data)) == data  # evidence is plain JSON


def test_the_example_has_no_labels_so_its_threshold_is_owed_a_proof(files: dict[str, bytes]) -> None:
    data = STATIC["SAFE-03"](context(files, {}))
    assert RULES["SAFE-03"](data, Limits()).standing is Standing.OWED


def test_the_texts_of_the_parts_are_examined_and_no_others(files: dict[str, bytes]) -> None:
    loaded = context(files, {}).loaded
    data = STATIC["DOM-02"](context(files, {}))
    assert data["examined"] == sum(part not in {Part.MODEL, Part.RETRIEVER} for part, _, _ in loaded.texts) > 10


SEEDED = [
    # check, file that is edited, old, new, file of the finding, what its line holds, a word of the message
    ("DOM-01", ACTIONS, "tool: get_account", "tool: list_invoices", "tools/tools.json", '"name": "get_account"', "no action"),
    ("DOM-01", ACTIONS, "tool: get_account", "tool: list_invoices", "tools/tools.json", '"name": "list_invoices"', "2 actions"),
    ("DOM-01", ACTIONS, "tool: get_account", "tool: no_tool", ACTIONS, "tool: no_tool", "which is no tool"),
    ("DOM-01", ACTIONS, "action: account.read", "action: account.other", ACTIONS, "action: account.other", "no term"),
    ("DOM-01", GLOSSARY, "actions: [account.read]", "actions: [account.gone]", GLOSSARY, "account.gone", "no action"),
    ("DOM-01", GLOSSARY, "synonyms: [holder], forbidden: []", "synonyms: [holder], forbidden: [], actions: [account.read]",
     ACTIONS, "action: account.read", "2 terms"),
    ("DOM-01", ACTIONS, "action: invoice.list", "action: account.read", ACTIONS, "action: account.read\n    tool: list_invoices", "defined twice"),
    ("DOM-01", GLOSSARY, "owner: billing", 'owner: ""', GLOSSARY, "{term: account,", "no `owner`"),
    ("DOM-01", GLOSSARY, "synonyms: [holder]", "synonyms: [bill]", GLOSSARY, "{term: invoice,",
     "two meanings"),
    ("DOM-02", "prompts/router.md", "# Examples", "A reimbursement.\n# Examples", "prompts/router.md", "A reimbursement",
     "say `refund`"),
    ("DOM-02", "schema/answer.json", "Answer of the billing assistant", "Approved answer", "schema/answer.json",
     "Approved", "does not define"),
    ("DOM-02", RUNBOOK, "## What it is", "## When it is resolved", RUNBOOK, "## When it is resolved", "`resolved`"),
    ("DOM-02", "evals/gold.yaml", "Somebody else", "Somebody approved", "evals/gold.yaml", "Somebody approved", "`approved`"),
    ("SAFE-07", ANSWERS, "I cannot answer this reliably from our published rules, so I will not guess.", "", ANSWERS,
     'text: ""', "the text is empty"),
    ("SAFE-07", ANSWERS, 'next: "Reply with your', 'next: "Bye now" #', ANSWERS, 'next: "Bye now"', "what happens next"),
    ("SAFE-07", MANIFEST, "languages: [en, de, fr, es]", "languages: [en, de, fr, es, nl]", ANSWERS, "    en:", "`nl`: there is no"),
    ("SAFE-07", ANSWERS, "queue: privacy\n", "queue: nowhere\n", ANSWERS, "queue: nowhere", "`nowhere`"),
    ("RUN-01", RUNBOOK, "owner: Marit Osei", "owner: Nobody Known", RUNBOOK, "owner: Nobody", "not in the rota"),
    ("RUN-01", OPERATIONS, "day_usd: 50.0", "day_usd: 51.0", ESCALATION, "reviewed:", "since became"),
    ("RUN-01", RUNBOOK, "```interlock kind=command", "```interlock kind=spell", RUNBOOK, "```interlock kind=spell", "unknown kind"),
    ("RUN-01", RUNBOOK, "interlock history", "interlock fly", RUNBOOK, "interlock fly", "no such command"),
    ("RUN-01", RUNBOOK, "expect: {outcome: answer}", "expect: {queue: people}", RUNBOOK, "expect: {queue: people}", "outcome"),
    ("RUN-01", RUNBOOK, "expect: {outcome: answer}", "expect: {outcome: answer, queue: people}", RUNBOOK,
     '```interlock kind=probe\ninput: "When is my', "no escalation"),
    ("RUN-01", RUNBOOK, "who: oncall", "who: ghosts", RUNBOOK, "```interlock kind=human\nwho: ghosts", "`ghosts`"),
    ("RUN-01", RUNBOOK, "](operations.yaml)", "](gone.yaml)", RUNBOOK, "](gone.yaml)", "leads to no file"),
    ("CAP-01", OPERATIONS, "request_usd: 0.02, ", "", OPERATIONS, "caps:", "`request_usd` is missing"),
    ("CAP-01", OPERATIONS, "request_usd: 0.02", "request_usd: 0", OPERATIONS, "caps:", "above 0"),
    ("CAP-01", OPERATIONS, "tenant_day_usd: 5.0", "tenant_day_usd: 0.01", OPERATIONS, "caps:", "below `request_usd`"),
    ("CAP-01", OPERATIONS, ", day_usd: 50.0", ", day_usd: 4.0", OPERATIONS, "caps:", "below `tenant_day_usd`"),
]  # fmt: skip


@pytest.mark.parametrize(("check", "edited", "old", "new", "file", "holds", "word"), SEEDED)
def test_a_seeded_fault_is_found_at_its_place(
    files: dict[str, bytes], check: str, edited: str, old: str, new: str, file: str, holds: str, word: str
) -> None:
    seeded = context(files, {edited: replace(old, new)})
    data = STATIC[check](seeded)
    assert RULES[check](data, Limits()).standing is Standing.FAIL
    text = seeded.loaded.text(file)
    assert text is not None
    expected = line_of(text, holds)
    hits = [row for row in data["findings"] if word in row["message"]]
    assert (file, expected) in {(row["file"], row["line"]) for row in hits}, data["findings"]


def test_a_price_that_nobody_pinned_is_found(files: dict[str, bytes]) -> None:
    price = 'price: {as_of: "2026-11-22", input_per_mtok_usd: 0, output_per_mtok_usd: 0}'
    data = STATIC["CAP-01"](context(files, {MANIFEST: replace(f"    {price}\n", "")}))
    assert [row["message"] for row in data["findings"]] == [
        "the model has no `price`: without one every request seems to cost nothing"
    ]
    data = STATIC["CAP-01"](context(files, {MANIFEST: replace('"2026-11-22", input', '"lately", input')}))
    assert "`lately`" in data["findings"][0]["message"]


def test_the_finding_about_a_stale_review_says_the_right_value(files: dict[str, bytes]) -> None:
    seeded = context(files, {OPERATIONS: replace("day_usd: 50.0", "day_usd: 51.0")})
    right = seeded.loaded.bundle.paths()[OPERATIONS].sha256.removeprefix("sha256:")[:12]
    stale = [row for row in STATIC["RUN-01"](seeded)["findings"] if "since became" in row["message"]]
    assert len(stale) == 2
    assert all(f'operations: "{right}"' in row["message"] for row in stale)


def test_a_guide_without_a_step_to_execute_is_found(files: dict[str, bytes]) -> None:
    def only_people(text: str) -> str:
        return text.replace("interlock kind=command", "text").replace("interlock kind=probe", "text")

    data = STATIC["RUN-01"](context(files, {RUNBOOK: only_people}))
    assert any("no step can be executed" in row["message"] and row["file"] == RUNBOOK for row in data["findings"])


def test_a_critical_case_judged_by_form_alone_is_found_where_its_slice_is_declared(files: dict[str, bytes]) -> None:
    def hollow(text: str) -> str:
        first, rest = text.split("\n", 1)
        case = json.loads(first)
        assert "account_security" in case["slices"]
        case["expect"] = {"regex": "^Dear", "max_latency_s": 2.0, "max_cost_usd": 0.1}
        return json.dumps(case) + "\n" + rest

    seeded = context(files, {"evals/cases/gold-account-security.jsonl": hollow})
    data = STATIC["EVAL-09"](seeded)
    (row,) = data["findings"]
    text = seeded.loaded.text("evals/gold.yaml")
    assert text is not None
    assert (row["file"], row["line"]) == ("evals/gold.yaml", line_of(text, "{id: account_security,"))
    assert "1 of " in row["message"]
    assert RULES["EVAL-09"](data, Limits()).standing is Standing.FAIL


def test_an_empty_critical_slice_is_not_judged_by_substance(files: dict[str, bytes]) -> None:
    extra = '  - {id: vacant, title: "Vacant", critical: true}\n'
    seeded = context(files, {"evals/gold.yaml": lambda text: text.replace("slices:\n", f"slices:\n{extra}", 1)})
    assert any("`vacant`" in row["message"] for row in STATIC["EVAL-09"](seeded)["findings"])


def test_suites_without_a_critical_slice_leave_the_check_owed(files: dict[str, bytes]) -> None:
    edits = {
        name: lambda text: text.replace(", critical: true", "")
        for name in files
        if name.startswith("evals/") and name.endswith(".yaml")
    }
    data = STATIC["EVAL-09"](context(files, edits))
    assert data["examined"] == 0
    assert RULES["EVAL-09"](data, Limits()).standing is Standing.OWED


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("data_classes: [contact, billing]", "data_classes: []", "data_classes"),
        ("data_classes: [contact, billing]", "data_classes: [health]", "`regulated`"),
        ("profile: standard", "profile: light", "`light`"),
        ("fallback: cheap}", "fallback: none}", "`regulated`"),
    ],
)
def test_a_profile_lighter_than_the_stakes_is_not_passed(
    files: dict[str, bytes], old: str, new: str, says: str
) -> None:
    data = STATIC["GOV-04"](context(files, {MANIFEST: replace(old, new)}))
    ruling = RULES["GOV-04"](data, Limits())
    assert ruling.standing is Standing.FAIL
    assert says in ruling.seen


def test_stakes_that_nobody_answered_are_missing(files: dict[str, bytes]) -> None:
    def without(text: str) -> str:
        return "\n".join(line for line in text.split("\n") if not line.startswith("stakes:"))

    data = STATIC["GOV-04"](context(files, {MANIFEST: without}))
    assert data["missing"] == ["stakes"]
    assert RULES["GOV-04"](data, Limits()).standing is Standing.FAIL


def test_a_cap_in_a_file_is_only_declared() -> None:
    assert METHODS["CAP-01"] is Method.DECLARED
    assert {METHODS[name] for name in STATIC if name != "CAP-01"} == {Method.MEASURED}
    assert set(METHODS) == set(STATIC)


def test_the_measure_of_words_is_the_lint_of_each_text(files: dict[str, bytes]) -> None:
    seeded = context(files, {RUNBOOK: replace("## What it is", "## What is approved")})
    slow = {
        (found.file, found.line, found.message)
        for part, path, text in seeded.loaded.texts
        if part not in {Part.MODEL, Part.RETRIEVER}
        for found in lint_text(seeded.loaded.glossary, part, path, text)
    }
    assert findings(STATIC["DOM-02"](seeded)) == slow
    assert slow
