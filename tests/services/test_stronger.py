"""Promises of stronger scorers of evidence: what cannot be asked is no evidence, in the app, in an eval and on rows."""

import json
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from feature import Feature
from interlock import Answers
from interlock.core.answer import EndpointScorer, OnnxScorer
from interlock.core.broken import BrokenRun
from interlock.core.delivery import Abstained, Code, Delivered
from interlock.core.errors import TooLarge, UsageError
from interlock.core.retrieved import Source
from interlock.core.score import Broken
from interlock.core.support import Passage
from interlock.services.stronger import windows_of
from interlock.services.weighing import weigh_with
from interlock.wiring import open_support
from nli_files import write_model
from scripted_model import Scripted, data_of, scripted

FEES = Passage("fees", "Express delivery costs 9.90 euros and takes 2 working days. Returns are free within 30 days.")
PARAPHRASE = "Customers may send goods back gratis."
WRONG = "Express delivery takes 3 working days."


def says(stance: str) -> Any:
    return lambda request: json.dumps({"why": "as read", "verdict": stance})


def spec(url: str, **changes: Any) -> EndpointScorer:
    return EndpointScorer.model_validate(
        {"kind": "endpoint", "model": {"provider": "somebody", "id": "judge-2026-05-01"}, "endpoint": {"url": url, "timeout_s": 2},
         "deadline_s": 3, **changes}
    )  # fmt: skip


