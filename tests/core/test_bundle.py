"""Promises of the bundle: equal content has an equal digest, every change another one, and nobody can edit it."""

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.core.bundle import INTERACTING, Bundle, Component, PinLevel, bundle_from_json, bundle_to_json
from interlock.core.digest import FileEntry
from interlock.core.errors import BundleError
from interlock.core.manifest import RUNTIME_PARTS, Part


def component(part: Part, text: str = "1", **spec: Any) -> Component:
    files = [FileEntry.of(f"{part}/{name}.md", f"{text} {name}".encode()) for name in ("b", "a")]
    return Component(part, "1", {"version": "1", **spec}, tuple(files), PinLevel.P0)


def bundle(parts: list[Part] | None = None, text: str = "1", **constraints: Any) -> Bundle:
    return Bundle("f", {part: component(part, text) for part in (parts or list(Part))}, constraints)


@given(st.permutations(list(Part)), st.randoms(use_true_random=False))
def test_the_digest_does_not_depend_on_the_order_of_parts_or_files(order: list[Part], chance: Any) -> None:
    shuffled = {}
    for part in order:
        made = component(part)
        files = list(made.files)
        chance.shuffle(files)
        shuffled[part] = Component(part, "1", {"version": "1"}, tuple(files))
    assert Bundle("f", shuffled, {}).digest == bundle().digest


@pytest.mark.parametrize("part", Part)
def test_a_change_of_one_part_changes_the_digest_and_names_that_part_alone(part: Part) -> None:
    changed = Bundle("f", {**bundle().components, part: component(part, "2")}, {})
    assert changed.digest != bundle().digest
    assert changed.changed_from(bundle()) == (part,)
    assert changed.with_part(part, bundle()) == bundle()


def test_what_parts_demand_of_each_other_is_content() -> None:
    assert bundle(prompt={"requires": {"schema": ">=2"}}).digest != bundle().digest


def test_a_part_takes_along_what_it_demands() -> None:
    source = bundle(text="2", prompt={"requires": {"schema": ">=2"}})
    assert bundle().with_part(Part.PROMPT, source).constraints == {"prompt": {"requires": {"schema": ">=2"}}}
    assert source.with_part(Part.PROMPT, bundle()).constraints == {}


def test_a_part_that_the_source_lacks_goes_away_with_it() -> None:
    without = Bundle("f", {part: component(part) for part in Part if part is not Part.TOOLS}, {})
    back = bundle().with_part(Part.TOOLS, without)
    assert back == without
    assert not back.has(Part.TOOLS)
    assert back.parts([Part.TOOLS]) == {"tools": "none"}


def test_a_scope_names_exactly_the_parts_that_are_read() -> None:
    mine, other = bundle(), Bundle("f", {**bundle().components, Part.MODEL: component(Part.MODEL, "2")}, {})
    assert mine.scope([Part.PROMPT]) == other.scope([Part.PROMPT])
    assert mine.scope([Part.PROMPT, Part.MODEL]) != other.scope([Part.PROMPT, Part.MODEL])
    assert mine.scope([Part.PROMPT]) != mine.scope([Part.PROMPT], {"app": "x"})


def test_the_evals_interact_with_every_runtime_part_and_nothing_with_the_runbook() -> None:
    assert all(frozenset({Part.EVALS, part}) in INTERACTING for part in RUNTIME_PARTS)
    assert not any(Part.RUNBOOK in pair for pair in INTERACTING)
    assert len(bundle().pairs()) == len(INTERACTING) == 13


def test_a_bundle_survives_its_json() -> None:
    made = bundle(prompt={"requires": {"schema": ">=2"}})
    again = bundle_from_json(json.loads(json.dumps(bundle_to_json(made))))
    assert again == made
    assert again.digest == made.digest


def _set(data: dict[str, Any], *steps: Any) -> dict[str, Any]:
    *path, key, value = steps
    edited = copy.deepcopy(data)
    at: Any = edited
    for step in path:
        at = at[step]
    at[key] = value
    return edited


@pytest.mark.parametrize(
    "steps",
    [
        ("components", "prompt", "files", 0, "sha256", "sha256:" + "0" * 64),
        ("components", "prompt", "files", 0, "path", "prompt/c.md"),
        ("components", "prompt", "files", 0, "size", 1),
        ("components", "model", "spec", {"version": "1", "temperature": 1}),
        ("components", "model", "digest", "sha256:" + "0" * 64),
        ("digest", "sha256:" + "0" * 64),
        ("constraints", {"prompt": {"requires": {"schema": ">=9"}}}),
    ],
)
def test_an_edited_bundle_is_refused(steps: tuple[Any, ...]) -> None:
    with pytest.raises(BundleError):
        bundle_from_json(_set(bundle_to_json(bundle()), *steps))


def test_a_part_that_was_taken_out_is_missed() -> None:
    data = bundle_to_json(bundle())
    del data["components"]["guardrails"]
    with pytest.raises(BundleError):
        bundle_from_json(data)


def test_a_file_that_is_listed_twice_and_a_part_in_the_wrong_place_are_refused() -> None:
    entry = FileEntry.of("a.md", b"a")
    with pytest.raises(BundleError, match="twice"):
        Component(Part.PROMPT, "1", {}, (entry, entry))
    with pytest.raises(BundleError, match="kind"):
        Bundle("f", {Part.MODEL: component(Part.PROMPT)}, {})
