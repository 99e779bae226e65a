"""Promises of PRS-03: what the live bundle stored is read by this one, and back; no data is no pass."""

import json
from typing import Any

import pytest

from feature import Feature
from interlock.core.checks import LIMITS
from interlock.core.contract_rules import rule_contract
from interlock.core.evidence import Gap
from interlock.core.manifest import Profile
from interlock.core.ruling import Standing

READER = """
    if "interlock_stored" in request["context"]:
        kept = dict(request["context"]["interlock_stored"])
        known = __import__("json").loads((root / "schema/answer.json").read_text())["properties"]
        kept.pop("old", None)
        return {**reply, "outcome": "answer", "text": "read", "output": {key: kept[key] for key in kept if key in known}}
    if "cat" in text:"""


def outcome(feature: Feature) -> dict[str, Any]:
    found: dict[str, Any] = next(row for row in feature.check()["checks"] if row["id"] == "PRS-03")
    return found


def tagged(feature: Feature) -> None:
    """The next version says one field more, and its schema permits it."""
    feature.edit("schema/answer.json", '"text": {', '"lang": {"type": "string"}, "text": {')
    feature.edit(
        "app/main.py",
        'return {"outcome": outcome, "text": "said"}',
        'return {"outcome": outcome, "text": "said", **TAG}',
    )
    feature.edit("app/main.py", "\n\nasync def", "\nTAG = {}\n\n\nasync def")
    feature.edit("app/main.py", "    if \"cat\" in text:", '    TAG.clear()\n    if "lang" in (root / "schema/answer.json").read_text():\n        TAG["lang"] = "en"\n    if "cat" in text:')  # fmt: skip


def test_the_first_release_has_no_neighbour_and_that_is_derived_not_passed(checked: Feature) -> None:
    found = outcome(checked)
    assert (found["status"], found["seen"]) == (
        "n/a",
        "nothing was ever live here, so there is nothing to compare with",
    )


def test_what_both_versions_stored_is_read_both_ways(live: Feature) -> None:
    live.edit_part("prompt")
    live.lock()
    found = outcome(live)
    assert found["status"] == "pass"
    assert found["data"]["forward"]["n"] == found["data"]["forward"]["read"] == 3  # as many different outputs were made
    assert found["data"]["back"]["n"] == 3
    assert live.check()["measured"] == []


def test_a_value_more_is_not_read_back_and_the_breaking_value_is_shown(live: Feature) -> None:
    live.edit("schema/answer.json", '"escalate"', '"escalate", "clarify"')
    live.lock()
    found = outcome(live)
    assert found["status"] == "fail"
    assert found["seen"].startswith(
        "the live one refuses `/properties/outcome/enum`: does not take `clarify`, for example {"
    )
    assert found["data"]["forward"]["breaks"] == []
    assert found["next"].endswith("interlock waive PRS-03")


def test_a_field_more_is_refused_by_a_closed_schema_as_output_and_as_schema(live: Feature) -> None:
    tagged(live)
    live.lock()
    found = outcome(live)
    assert found["status"] == "fail"
    back = found["data"]["back"]
    assert (back["n"], back["read"], len(back["refused"])) == (3, 0, 3)
    assert "the live one does not read the output of case" in found["seen"]
    assert found["data"]["forward"]["n"] == 3  # made by the app build before this one


def test_an_app_that_reads_both_versions_passes_where_the_schemas_break(live: Feature) -> None:
    tagged(live)
    live.edit("app/main.py", '\n    if "cat" in text:', READER)
    live.edit("interlock.yaml", "[answer-v1]", "[answer-v1, reads-stored]")
    live.lock()
    found = outcome(live)
    assert found["status"] == "pass", found
    assert found["data"]["reader"]
    assert found["data"]["back"]["breaks"][0]["read"]
    assert found["proves"].endswith("by the app itself")


def test_an_app_that_says_that_it_reads_and_does_not_fails(live: Feature) -> None:
    tagged(live)
    live.edit("interlock.yaml", "[answer-v1]", "[answer-v1, reads-stored]")
    live.edit("app/main.py", '\n    if "cat" in text:', READER.replace("if key in known", ""))
    live.lock()
    found = outcome(live)
    assert found["status"] == "fail"
    assert "what the app made of it is refused" in found["seen"]


