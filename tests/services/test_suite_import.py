"""Conversations become cases that wait; nothing is invented, nothing is half-written, every row is accounted for."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from interlock.core.binding import bind
from interlock.core.errors import DocumentError, InterlockError, UsageError
from interlock.core.json_text import parse_jsonl
from interlock.core.suite import Case, SuiteFile
from interlock.core.yaml_text import parse_yaml
from interlock.services.suite_import import SliceRule, SuiteReport, import_conversations


def talk(id: str, *texts: str, **more: Any) -> dict[str, Any]:
    roles = ("customer", "agent")
    return {"id": id, "messages": [{"role": roles[n % 2], "content": text} for n, text in enumerate(texts)]} | more


def lines(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows), "utf-8")
    return path


def queue(out: Path, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / f"evals/queue/{name}.jsonl").read_text("utf-8").splitlines()]


def adds_up(report: SuiteReport) -> bool:
    left = report.duplicates + report.no_question + report.no_customer + report.refused
    return report.read == report.cases + report.waiting + left


def test_intercom(tmp_path: Path) -> None:
    one = {
        "type": "conversation", "id": "215", "tags": {"tags": [{"name": "vip"}]},
        "source": {"body": "<p>hi there</p>", "author": {"type": "user", "name": "Ada Lovelace", "email": "ada@mail.example"}},
        "conversation_parts": {"conversation_parts": [
            {"part_type": "comment", "body": "<p>Hello Ada, how can I help?</p>", "author": {"type": "admin", "name": "Bob"}},
            {"part_type": "note", "body": "she is angry", "author": {"type": "admin"}},
            {"part_type": "comment", "body": "<p>I was charged twice on 4111 1111 1111 1111. Why?</p><p>Regards,<br>Ada</p>",
             "author": {"type": "user", "name": "Ada Lovelace"}},
        ]},
    }  # fmt: skip
    path = tmp_path / "ic.json"
    path.write_text(json.dumps({"type": "conversation.list", "conversations": [one]}), "utf-8")
    rules = [SliceRule.parse("billing=charge*,invoice")]
    report = import_conversations("intercom", path, tmp_path / "out", rules=rules)
    (row,) = queue(tmp_path / "out", "ic")
    assert row["messages"] == [
        {"role": "user", "content": "hi there"},
        {"role": "assistant", "content": "Hello [name-1], how can I help?"},
        {"role": "user", "content": "I was charged twice on [card-1]. Why?"},
    ]
    assert (row["slices"], row["expect"], row["cluster"]) == (["billing"], {}, row["id"])
    assert "215" not in json.dumps(row).replace(row["source"], "").replace(row["id"], "")
    assert (report.waiting, report.internal, report.cases) == (1, 1, 0)
    assert report.redacted == {"card": 1, "name": 1}
    assert not (tmp_path / "out/evals/ic.yaml").exists()  # nothing is expected, so nothing is a case
    assert "charged twice" in (tmp_path / "out/evals/queue/ic.md").read_text("utf-8")


def test_zendesk(tmp_path: Path) -> None:
    ticket = {
        "id": 7, "subject": "ferry", "requester_id": 1, "tags": ["timetable"],
        "comments": [
            {"author_id": 1, "plain_body": "When does the first ferry leave?", "public": True},
            {"author_id": 2, "body": "internal", "public": False},
            {"author_id": 2, "body": "At 07:15, Ada.", "public": True},
        ],
    }  # fmt: skip
    users = [{"id": 1, "name": "Ada Lovelace", "role": "end-user"}, {"id": 2, "name": "Bob", "role": "agent"}]
    path = tmp_path / "zd.json"
    path.write_text(json.dumps({"tickets": [ticket], "users": users}), "utf-8")
    report = import_conversations("zendesk", path, tmp_path / "out", by_tags=True)
    (row,) = queue(tmp_path / "out", "zd")
    assert (row["input"], row["slices"], report.internal) == ("When does the first ferry leave?", ["timetable"], 1)


def test_a_table_of_messages(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(
        'conversation_id,role,text\n1,customer,hello\n1,agent,Yes?\n1,customer,"How much is a dog,\nplease?"\n2,customer,=1+1 is it 2?\n3,robot,x\n',
        "utf-8",
    )
    report = import_conversations("csv", path, tmp_path / "out")
    assert [row.get("input") or row["messages"][-1]["content"] for row in queue(tmp_path / "out", "t")] == [
        "How much is a dog,\nplease?", "=1+1 is it 2?",
    ]  # fmt: skip
    assert report.refusals == [("t.csv:7:1", "a message of role `robot`")]
    assert adds_up(report)


def test_every_row_is_accounted_for(tmp_path: Path) -> None:
    path = lines(
        tmp_path / "c.jsonl",
        [
            talk("1", "How do I get a refund?"),
            talk("2", "how do i get a REFUND"),
            talk("3", "How do I get a refund, please?"),
            talk("4", "hi"),
            {"id": "5", "messages": [{"role": "agent", "content": "We are closed."}]},
            talk("1", "Another one?"),
            '{"id": "6", "messages": [',
            '{"id": "7", "messages": "none"}',
            '["no object"]',
            talk("8", "What does it cost?", expect={"facts": ["9.90"]}),
            talk("9", "What does that cost?", expect={"fact": ["9.90"]}),
        ],
    )
    report = import_conversations("jsonl", path, tmp_path / "out")
    assert (report.read, report.waiting, report.cases, report.duplicates) == (11, 2, 1, 1)
    assert (report.no_question, report.no_customer, report.refused) == (1, 1, 5)
    assert adds_up(report)
    assert [place.split(":")[:2] for place, _ in report.refusals] == [["c.jsonl", str(n)] for n in (6, 7, 8, 9, 11)]
    assert report.refusals[1][0].count(":") == 2
    first, near = queue(tmp_path / "out", "c")
    assert near["cluster"] == first["id"] == first["cluster"]
    case = bind(Case, parse_jsonl((tmp_path / "out/evals/cases/c.jsonl").read_text("utf-8"), "c")[0])
    assert case.expect.facts == ("9.90",)


def test_a_completed_queue_becomes_a_suite(tmp_path: Path) -> None:
    path = lines(tmp_path / "c.jsonl", [talk("1", "How do I get a refund?"), talk("2", "When does the ferry leave?")])
    out = tmp_path / "out"
    import_conversations("jsonl", path, out, rules=[SliceRule.parse("refunds=refund")])
    rows = queue(out, "c")
    rows[0]["expect"] = {"outcome": "answer", "facts": ["five days"]}
    lines(out / "evals/queue/c.jsonl", rows)
    report = import_conversations("queue", out / "evals/queue/c.jsonl", out, name="refunds")
    assert (report.cases, report.waiting) == (1, 1)
    suite = bind(SuiteFile, parse_yaml((out / "evals/refunds.yaml").read_text("utf-8"), "refunds.yaml"))
    assert [(piece.id, piece.critical) for piece in suite.slices] == [("refunds", True)]
    with pytest.raises(UsageError, match="no row of"):
        import_conversations("queue", lines(tmp_path / "q.jsonl", [rows[1]]), out, name="other")


@pytest.mark.parametrize(
    "content",
    [b"", b"\n\n", b"\x1f\x8b\x08broken", b"\xff\xfe", b'{"id": "1"', b"[]", b"[1, 2]", b'{"conversations": []}'],
)
def test_a_file_without_conversations_writes_nothing(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(content)
    for format in ("jsonl", "intercom", "zendesk", "csv"):
        with pytest.raises(InterlockError):
            import_conversations(format, path, tmp_path / "out")
        assert not [one for one in (tmp_path / "out").rglob("*") if one.is_file()]
        assert not list((tmp_path / "out").glob(".importing-*"))


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    path = lines(tmp_path / "c.jsonl", [talk("1", "How do I get a refund?")])
    import_conversations("jsonl", path, tmp_path / "out")
    before = (tmp_path / "out/evals/queue/c.jsonl").read_bytes()
    with pytest.raises(DocumentError, match="is there already"):
        import_conversations("jsonl", path, tmp_path / "out")
    assert (tmp_path / "out/evals/queue/c.jsonl").read_bytes() == before


def test_a_packed_export_is_the_same_as_a_plain_one(tmp_path: Path) -> None:
    path = lines(tmp_path / "c.jsonl", [talk(str(n), f"Where is parcel {n} of {n * 7}?") for n in range(20)])
    packed = tmp_path / "c.jsonl.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    import_conversations("jsonl", path, tmp_path / "a")
    import_conversations("jsonl", packed, tmp_path / "b")
    assert queue(tmp_path / "a", "c") == queue(tmp_path / "b", "c")


@pytest.mark.parametrize("text", ["billing", "=a", "billing=", "billing=*"])
def test_a_rule_without_a_slice_or_a_word_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        SliceRule.parse(text)


def test_a_rule_finds_whole_words_and_beginnings() -> None:
    pattern = SliceRule.parse("billing=bill,charge*").pattern()
    assert [bool(pattern.search(text)) for text in ("my BILL", "billboard", "recharged", "charged twice")] == [
        True, False, False, True,
    ]  # fmt: skip


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.fixed_dictionaries(
            {"id": st.text(max_size=3), "messages": st.lists(st.fixed_dictionaries({"role": st.sampled_from(["customer", "agent", "x"]), "content": st.text(max_size=30)}), max_size=3)}
        ) | st.text(max_size=8),
        max_size=6,
    )
)  # fmt: skip
def test_whatever_the_rows_hold_the_counts_add_up(tmp_path_factory: pytest.TempPathFactory, rows: list[Any]) -> None:
    home = tmp_path_factory.mktemp("any")
    path = home / "c.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    try:
        report = import_conversations("jsonl", path, home / "out")
    except InterlockError:
        return
    assert adds_up(report)
    if report.waiting:
        assert len(queue(home / "out", "c")) == report.waiting
