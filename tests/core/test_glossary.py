"""The glossary: its own faults, and texts that leave it, each with its place."""

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.core.binding import bind
from interlock.core.errors import InterlockError
from interlock.core.glossary import Finding, Glossary, State, Term, lint_states, lint_terms, lint_text
from interlock.core.manifest import Part
from interlock.core.yaml_text import parse_yaml

EXAMPLE = Path(__file__).parents[2] / "examples" / "billing-support"

GLOSSARY = Glossary(
    glossary=1,
    terms=(
        Term(
            term="refund", means="money back", owner="billing", synonyms=("money back",), forbidden=("reimbursement",)
        ),
        Term(term="ticket", means="a question in a queue", owner="people", forbidden=("trouble slip", "lock-in")),
        Term(term="contract", means="…", owner="legal", synonyms=("lock-in period",)),
    ),
    states=(State(state="refunded", of="refund", means="confirmed"), State(state="open", of="ticket", means="waits")),
    undefined=("resolved", "approved", "open"),
)


def found(part: Part, path: str, text: str) -> list[tuple[int | None, int | None]]:
    return [(finding.line, finding.column) for finding in lint_text(GLOSSARY, part, path, text)]


def test_the_glossary_of_the_example_binds_and_is_sound() -> None:
    path = EXAMPLE / "guardrails" / "glossary.yaml"
    glossary = bind(Glossary, parse_yaml(path.read_text(encoding="utf-8"), "glossary.yaml"))
    assert lint_terms(glossary) == []
    assert lint_states(glossary) == []
    assert len(glossary.terms) > 20


@pytest.mark.parametrize(
    "text",
    ["A reimbursement", "A Reimbursements", "A REIMBURSEMENT's", "A trouble slip", "A trouble-slips", "A trouble_slip_id",
     "A Trouble\nslip", "A resolved case", "A lock-in"],
)  # fmt: skip
def test_a_forbidden_word_is_found_however_it_is_written(text: str) -> None:
    findings = lint_text(GLOSSARY, Part.PROMPT, "prompts/a.md", f"First line.\n\n{text}")
    assert [(f.file, f.line, f.column) for f in findings] == [("prompts/a.md", 3, 3)]


@pytest.mark.parametrize(
    "text", ["prereimbursement", "unresolved", "a refund", "trouble, slip", "open", "the lock-in period", "slip"]
)
def test_a_word_that_only_looks_alike_is_left_alone(text: str) -> None:
    assert lint_text(GLOSSARY, Part.PROMPT, "prompts/a.md", text) == []


def test_a_finding_says_which_word_to_use() -> None:
    (finding,) = lint_text(GLOSSARY, Part.PROMPT, "a.md", "Offer a Reimbursement.")
    assert finding == Finding("`Reimbursement` is a forbidden synonym: say `refund`", "a.md", 1, 9)
    (finding,) = lint_text(GLOSSARY, Part.PROMPT, "a.md", "It was approved.")
    assert "`approved`" in finding.message
    assert "define" in finding.message


def test_json_is_read_in_keys_and_values_with_its_place() -> None:
    text = '{\n  "tools": [\n    {"name": "x", "description": "Pay a \\"reimbursement\\" now",\n     "approved_by": 1}\n  ]\n}'
    assert found(Part.TOOLS, "tools.json", text) == [(3, 43), (4, 7)]


def test_yaml_comments_are_nobodys_text_and_folded_lines_have_their_place() -> None:
    text = "# approved by me\nsay: >\n  one line\n  that is resolved\nalso: fine # approved\n"
    assert found(Part.GUARDRAILS, "x.yaml", text) == [(4, 11)]


def test_the_same_word_twice_in_one_string_is_found_at_both_places() -> None:
    assert found(Part.SCHEMA, "x.json", '{"a": "resolved or resolved"}') == [(1, 8), (1, 20)]


