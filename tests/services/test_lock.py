"""What a lock promises: exactly these bytes, every one of them with a part, and faults with their place."""

import json
import random
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from interlock.core.bundle import PinLevel
from interlock.core.digest import of_bytes
from interlock.core.errors import BundleError, DocumentError, InterlockError, ManyErrors
from interlock.core.manifest import Part
from interlock.services.globs import matching
from interlock.services.lock import lock_text, read_lock, read_lock_app, resolve
from interlock.services.pins import moving_name, pin_of

ONE_FEATURE = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def faults(tree: Any) -> list[InterlockError]:
    with pytest.raises(InterlockError) as caught:
        resolve(tree)
    fault = caught.value
    return list(fault.errors) if isinstance(fault, ManyErrors) else [fault]


def test_every_file_of_a_part_is_claimed_by_exactly_that_part(small_feature: Any) -> None:
    bundle = resolve(small_feature).bundle
    assert list(bundle.components) == list(Part)
    assert [e.path for e in bundle.components[Part.EVALS].files] == ["evals/cases/gold-1.jsonl", "evals/gold.yaml"]
    assert [e.path for e in bundle.components[Part.RETRIEVER].files] == ["kb/hours.md", "kb/old/refunds.md"]
    assert set(bundle.paths()) == set(small_feature.files) - {"interlock.yaml", "README.md", "app/main.py"}


def test_a_lock_reads_back_as_the_same_bundle(small_feature: Any) -> None:
    resolved = resolve(small_feature)
    text = lock_text(resolved)
    assert read_lock(text) == resolved.bundle
    assert read_lock_app(text) == resolved.app
    assert text.endswith("}\n")
    assert lock_text(resolve(small_feature.with_file("interlock.lock", text))) == text


def test_a_lock_whose_digests_do_not_add_up_is_refused(small_feature: Any) -> None:
    value = json.loads(lock_text(resolve(small_feature)))
    value["bundle"]["components"]["prompt"]["files"][0]["size"] += 1
    with pytest.raises(BundleError, match="does not match"):
        read_lock(json.dumps(value))
    del value["bundle"]["components"]["prompt"]["files"]
    with pytest.raises(BundleError, match="misses"):
        read_lock(json.dumps(value))
    with pytest.raises(BundleError, match="format 1"):
        read_lock("{}")


@ONE_FEATURE
@given(st.data())
def test_one_byte_in_a_claimed_file_changes_exactly_its_component(small_feature: Any, data: st.DataObject) -> None:
    before = resolve(small_feature).bundle
    # Only files whose bytes are not read while locking: a suite that does not parse is refused, not locked.
    path = data.draw(st.sampled_from([p for p in sorted(before.paths()) if p != "evals/gold.yaml"]))
    content = bytearray(small_feature.files[path])
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    small = type(small_feature)({**small_feature.files, path: bytes(content)})
    after = resolve(small).bundle
    owner = next(part for part, c in before.components.items() if path in {e.path for e in c.files})
    assert after.changed_from(before) == (owner,)
    assert after.digest != before.digest
    assert after.with_part(owner, before) == before


@ONE_FEATURE
@given(st.randoms(use_true_random=False))
def test_the_order_of_patterns_means_nothing(small_feature: Any, chance: random.Random) -> None:
    both = ['"kb/*.md"', '"kb/old/*"', '"kb/hours.md"']
    suites = ['"evals/*.yaml"', '"evals/gold.yaml"', '"evals/g*.yaml"']
    wide = small_feature.edited("interlock.yaml", '["kb/**/*.md"]', f"[{', '.join(both)}]")
    wide = wide.edited("interlock.yaml", '["evals/*.yaml"]', f"[{', '.join(suites)}]")
    first = resolve(wide).bundle
    chance.shuffle(both)
    chance.shuffle(suites)
    other = small_feature.edited("interlock.yaml", '["kb/**/*.md"]', f"[{', '.join(both)}]")
    other = other.edited("interlock.yaml", '["evals/*.yaml"]', f"[{', '.join(suites)}]")
    assert resolve(other).bundle == first


def test_constraints_and_owners_leave_the_parts_as_they_are(small_feature: Any) -> None:
    before = resolve(small_feature).bundle
    tighter = resolve(small_feature.edited("interlock.yaml", ">=2,<4", ">=3,<4")).bundle
    assert tighter.changed_from(before) == ()
    assert tighter.digest != before.digest
    assert resolve(small_feature.edited("interlock.yaml", "Ada Winter", "Cleo Brandt")).bundle == before