FAULTS: dict[str, tuple[Any, Broken]] = {
    "prose": (lambda request: "It is entailed.", Broken.PROTOCOL),
    "junk": (lambda request: (200, {}, b"<html>"), Broken.PROTOCOL),
    "down": (lambda request: (503, {}, b"down"), Broken.SERVER),
    "rate limit": (lambda request: (429, {"Retry-After": "600"}, b"later"), Broken.RATE_LIMIT),
    "slow": (lambda request: time.sleep(4) or "{}", Broken.TIMEOUT),
    "another model": (
        lambda request: (200, {}, json.dumps({"model": "other", "choices": [{"message": {"content": "{}"}}]}).encode()),
        Broken.DRIFT,
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_whatever_the_endpoint_does_instead_it_is_no_evidence_and_nothing_is_delivered(
    name: str, tmp_path: Path
) -> None:
    fault, kind = FAULTS[name]
    with scripted(fault) as model:
        scorer = open_support(spec(model.url, deadline_s=3), Path())
        with pytest.raises(BrokenRun) as caught:
            scorer.support(PARAPHRASE, [FEES])
        assert caught.value.broken is kind
        weight = weigh_with(scorer)(PARAPHRASE, "", [Source("fees", FEES.text)], [])
        assert weight.score == 0.0
        assert "gave no word" in weight.why
        judged = answered(policy(tmp_path, model.url), PARAPHRASE)
        assert isinstance(judged, Abstained)
        assert judged.reason is Code.LOW_EVIDENCE


def policy(folder: Path, url: str, threshold: float = 0.6, **more: Any) -> Path:
    scorer = json.dumps({**spec(url).model_dump(mode="json", exclude_none=True), **more})
    (folder / "answers.yaml").write_text(
        f"answers: 1\nevidence: {{threshold: {threshold}, min_sources: 0, must_cite: false, scorer: {scorer}}}\n"
        'abstain: {wording: {en: {text: "I do not know.", next: "A person answers."}}}\n'
        'escalate: {wording: {en: {text: "A person takes over.", next: "Today."}}}\n'
    )
    return folder / "answers.yaml"


def answered(path: Path, text: str) -> Any:
    with Answers.from_parts(answers=path).interaction(tenant="t") as talk:
        talk.heard("How does it work?")
        return talk.answer(text, sources=[{"doc_id": "fees", "text": FEES.text, "tenant": "t"}])


@pytest.mark.parametrize(
    ("stance", "text", "kind"),
    [
        ("entailed", PARAPHRASE, Delivered),
        ("not_stated", "Returns are free within 30 days.", Abstained),
        ("contradicted", "Returns are free within 30 days.", Abstained),
        ("entailed", WRONG, Abstained),  # the figure is wrong, whatever the model says
        ("entailed", "Returns are not free within 30 days.", Abstained),
    ],
)
def test_the_app_asks_the_scorer_that_its_policy_declares(stance: str, text: str, kind: type, tmp_path: Path) -> None:
    with scripted(says(stance)) as model:
        assert type(answered(policy(tmp_path, model.url), text)) is kind
        assert [data_of(request)["claim"] for request in model.requests] == [text]


def test_an_answer_is_asked_about_within_bounds() -> None:
    with scripted(says("entailed")) as model:
        scorer = open_support(spec(model.url, max_claims=3), Path())
        assert scorer.support("It costs 1 euro. It takes 2 days. It is red.", [FEES])
        with pytest.raises(TooLarge):
            scorer.support("It costs 1 euro. It takes 2 days. It is red. It is blue.", [FEES])
        with pytest.raises(TooLarge):
            scorer.support("It costs 1 euro.", [Passage("p", "word " * 50_000)])
        assert model.asked == 3
        assert weigh_with(scorer)("It is red. " * 9, "", [Source("fees", FEES.text)], []).score == 0.0


def test_a_plug_in_that_says_nonsense_of_scores_delivers_nothing(tmp_path: Path) -> None:
    path = policy(tmp_path, "http://127.0.0.1:9/v1")
    answers = Answers.from_parts(answers=path)

    class Odd:
        name = "odd"

        def support(self, answer: str, passages: Any, *, question: str = "") -> Any:
            raise RuntimeError("a bug of the plug-in")

    from dataclasses import replace

    answers.judge = replace(answers.judge, weigh=weigh_with(Odd()))
    with answers.interaction(tenant="t") as talk:
        talk.heard("How?")
        judged = talk.answer(PARAPHRASE, sources=[{"doc_id": "fees", "text": FEES.text, "tenant": "t"}])
    assert not isinstance(judged, Delivered)
    assert judged.findings[0].code is Code.POLICY_ERROR


def test_a_plug_in_that_takes_no_notice_of_figures_is_held_down_by_them() -> None:
    from interlock.core.grounding import Grounder
    from interlock.core.score import Reply
    from interlock.core.support import Support

    class Generous:
        name = "generous"

        def support(self, answer: str, passages: Any, *, question: str = "") -> Support:
            return Support(1.0, ())

    weigh, source = weigh_with(Generous()), Source("fees", FEES.text)
    assert weigh(PARAPHRASE, "", [source], []).score == 1.0
    assert weigh(WRONG, "", [source], []).score < 0.5
    reply = Reply("answer", WRONG, retrieved=({"doc_id": "fees", "text": FEES.text},))
    assert Grounder(support=Generous().support).ground(reply).unsupported()
    plain = Reply("answer", PARAPHRASE, retrieved=({"doc_id": "fees", "text": FEES.text},))
    assert not Grounder(support=Generous().support).ground(plain).unsupported()


def test_another_model_or_another_way_of_asking_is_another_scorer() -> None:
    names = {
        spec("http://a/v1").pin,
        spec("http://a/v1", model={"provider": "somebody", "id": "other-2026-05-01"}).pin,
        spec("http://a/v1", endpoint={"url": "http://a/v1", "parameters": {"top_p": 0.1}}).pin,
    }
    assert len(names) == 3
    assert spec("http://b/v1").pin == spec("http://a/v1").pin  # where it is asked does not change what it says


# ── on rows ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_rows_are_scored_by_the_scorer_that_a_policy_declares(tmp_path: Path, capsys: Any, as_ada: None) -> None:
    from interlock.cli import run

    rows = tmp_path / "rows.jsonl"
    rows.write_text(
        json.dumps({"id": "a", "context": [{"id": "fees", "text": FEES.text}], "question": "", "response": PARAPHRASE})
        + "\n"
    )
    with scripted(says("contradicted")) as model:
        path = policy(tmp_path, model.url)
        assert run(["answers", "score", str(rows), "--scorer", str(path)]) == 0
        found = json.loads(capsys.readouterr().out)
        assert (found["support"], found["scorer"]) == (0.0, spec(model.url).pin)
        assert "contradicted" in {finding["kind"] for finding in found["findings"]}
        assert model.asked == 1
    assert run(["answers", "score", str(rows), "--scorer", str(tmp_path / "none.yaml")]) == 2


# ── in an eval ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def weighed(feature: Feature) -> Iterator[tuple[Feature, Scripted]]:
    """The feature, whose app says in other words what it retrieved, with a scorer that knows them."""
    feature.edit("app/main.py", '    return {**reply, "outcome": "answer", "text": found,', """    island = found.split(":")[0]
    row = {"doc_id": "timetable", "text": found}
    said = f"Whoever wants to see {island} gets up early."
    return {**reply, "outcome": "answer", "text": said, "retrieved": [row],""")  # fmt: skip
    with scripted(says("entailed")) as model:
        declared = json.dumps(spec(model.url).model_dump(mode="json", exclude_none=True))
        feature.edit("guardrails/answers.yaml", "must_cite: false", f"must_cite: false, scorer: {declared}")
        feature.lock()
        yield feature, model


def grounding(checked: Any) -> Any:
    return next(row for row in checked["checks"] if row["id"] == "SAFE-01")


def test_an_eval_weighs_with_the_declared_scorer_and_pays_once(weighed: tuple[Feature, Scripted]) -> None:
    feature, model = weighed
    first = grounding(feature.check("--env", "production"))
    assert first["data"]["scorer"] == spec(model.url).pin
    assert {row["unsupported"] for row in first["data"]["slices"]} == {0}
    asked = model.asked
    assert 0 < asked <= 16
    feature.check("--env", "production", "--again")
    assert model.asked == asked


def test_a_scorer_that_cannot_be_asked_leaves_the_check_owed_and_blames_nobody(
    weighed: tuple[Feature, Scripted],
) -> None:
    feature, model = weighed
    model.says = lambda request: (503, {}, b"down")
    feature.edit("interlock.yaml", "run: {", "run: {attempts: 1, ")
    down = grounding(feature.check("--env", "production"))
    assert down["status"] == "owed"
    assert "gave no word on 16 cases" in down["seen"]
    model.says = says("entailed")
    assert grounding(feature.check("--env", "production"))["data"]["unweighed"] == 0


def test_a_replay_asks_nobody(weighed: tuple[Feature, Scripted]) -> None:
    feature, model = weighed
    feature.edit("interlock.yaml", "calls: record", "calls: replay-strict")
    found = grounding(feature.check("--env", "production"))
    assert model.asked == 0
    assert found["data"]["unweighed"] == 16


def test_another_scorer_is_another_yardstick_and_needs_a_reason(weighed: tuple[Feature, Scripted]) -> None:
    from dataclasses import replace

    from interlock.services.bars import lowered_bars
    from interlock.settings import read_settings
    from interlock.wiring import read_feature

    _, loaded, _ = read_feature(read_settings(weighed[0].root))
    plain = loaded.answers.model_copy(update={"evidence": loaded.answers.evidence.model_copy(update={"scorer": None})})
    texts = [bar.text for bar in lowered_bars(replace(loaded, answers=plain), loaded)]
    assert any("weighed by another scorer" in text for text in texts)


# ── ONNX ────────────────────────────────────────────────────────────────────────────────────────────────────────


def onnx_spec(folder: Path, **changes: Any) -> OnnxScorer:
    for name in ("onnx", "onnxruntime", "tokenizers"):
        pytest.importorskip(name, reason="needs interlock[nli], and onnx to write the model")
    return OnnxScorer.model_validate_json(json.dumps({**write_model(folder), **changes}))


def test_a_model_of_inference_reads_every_window_and_says_which_bears_a_claim(tmp_path: Path) -> None:
    scorer = open_support(onnx_spec(tmp_path), Path())
    long = Passage("long", "The shop opens at nine. " * 60 + FEES.text)
    found = scorer.support("Returns are free within 30 days.", [Passage("other", "Parrots sing opera."), long])
    assert found.score > 0.8


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model_sha256": "sha256:" + "0" * 64}, "pinned is"),
        ({"tokenizer_sha256": "sha256:" + "0" * 64}, "pinned is"),
        ({"model": "/nowhere/model.onnx"}, "there is no model"),
        ({"model": "${NO_SUCH_MODEL}"}, "NO_SUCH_MODEL"),
    ],
)
def test_another_file_than_the_pinned_one_is_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        open_support(onnx_spec(tmp_path, **changes), Path())


