"""Evidence scores and calibration: how good, by dataset and by kind of error, and how fast.

`python -m benchmarks.answers` prints the tables of docs/answers.md, from the public data that INTERLOCK_SHARED_DATA names.
"""

import gzip
import json
import os
import random
import re
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.figure import Figure, machine
from benchmarks.work import Work
from interlock import Answers
from interlock.core.answer import AnswerPolicy
from interlock.core.answerability import answerable
from interlock.core.delivery import AnswerJudge, Delivered
from interlock.core.estimate import clopper_pearson
from interlock.core.quantities import quantities
from interlock.core.ranking import auroc
from interlock.core.risk import Labelled, calibrate_slices
from interlock.core.scope import Scope, scope_threshold
from interlock.core.sources import Passage, Sources
from interlock.core.support import score_answer
from interlock.core.words import clean, sentences, words
from interlock.scorers.support import Embedded
from interlock.services.answer_evaluation import Evaluation
from interlock.services.answer_rows import read_answers, score_row
from interlock.services.weighing import weigh_lexically

ANSWERS, LABELS = 300, 10_000


def measure(work: Work) -> list[Figure]:
    """CPU milliseconds of an answer of 5 claims over 10 passages, p50 and p99: its evidence alone, and the whole policy with it; seconds
    to calibrate on 10,000 labels."""
    rows = _made_labels(LABELS)
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        calibrate_slices(rows, 0.05)
        seconds.append(time.perf_counter() - start)
    figures = []
    for name, again in (("passages seen for the first time", False), ("passages seen before", True)):
        at = sorted(_speeds(ANSWERS, again=again))
        figures += [
            Figure(f"evidence, 5 claims, 10 {name}: p50", "CPU ms", (at[len(at) // 2],)),
            Figure(f"evidence, 5 claims, 10 {name}: p99", "CPU ms", (at[int(0.99 * len(at))],)),
        ]
        judged = sorted(_policy_speeds(ANSWERS, again=again))
        figures += [
            Figure(f"policy and evidence, 5 cited claims, 10 {name}: p50", "CPU ms", (judged[len(judged) // 2],)),
            Figure(
                f"policy and evidence, 5 cited claims, 10 {name}: p99", "CPU ms", (judged[int(0.99 * len(judged))],)
            ),
        ]
    return [
        *figures,
        Figure(f"calibration on {LABELS:,} labels, 7 slices", "s", tuple(seconds), 5.0),
    ]


def _speeds(n: int, *, again: bool = False) -> list[float]:
    """Ten passages of about 110 words in made-up text, an answer of five sentences out of them, one figure changed; `again`: out of a stock
    of 40 passages that were read before."""
    took = []
    for said, texts in _made_answers(n, again=again):
        passages = [Passage(str(at), text) for at, text in enumerate(texts)]
        start = time.process_time()
        score_answer(" ".join(said), Sources(passages), question=QUESTION)
        took.append(1000 * (time.process_time() - start))
    return took


def _policy_speeds(n: int, *, again: bool = False) -> list[float]:
    """The same answers through the SDK: shape, citations, evidence, commitments, verdict. Each claim cites its passage; the claim with the
    changed figure quotes what stands there."""
    policy = AnswerPolicy.model_validate({
        "answers": 1, "evidence": {"threshold": 0.8, "min_sources": 1, "must_cite": True}, "abstain": {},
        "escalate": {"queue": "people"},
    })  # fmt: skip
    answers = Answers(AnswerJudge(policy, {"refund.issue": ("issued your refund", "refund … issued")}, weigh_lexically))
    took, delivered = [], 0
    for said, texts in _made_answers(n, again=again):
        sources = [{"doc_id": str(at), "text": text} for at, text in enumerate(texts)]
        claims = [
            {"text": one, "cites": [{"doc_id": str(at), "quote": one if one in texts[at] else one.split(" costs ")[0]}]}
            for at, one in enumerate(said)
        ]
        with answers.interaction() as talk:
            talk.heard(QUESTION)
            start = time.process_time()
            judged = talk.answer({"text": " ".join(said), "claims": claims}, sources=sources)
            took.append(1000 * (time.process_time() - start))
        delivered += isinstance(judged, Delivered)
    if delivered == n:
        raise AssertionError("an answer with a changed figure was delivered: nothing was measured")
    return took


QUESTION = "How much does it cost, and until when?"


def _made_answers(n: int, *, again: bool) -> Iterator[tuple[list[str], list[str]]]:
    """Five sentences of which one figure is changed, and the ten passages that they come from."""
    chance = random.Random(5)
    stock = [
        f"{a}{b}"
        for a in ("pay", "ship", "tar", "bill", "mod", "rent", "plan", "cred")
        for b in ("er", "ment", "al", "ing", "age")
    ]
    kept = [[_sentence(chance, stock) for _ in range(9)] for _ in range(40)]
    for lines in kept if again else ():
        Sources([Passage("", " ".join(lines))])
    for _ in range(n):
        texts = chance.sample(kept, 10) if again else [[_sentence(chance, stock) for _ in range(9)] for _ in range(10)]
        said = "\n".join(chance.choice(texts[at]) for at in range(5)).replace("1", "7", 1).split("\n")
        yield said, [" ".join(lines) for lines in texts]


def _sentence(chance: random.Random, stock: Sequence[str]) -> str:
    found = [chance.choice(stock) for _ in range(9)]
    return f"The {' '.join(found[:4])} costs €{chance.randint(10, 999)}.00 within {chance.randint(2, 60)} days of {' '.join(found[4:])}."


def _made_labels(n: int) -> list[Labelled]:
    chance = random.Random(7)
    return [
        Labelled(chance.random() if bad else chance.random() ** 0.4, bad, f"slice {at % 7}", f"document {at // 3}")
        for at in range(n)
        for bad in (chance.random() < 0.2,)
    ]


# ── the tables of docs/answers.md ──────────────────────────────────────────────────────────────────────────────────


def main() -> int:
    """Print the tables. Returns: 2 without the data."""
    folder = Path(os.environ.get("INTERLOCK_SHARED_DATA") or "")
    if not (folder / "grounding").is_dir():
        print("INTERLOCK_SHARED_DATA names no folder with `grounding/` and `abstain/`", file=sys.stderr)
        return 2
    about = machine()
    print(f"Made on {about['date'][:10]} on {about['cpu']}, {about['cores']} cores, Python {about['python']}.\n")
    tables: tuple[Callable[[Path], Iterator[str]], ...] = (_grounding, _corruptions, _intents, _answerability)
    for table in tables:
        print("\n".join(table(folder)) + "\n")
    for name, again in (("seen for the first time", False), ("seen before", True)):
        for what, speeds in (("evidence alone", _speeds), ("policy and evidence", _policy_speeds)):
            at = sorted(speeds(ANSWERS, again=again))
            p50, p99 = at[len(at) // 2], at[int(0.99 * len(at))]
            print(f"5 claims over 10 passages {name}, {what}: p50 {p50:.1f}, p99 {p99:.1f} CPU ms (n {len(at)}).")
    return 0


def _grounding(folder: Path) -> Iterator[str]:
    evaluation, embedded = Evaluation(), Embedded()
    overlap: dict[str, tuple[list[float], list[float]]] = defaultdict(lambda: ([], []))
    for row in read_answers(folder / "grounding/labelled_responses.jsonl.gz"):
        support = score_row(row, embedded)
        evaluation.add(row, support.score, frozenset(doubt.kind.value for doubt in support.doubts))
        if row.label in ("grounded", "ungrounded"):
            overlap[row.dataset][row.label == "ungrounded"].append(_overlap(row.response, row.passages))
    yield "| dataset | grounded + ungrounded | documents | AUROC [95 %] | word overlap |"
    yield "|---|---|---|---|---|"
    reports = {budget: evaluation.report(budget) for budget in (0.05, 0.1, 0.2)}
    for row in reports[0.05]["datasets"]:
        low, high = row["auroc_interval"]
        plain = auroc(*overlap[row["dataset"]]).value
        yield (
            f"| {row['dataset']} | {row['grounded']} + {row['ungrounded']} | {row['documents']} | {row['auroc']:.3f}"
            f" [{low:.3f}, {high:.3f}] | {plain:.3f} |"
        )
    yield ""
    yield "| dataset | budget | threshold | delivered of held-back | unsupported | at most (95 %) | 100 splits: held, refuted, delivering |"
    yield "|---|---|---|---|---|---|---|"
    for budget, report in reports.items():
        for row in report["datasets"]:
            found, splits = row["calibrated"], row["splits"]
            tried = f"{splits['held']}, {splits['refuted']}, {splits['delivering']}"
            if found["threshold"] is None:
                yield f"| {row['dataset']} | {100 * budget:g} % | {found['outcome']} | 0 | | | {tried} |"
            else:
                yield (
                    f"| {row['dataset']} | {100 * budget:g} % | {found['threshold']:.3f} | {found['delivered']} of {found['of']}"
                    f" ({100 * found['coverage']:.0f} %) | {found['unsupported']} | {100 * found['upper']:.1f} % | {tried} |"
                )
    yield ""
    kinds = sorted({kind for row in reports[0.05]["datasets"] for kind in row["findings"]})
    yield (
        "| finding, in ungrounded / in grounded | "
        + " | ".join(row["dataset"] for row in reports[0.05]["datasets"])
        + " |"
    )
    yield "|---|" + "---|" * len(reports[0.05]["datasets"])
    for kind in kinds:
        cells = []
        for row in reports[0.05]["datasets"]:
            found = row["findings"].get(kind, {"ungrounded": 0, "grounded": 0})
            cells.append(f"{found['ungrounded']} of {row['ungrounded']} / {found['grounded']} of {row['grounded']}")
        yield f"| {kind} | " + " | ".join(cells) + " |"


def _overlap(response: str, passages: Sequence[Passage]) -> float:
    """Share of the content words of a response that its passages have: the peer."""

    def stems(text: str) -> set[str]:
        return {word.stem for word in words(clean(text).text) if not word.function}

    said = stems(response)
    return len(said & {stem for passage in passages for stem in stems(passage.text)}) / max(1, len(said))


# ── made corruptions, by kind and language

_NOT = {"en": ("is", "is not"), "de": ("ist", "ist nicht"), "es": ("es", "no es")}


def _corruptions(folder: Path) -> Iterator[str]:
    """Sentences of real paragraphs, verbatim and with one thing changed; how often the change is found, by kind."""
    rows = _jsonl(folder / "abstain/xquad_languages.jsonl.gz")
    yield "| language | verbatim: false findings | figure changed: found | denial inserted: found | name exchanged: found |"
    yield "|---|---|---|---|---|"
    for language in ("en", "de", "es", "ar", "zh"):
        texts = sorted({row["context"][0]["text"] for row in rows if row["lang"] == language and row["answerable"]})
        counts = _corrupt(texts, language)
        cells = [_share(counts[f"{kind} found"], counts[kind]) for kind in ("plain", "figure", "denial", "name")]
        yield f"| {language} | " + " | ".join(cells) + " |"


def _corrupt(texts: Sequence[str], language: str) -> Counter[str]:
    chance, counts = random.Random(3), Counter[str]()
    names = [word for text in texts for word in re.findall(r"(?<=[a-z] )[A-Z][a-z]{4,}", text)]
    for raw in texts:
        text = clean(raw).text
        sources = Sources([Passage("p", raw)])
        for start, end in sentences(text):
            sentence = text[start:end]
            counts["plain"] += 1
            counts["plain found"] += bool(score_answer(sentence, sources).doubts)
            for kind, changed, found_as in _changes(sentence, language, names, chance):
                counts[kind] += 1
                doubts = score_answer(changed, sources).doubts
                counts[f"{kind} found"] += any(doubt.kind.value in found_as for doubt in doubts)
    return counts


def _changes(
    sentence: str, language: str, names: Sequence[str], chance: random.Random
) -> Iterator[tuple[str, str, set[str]]]:
    figures = [
        match.start() for q in quantities(sentence) if (match := re.compile(r"\d").search(sentence, q.start, q.end))
    ]
    if figures:
        at = chance.choice(figures)
        digit = str(int(sentence[at]) % 9 + 1)
        yield "figure", sentence[:at] + digit + sentence[at + 1 :], {"number", "date", "unit"}
    if language in _NOT:
        plain, denied = _NOT[language]
        if re.search(rf"\b{plain}\b", sentence):
            yield "denial", re.sub(rf"\b{plain}\b", denied, sentence, count=1), {"negation"}
    here = re.findall(r"(?<=[a-z] )[A-Z][a-z]{4,}", sentence)
    others = [name for name in names if name not in sentence]
    if here and others and language in _NOT and language != "de":
        yield "name", sentence.replace(here[0], chance.choice(others), 1), {"name"}


# ── abstention on inputs


def _intents(folder: Path) -> Iterator[str]:
    """CLINC150: examples are its train part; half of val chooses the threshold, the other half and out-of-scope measure."""
    rows = [row for row in _jsonl(folder / "abstain/intents.jsonl.gz") if row["dataset"] == "clinc150"]
    scope = Scope((row["text"], row["intent"]) for row in rows if row["split"] == "train")
    inside = [row for row in rows if row["split"] == "val"]
    random.Random(1).shuffle(inside)
    chooses, measures = inside[::2], inside[1::2]
    threshold = scope_threshold([scope.fit(row["text"]).score for row in chooses], 0.05)
    outside = [row for row in rows if not row["in_scope"]]
    fits = [scope.fit(row["text"]) for row in measures]
    caught = sum(scope.fit(row["text"]).score < (threshold or 0.0) for row in outside)
    area = auroc([fit.score for fit in fits], [scope.fit(row["text"]).score for row in outside])
    refused: dict[str, list[bool]] = defaultdict(list)
    for row, fit in zip(measures, fits, strict=True):
        refused[row["domain"]].append(fit.score < (threshold or 0.0))
        refused["all in scope"].append(fit.score < (threshold or 0.0))
    right = sum(fit.label == row["intent"] for row, fit in zip(measures, fits, strict=True))
    yield f"Threshold {threshold:.3f}; AUROC {area.value:.3f} [{area.interval.low:.3f}, {area.interval.high:.3f}]; nearest label right {_share(right, len(fits))}."
    yield ""
    yield "| CLINC150 | refused wrongly | caught |"
    yield "|---|---|---|"
    yield f"| out of scope | | {_share(caught, len(outside))} |"
    for domain in sorted(refused, key=lambda name: (name != "all in scope", name)):
        yield f"| {domain} | {_share(sum(refused[domain]), len(refused[domain]))} | |"


def _answerability(folder: Path) -> Iterator[str]:
    counts: Counter[tuple[str, str]] = Counter()
    for row in _jsonl(folder / "abstain/rag_answerability.jsonl.gz"):
        sources = Sources([Passage(str(one["id"]), one["text"]) for one in row["context"]])
        bare = " (nothing retrieved)" if not row["context"] else ""
        counts[row["expected"] + bare, answerable(row["question"], sources).advice.value] += 1
    advices = ("answer", "answer_part", "abstain")
    yield "| expected | n | " + " | ".join(f"advised: {advice}" for advice in advices) + " |"
    yield "|---|---|" + "---|" * len(advices)
    for expected in sorted({key for key, _ in counts}):
        n = sum(counts[expected, advice] for advice in advices)
        yield f"| {expected} | {n} | " + " | ".join(_share(counts[expected, advice], n) for advice in advices) + " |"


def _share(k: int, n: int) -> str:
    if not n:
        return "none"
    interval = clopper_pearson(k, n)
    return f"{k} of {n} [{100 * interval.low:.1f}, {100 * interval.high:.1f} %]"


def _jsonl(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


if __name__ == "__main__":
    sys.exit(main())