def test_the_profile_and_the_environments_belong_to_the_runbook_part(small_feature: Any) -> None:
    before = resolve(small_feature).bundle
    for old, new in (("profile: standard", "profile: light"), ("approvals: 1", "approvals: 2")):
        after = resolve(small_feature.edited("interlock.yaml", old, new)).bundle
        assert after.changed_from(before) == (Part.RUNBOOK,)


def test_the_app_build_is_named_by_its_files_and_capabilities(small_feature: Any) -> None:
    before = resolve(small_feature)
    edited = resolve(small_feature.with_file("app/main.py", "pass\n"))
    assert edited.app != before.app
    assert edited.bundle == before.bundle
    assert resolve(small_feature.edited("interlock.yaml", "[answer-v3]", "[answer-v3, x]")).app != before.app


def test_a_parser_inside_the_app_belongs_to_the_schema(small_feature: Any) -> None:
    tree = small_feature.with_file("app/parse.py", "def parse(text): ...\n")
    tree = tree.edited(
        "interlock.yaml", "output: schema/answer.json", "output: schema/answer.json, parser: app/parse.py"
    )
    resolved = resolve(tree)
    assert "app/parse.py" in {e.path for e in resolved.bundle.components[Part.SCHEMA].files}
    assert [e.path for e in resolved.app_files] == ["app/main.py"]


def test_an_empty_pattern_and_a_missing_file_are_told_together_with_their_places(small_feature: Any) -> None:
    tree = small_feature.edited("interlock.yaml", '"prompts/*.md"', '"prompts/*.txt"')
    tree = tree.edited("interlock.yaml", "tools/tools.json", "tools/tool.json")
    found = faults(tree)
    assert [str(f.place) for f in found if f.place] == ["interlock.yaml:13:34", "interlock.yaml:16:35"]
    assert "matches no file" in found[0].message
    assert found[1].hint == "did you mean `tools/tools.json`?"


def test_a_file_of_two_parts_is_refused_and_both_claims_are_named(small_feature: Any) -> None:
    (fault,) = faults(small_feature.edited("interlock.yaml", '"prompts/*.md"', '"prompts/*.md", "kb/*.md"'))
    assert fault.message == "`kb/hours.md` is claimed by part `retriever` and by part `prompt`"
    assert "interlock.yaml:13:" in fault.hint


def test_a_file_that_nothing_claims_in_the_folder_of_a_part_is_refused(small_feature: Any) -> None:
    tree = small_feature.with_file("tools/extra.json", "{}")
    (fault,) = faults(tree)
    assert isinstance(fault, DocumentError)
    assert "`tools/extra.json`" in fault.message
    assert str(fault.place) == "interlock.yaml:16:3"
    assert resolve(tree.with_file("interlock.yaml", tree.text("interlock.yaml") + 'ignore: ["tools/extra.*"]\n'))
    assert resolve(tree.edited("interlock.yaml", "tools.json}", "tools.json, folders: []}"))
    assert resolve(small_feature.with_file("notes/free.md", "outside every part\n"))


def test_a_folder_that_is_named_must_be_claimed_whole(small_feature: Any) -> None:
    tree = small_feature.edited("interlock.yaml", "tools.json}", "tools.json, folders: [notes]}")
    assert "no file in the folder `notes`" in faults(tree)[0].message
    assert "`notes/free.md`" in faults(tree.with_file("notes/free.md", "x"))[0].message


def test_case_files_must_be_there_and_inside_the_project(small_feature: Any) -> None:
    (missing,) = faults(small_feature.without("evals/cases/gold-1.jsonl"))
    assert str(missing.place) == "evals/gold.yaml:3:9"
    found = faults(small_feature.edited("evals/gold.yaml", "cases/gold-*", "../../gold-*"))
    assert any("leaves the project folder" in fault.message for fault in found)
    assert any("cases/gold-1.jsonl" in fault.message for fault in found)


def test_a_part_without_files_pins_nothing_and_is_refused(small_feature: Any) -> None:
    tree = small_feature.without("prompts/system.md").edited("interlock.yaml", 'files: ["prompts/*.md"], ', "")
    assert faults(tree)[0].message == "part `prompt` has no file"


