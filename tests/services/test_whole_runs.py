"""Promises about runs that were partly broken, and about what a signed statement is a statement of."""

import json

import pytest
from securesystemslib.dsse import Envelope

from feature import Feature
from interlock.core.catalogue import BY_ID
from interlock.settings import read_settings
from interlock.wiring import open_records, read_feature

SUITE = {"EVAL-01", "EVAL-02", "SAFE-02"}


def test_what_a_broken_run_said_of_one_check_is_not_kept_beside_a_later_runs_word(
    feature: Feature, monkeypatch: pytest.MonkeyPatch
) -> None:
    feature.edit(
        "app/main.py",
        '    text = request["input"]\n',
        '    text = request["input"]\n    import os\n    if os.environ.get("OUTAGE") and "cat" in text:\n'
        '        await chat({"model": "gull-1", "messages": []})\n',
    )
    feature.lock()
    monkeypatch.setenv("OUTAGE", "1")
    first = feature.check("--env", "staging")
    assert first["verdict"] == "HOLD"
    assert first["run"]["broken"]
    monkeypatch.delenv("OUTAGE")
    second = feature.check("--env", "staging")
    assert set(second["measured"]) >= SUITE  # also those of which the broken run had said «pass»
    rows = {row["id"]: row for row in second["checks"]}
    assert {rows[id]["data"].get("broken", {}) == {} for id in ("EVAL-01",)} == {True}
    assert rows["SAFE-02"]["data"]["should"]["broken"] == 0


def test_a_statement_names_the_bundle_and_the_parts_that_were_read(checked: Feature) -> None:
    settings = read_settings(checked.root, actor="ada")
    bundle = read_feature(settings)[1].bundle
    with open_records(settings) as records:
        (evidence, *_) = records.evidence.find("SAFE-02")
        raw = records.evidence.envelope(evidence.digest)
    statement = json.loads(Envelope.from_dict(json.loads(raw)).payload)  # with the library alone, as an auditor would
    stated = {row["name"]: "sha256:" + row["digest"]["sha256"] for row in statement["subject"]}
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert stated == {
        "bundle": bundle.digest,
        **{k: v for k, v in bundle.parts(BY_ID["SAFE-02"].reads).items() if v != "none"},
    }