def test_a_model_with_other_outputs_than_its_labels_is_no_evidence(tmp_path: Path) -> None:
    scorer = open_support(onnx_spec(tmp_path, labels=["entailed", "not_stated"]), Path())
    weight = weigh_with(scorer)(PARAPHRASE, "", [Source("fees", FEES.text)], [])
    assert weight.score == 0.0
    assert "3) for 1 pairs and 2 labels" in weight.why


def test_a_model_that_takes_too_long_is_no_evidence(tmp_path: Path) -> None:
    scorer = open_support(onnx_spec(tmp_path, deadline_s=1e-9), Path())
    with pytest.raises(BrokenRun, match="timeout"):
        scorer.support(PARAPHRASE, [FEES])


def test_windows_hold_the_whole_text_and_overlap_by_a_sentence() -> None:
    text = " ".join(f"Sentence number {n} is here." for n in range(200))
    found = list(windows_of(text, 100))
    assert max(map(len, found)) <= 100
    for before, after in pairwise(found):
        assert before.split(". ")[-1].rstrip(".") == after.split(". ")[0].rstrip(".")
    assert all(f"Sentence number {n} is here." in "".join(found) for n in range(200))
    assert list(windows_of("")) in ([""], [])
    assert list(windows_of("a" * 500, 100)) == ["a" * 500]