def test_records_that_the_bundle_keeps_are_read_with_their_place(live: Feature) -> None:
    records = [{"outcome": "answer", "text": "as it was"}, {"outcome": "answered", "text": "as it was"}]
    (live.root / "schema/stored").mkdir()
    (live.root / "schema/stored/v0.jsonl").write_text("".join(json.dumps(each) + "\n" for each in records))
    live.edit("interlock.yaml", "output: schema/answer.json}", 'output: schema/answer.json, reads_stored: ["0", "1"], stored: {"0": [schema/stored/*.jsonl]}}')  # fmt: skip
    live.lock()
    found = outcome(live)
    assert found["status"] == "fail"
    assert "`schema/stored/v0.jsonl:2`, a record of schema 0" in found["seen"]
    assert found["data"]["kept"][0]["read"] == 1
    (live.root / "schema/stored/v0.jsonl").write_text(json.dumps(records[0]) + "\n")
    live.lock()
    found = outcome(live)
    assert (found["status"], found["data"]["promised"]) == ("pass", [])


def test_a_version_that_is_promised_and_not_kept_is_named(live: Feature) -> None:
    live.edit("interlock.yaml", "output: schema/answer.json}", 'output: schema/answer.json, reads_stored: ["0", "1"]}')
    live.edit_part("prompt")
    live.lock()
    found = outcome(live)
    assert found["status"] == "pass"
    assert "schema 0 is said to be read, and no record of it is kept" in found["details"]


def test_a_pattern_of_records_that_matches_nothing_is_an_error_with_its_place(live: Feature) -> None:
    live.edit(
        "interlock.yaml",
        "output: schema/answer.json}",
        'output: schema/answer.json, stored: {"0": [schema/old/*.json]}}',
    )
    code, _, err = live.run("lock")
    assert code == 2
    assert "schema/old/*.json" in err
    assert "interlock.yaml:1" in err


def way(**more: Any) -> dict[str, Any]:
    return {"n": 3, "read": 3, "apart": 0, "refused": [], "breaks": [], "open": [], **more}


BREAK = {"pointer": "/a", "why": "is another one", "witness": "{}", "read": False}


@pytest.mark.parametrize(
    ("forward", "back", "more", "standing", "gap"),
    [
        (way(), way(), {}, Standing.PASS, None),
        (way(n=0, read=0), way(), {}, Standing.OWED, Gap.BROKEN),
        (way(), way(n=0, read=0), {}, Standing.OWED, Gap.BROKEN),
        (way(open=["`/a` is another one"]), way(), {}, Standing.OWED, Gap.INSTRUMENT),
        (way(open=["`/a` is another one"]), way(), {"reader": True}, Standing.PASS, None),
        (way(breaks=[BREAK]), way(), {}, Standing.FAIL, None),
        (way(), way(breaks=[BREAK]), {"reader": True}, Standing.FAIL, None),
        (way(breaks=[{**BREAK, "read": True}]), way(), {"reader": True}, Standing.PASS, None),
        (way(read=2, refused=[{"what": "x", "why": "y"}]), way(), {}, Standing.FAIL, None),
        (way(), way(), {"kept": [{"version": "0", "n": 1, "read": 0, "refused": [{"what": "x", "why": "y"}]}]}, Standing.FAIL, None),
        (way(n=0, read=0), way(n=0, read=0), {"kept": [{"version": "0", "n": 1, "read": 1, "refused": []}]}, Standing.OWED, Gap.BROKEN),
    ],
)  # fmt: skip
def test_the_rule(forward: Any, back: Any, more: dict[str, Any], standing: Standing, gap: Gap | None) -> None:
    data = {
        "baseline": "sha256:" + "1" * 64,
        "reader": False,
        "forward": forward,
        "back": back,
        "kept": [],
        "promised": [],
    }
    ruling = rule_contract({**data, **more}, LIMITS[Profile.STANDARD])
    assert (ruling.standing, ruling.gap) == (standing, gap)