def test_what_customers_say_in_cases_is_theirs() -> None:
    said = '"input":"is my reimbursement approved","messages":[{"content":"resolved"}],"context":{"a":"resolved"}'
    quiet = f'{{"id":"a",{said},"slices":["refunds"],"expect":{{"forbid":["approved"]}},"source":"resolved by me"}}'
    assert found(Part.EVALS, "c.jsonl", quiet) == []
    loud = quiet.replace('"forbid":["approved"]', '"facts":["approved"]')
    findings = lint_text(GLOSSARY, Part.EVALS, "c.jsonl", f"{quiet}\n{loud}\n")
    assert [(f.line, f.column) for f in findings] == [(2, loud.index('"approved"]') + 2)]
    assert found(Part.EVALS, "c.jsonl", quiet.replace('["refunds"]', '["reimbursements"]')) != []


def test_titles_of_suites_are_read() -> None:
    assert found(Part.EVALS, "s.yaml", "suite: gold\nslices:\n  - {id: a, title: Reimbursements}\n") == [(3, 20)]


def test_lists_that_catch_words_may_hold_them() -> None:
    text = (
        "forbidden:\n  - {id: a, words: [reimbursement]}\nterms:\n  - {forbidden: [resolved]}\nundefined: [approved]\n"
    )
    assert found(Part.GUARDRAILS, "x.yaml", text) == []
    assert found(Part.GUARDRAILS, "x.yaml", "means: a reimbursement\n") == [(1, 10)]


def test_the_question_of_a_probe_is_a_customers() -> None:
    text = '```interlock kind=probe\ninput: "my reimbursement"\nexpect: {outcome: answer}\n```\nresolved\n'
    assert found(Part.RUNBOOK, "runbook.md", text) == [(5, 1)]


def test_a_state_of_a_schema_must_be_defined_for_some_term() -> None:
    text = '{"properties": {"state": {"enum": ["open", "refunded",\n "scheduled"]}, "kind": {"enum": ["other"]}}}'
    (finding,) = lint_text(GLOSSARY, Part.TOOLS, "t.json", text)
    assert (finding.line, finding.column) == (2, 2)
    assert "`scheduled`" in finding.message


def test_the_file_of_the_glossary_is_judged_by_its_structure() -> None:
    text = (
        "glossary: 1\nterms:\n  - {term: a, means: x, owner: o, forbidden: [b]}\n"
        "states:\n  - {state: done, of: nothing, means: x}\nundefined: [resolved]\n"
    )
    glossary = bind(Glossary, parse_yaml(text, "g.yaml"))
    assert [(f.line, f.column) for f in lint_text(glossary, Part.GUARDRAILS, "g.yaml", text)] == [(5, 23)]


def test_a_text_that_is_not_what_its_ending_says_is_still_read() -> None:
    assert found(Part.PROMPT, "x.json", "not json, and approved") == [(1, 15)]


@pytest.mark.parametrize(
    ("terms", "path", "word"),
    [
        ((Term(term="a", means="", owner="o"),), ("terms", 0, "means"), "means"),
        ((Term(term="a", means="m", owner=" "),), ("terms", 0, "owner"), "owner"),
        (
            (Term(term="a", means="m", owner="o"), Term(term="A", means="n", owner="o")),
            ("terms", 1, "term"),
            "two meanings",
        ),
        ((Term(term="a", means="m", owner="o"), Term(term="a", means="n", owner="o")), ("terms", 1, "term"), "twice"),
        (
            (Term(term="a", means="m", owner="o"), Term(term="b", means="n", owner="o", synonyms=("a",))),
            ("terms", 1, "synonyms", 0),
            "two meanings",
        ),
        (
            (Term(term="a", means="m", owner="o"), Term(term="b", means="n", owner="o", forbidden=("a",))),
            ("terms", 1, "forbidden", 0),
            "forbidden",
        ),
    ],
)
def test_a_term_has_one_meaning_and_an_owner(terms: tuple[Term, ...], path: tuple[str | int, ...], word: str) -> None:
    ((where, message),) = lint_terms(Glossary(glossary=1, terms=terms))
    assert where == path
    assert word in message