def test_a_feature_without_retrieval_or_tools_says_so(small_feature: Any) -> None:
    text = small_feature.text("interlock.yaml").splitlines()
    text = [
        "  retriever: none" if "  retriever:" in line else "  tools: none" if "  tools:" in line else line
        for line in text
    ]
    bundle = resolve(small_feature.with_file("interlock.yaml", "\n".join(text) + "\n")).bundle
    assert not bundle.has(Part.RETRIEVER)
    assert not bundle.has(Part.TOOLS)


def test_a_folder_without_a_manifest_says_what_to_do(small_feature: Any) -> None:
    (fault,) = faults(small_feature.without("interlock.yaml"))
    assert "interlock init" in fault.hint


def test_four_hundred_and_fifty_files_lock_in_well_under_half_a_second(small_feature: Any) -> None:
    files = {f"kb/many/{n}.md": f"{n}\n".encode() * 500 for n in range(450)}
    tree = type(small_feature)({**small_feature.files, **files})
    start = time.perf_counter()
    assert len(resolve(tree).bundle.components[Part.RETRIEVER].files) == 452
    assert time.perf_counter() - start < 0.5


# ── patterns and pins ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("pattern", "named"),
    [
        ("**", ["a.md", "b/a.md", "b/c/a.md", "b/c/a.txt"]),
        ("**/*.md", ["a.md", "b/a.md", "b/c/a.md"]),
        ("b/**/*.md", ["b/a.md", "b/c/a.md"]),
        ("b/**", ["b/a.md", "b/c/a.md", "b/c/a.txt"]),
        ("*.md", ["a.md"]),
        ("b/*/a.??", ["b/c/a.md"]),
        ("?/a.md", ["b/a.md"]),
        ("A.md", []),
        ("b", []),
        ("[ab].md", []),
    ],
)
def test_a_pattern_names_what_it_says(pattern: str, named: list[str]) -> None:
    assert matching(pattern, ["a.md", "b/a.md", "b/c/a.md", "b/c/a.txt"]) == named


@pytest.mark.parametrize(
    ("name", "moves"),
    [
        ("gpt-4o-2024-08-06", False), ("gpt-4-0613", False), ("gpt-4-0125-preview", False),
        ("claude-3-5-sonnet-20241022", False), ("gemini-1.5-pro-002", False), ("mistral-large-2407", False),
        ("gemini-2.5-pro-preview-05-06", False), ("command-r-08-2024", False), ("anthropic.claude-v2:1", False),
        ("gpt-4o", True), ("claude-sonnet-4-5", True), ("chatgpt-4o-latest", True), ("gemini-pro-preview", True),
        ("llama-3.1-70b-instruct", True), ("tiny-20240101-latest", True), ("phi-3-mini-128k", True),
    ],
)  # fmt: skip
def test_a_name_without_a_snapshot_moves(name: str, moves: bool) -> None:
    assert (moving_name(name) is not None) == moves


def test_a_model_is_held_as_firmly_as_its_bytes_or_name_allow(small_feature: Any) -> None:
    mark = of_bytes(small_feature.files["model/model.yaml"])
    held = small_feature.edited("interlock.yaml", "sha256:" + "ab" * 32, mark)
    assert resolve(held).bundle.components[Part.MODEL].pin is PinLevel.P0
    assert resolve(small_feature).bundle.components[Part.MODEL].pin is PinLevel.P1

    def model(**spec: object) -> tuple[str, bool]:
        pin = pin_of(Part.MODEL, {"provider": "p", **spec}, ())
        return pin.level.value, pin.alias is not None

    assert model(id="gpt-4o-2024-08-06", echoed=True) == ("P1", False)
    assert model(id="gpt-4o-2024-08-06") == ("P3", False)
    assert model(id="gpt-4o", fingerprint="fp_12") == ("P1", False)
    assert model(id="gpt-4o-latest", fingerprint="fp_12", echoed=True) == ("P3", True)
    assert model(id="gpt-4o", probe="model/probe.jsonl") == ("P2", True)
    assert model(id="gpt-4o") == ("P3", True)
    assert model(id="tiny", fingerprint="sha256:" + "0" * 64) == ("P3", True)


def test_an_external_index_is_held_by_its_fingerprint() -> None:
    def level(**spec: object) -> str:
        return pin_of(Part.RETRIEVER, spec, ()).level.value

    assert level(index={"id": "docs", "fingerprint": "fp:1"}) == "P1"
    assert level(index={"id": "docs"}) == "P3"
    assert level(settings={"k": 4}) == "P3"