def test_a_state_may_be_of_two_terms_but_not_twice_of_one() -> None:
    terms = (Term(term="a", means="m", owner="o"), Term(term="b", means="m", owner="o"))
    fine = (State(state="open", of="a", means="x"), State(state="open", of="b", means="y"))
    assert lint_states(Glossary(glossary=1, terms=terms, states=fine)) == []
    assert len(lint_states(Glossary(glossary=1, terms=terms, states=(*fine, fine[0])))) == 1


@given(
    st.lists(
        st.text(st.sampled_from("asﬁßıſKI-_ ü."), min_size=1, max_size=6).filter(str.strip), min_size=1, max_size=4
    ),
    st.text(st.sampled_from("asﬁßıſKI-_ ü.\n"), max_size=60),
)
def test_no_spelling_of_a_forbidden_word_breaks_the_lint(words: list[str], text: str) -> None:
    terms = (Term(term="zzz", means="m", owner="o", forbidden=tuple(words)),)
    for finding in lint_text(Glossary(glossary=1, terms=terms), Part.PROMPT, "a.md", text):
        assert finding.line is not None
        assert finding.line <= text.count("\n") + 1


def test_short_words_and_words_in_ss_have_a_plural_too() -> None:
    terms = (Term(term="zzz", means="m", owner="o", forbidden=("ab", "us", "access", "fees")),)
    findings = lint_text(Glossary(glossary=1, terms=terms), Part.PROMPT, "a.md", "abs uss access fee fees ab")
    assert [finding.column for finding in findings] == [1, 5, 9, 16, 20, 25]


def test_the_format_is_closed() -> None:
    with pytest.raises(InterlockError, match="unknown key"):
        bind(Glossary, parse_yaml("glossary: 1\nterms: []\nwords: []\n", "g.yaml"))


@given(st.lists(st.sampled_from(["refund", "reimbursement", "approved", "slip", "trouble", "x"]), max_size=12))
def test_every_single_word_finding_is_the_word_at_its_place(words: list[str]) -> None:
    text = "\n".join(words)
    slow = {n for n, word in enumerate(words, start=1) if word in {"reimbursement", "approved"}}
    slow |= {n for n, pair in enumerate(pairwise(words), start=1) if pair == ("trouble", "slip")}
    assert {line for line, _ in found(Part.PROMPT, "x.md", text)} == slow


SHARED_STATE = Glossary(
    glossary=1,
    terms=(
        Term(term="ticket", means={"product": "a question", "support": "a row of the queue"}, owner="people"),
        Term(term="refund", means="money back", owner="billing", synonyms=("money back",)),
    ),
    states=(
        State(state="resolved", of="ticket", means="answered"),
        State(state="resolved", of="refund", means="refunded"),
        State(state="open", of="ticket", means="waits"),
    ),
)


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("We call it resolved when all is done.", [12]),
        ("The ticket is resolved now.", []),
        ("Your money back is resolved now.", []),
        ("A ticket came in. Then it was resolved by us.", [31]),
        ("The ticket is open now.", []),
        ("resolved", []),
    ],
)
def test_a_state_of_two_terms_says_of_which(text: str, columns: list[int]) -> None:
    assert [f.column for f in lint_text(SHARED_STATE, Part.RETRIEVER, "kb/a.md", text)] == columns


def test_a_term_may_mean_one_thing_for_each_audience_and_nothing_for_none() -> None:
    assert lint_terms(SHARED_STATE) == []
    for means in ({}, {"product": " "}, ""):
        faulty = Glossary(glossary=1, terms=(Term(term="t", means=means, owner="o"),))
        assert [path for path, _ in lint_terms(faulty)] == [("terms", 0, "means")]
