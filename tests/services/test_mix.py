"""EVAL-07: the mix of the gold set beside the traffic, and the judges and their labels, read from the bundle."""

import json
from datetime import date
from typing import Any

import pytest

from interlock.core.errors import DocumentError, InterlockError, ManyErrors, UnknownKey, WrongValue
from interlock.core.manifest import Profile
from interlock.core.rules import RULES, Standing
from interlock.core.suite import Case, Expect, Slice, Suite, SuiteKind
from interlock.core.traffic import TrafficProfile
from interlock.services.bars import lowered_bars
from interlock.services.judging import measure_judges
from interlock.services.lock import resolve
from interlock.services.mix import REST, compare_mix, measure_mix, mixes, units_of
from interlock.services.parts import Loaded, StaticContext, load_parts

TODAY = date(2026, 11, 22)
GOLD = "evals/gold.yaml"


def loaded(tree: Any) -> Loaded:
    return load_parts(resolve(tree).bundle, tree)


def context(tree: Any, today: date | None = TODAY) -> StaticContext:
    found = loaded(tree)
    return StaticContext(found, (), None, lambda _: None, found.release.limits, today)


def cases(**slices: int) -> str:
    """So many cases for each slice."""
    rows = [
        {
            "id": f"{name}-{n}",
            "input": f"{name} {n}",
            "slices": [name],
            "expect": {"outcome": "answer"},
            "source": "ticket",
        }
        for name, many in slices.items()
        for n in range(many)
    ]
    return "".join(json.dumps(row) + "\n" for row in rows)


def with_cases(tree: Any, **slices: int) -> Any:
    return tree.with_file("evals/cases/gold-1.jsonl", cases(**slices))


def with_traffic(tree: Any, text: str) -> Any:
    manifest = tree.edited(
        "interlock.yaml", 'suites: ["evals/*.yaml"]', 'suites: ["evals/*.yaml"], traffic: evals/traffic.yaml'
    )
    return manifest.with_file("evals/traffic.yaml", text)


COUNTED = 'profile: chat\nas_of: "2026-11-01"\ncounts: {hours: 300, refunds: 700}\n'


# ── the mix ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_declared_shares_are_compared_with_the_cases(small_feature: Any) -> None:
    found = measure_mix(context(with_cases(small_feature, hours=120, refunds=80)))
    (key,) = found["keys"]
    assert (key["basis"], key["requests"], key["units"]) == ("declared", None, 200)
    assert key["distance"] == pytest.approx(0.0)
    assert RULES["EVAL-07"](found, context(small_feature).limits).standing is Standing.PASS


def test_a_handful_of_cases_in_the_right_mix_is_owed(small_feature: Any) -> None:
    found = measure_mix(context(with_cases(small_feature, hours=3, refunds=2)))
    assert found["keys"][0]["distance"] == pytest.approx(0.0)
    assert RULES["EVAL-07"](found, context(small_feature).limits).standing is Standing.OWED


def test_counted_traffic_replaces_declared_shares_and_brings_its_error(small_feature: Any) -> None:
    many = with_cases(small_feature, hours=120, refunds=80)
    (declared,) = measure_mix(context(many))["keys"]
    found = measure_mix(context(with_traffic(many, COUNTED)))
    (counted,) = found["keys"]
    assert (counted["basis"], counted["requests"]) == ("observed", 1000)
    assert counted["distance"] == pytest.approx(0.3)
    assert counted["high"] - counted["distance"] > declared["high"] - declared["distance"]
    assert found["profile"] == {"name": "chat", "as_of": "2026-11-01", "age_days": 21}
    assert RULES["EVAL-07"](found, context(many).limits).standing is Standing.FAIL


def test_a_slice_of_the_traffic_that_no_suite_knows_is_uncovered(small_feature: Any) -> None:
    text = COUNTED.replace("refunds: 700", "refunds: 680, fraud: 20")
    found = measure_mix(context(with_traffic(with_cases(small_feature, hours=60, refunds=140), text)))
    assert found["uncovered"] == [{"slice": "fraud", "key": "slice", "share": 0.02}]


def test_a_share_under_one_per_cent_may_go_without_a_case(small_feature: Any) -> None:
    text = COUNTED.replace("refunds: 700", "refunds: 696, fraud: 4")
    found = measure_mix(context(with_traffic(with_cases(small_feature, hours=60, refunds=140), text)))
    assert found["uncovered"] == []


def test_shares_that_leave_something_over_leave_it_to_everything_else(small_feature: Any) -> None:
    tree = with_cases(small_feature.edited(GOLD, "share: 0.4", "owner: people"), hours=60, refunds=40)
    (key,) = measure_mix(context(tree))["keys"]
    assert {row["slice"]: (round(row["share"], 2), round(row["gold"], 2)) for row in key["slices"]} == {
        "hours": (0.6, 0.6),
        REST: (0.4, 0.4),
    }


def test_slices_that_overlap_need_keys_of_their_own(small_feature: Any) -> None:
    tree = small_feature.edited(GOLD, "share: 0.4", "share: 0.9")
    found = measure_mix(context(tree))
    assert "sum to 1.500" in found["faults"][0]
    assert RULES["EVAL-07"](found, context(tree).limits).standing is Standing.FAIL
    apart = measure_mix(context(tree.edited(GOLD, "share: 0.9", "share: 0.9, key: topic")))
    assert [key["key"] for key in apart["keys"]] == ["slice", "topic"]


def test_a_cluster_is_one_case_and_weights_move_the_mix() -> None:
    def case(id: str, slice: str, **more: Any) -> Case:
        return Case(id=id, input=id, slices=(slice,), expect=Expect(), source="t", **more)

    slices = (Slice(id="a", title="A", share=0.5), Slice(id="b", title="B", share=0.5))
    rows = (*(case(f"a{n}", "a", cluster="one question") for n in range(9)), case("b0", "b"), case("b1", "b"))
    suite = Suite("gold", SuiteKind.GOLD, rows, slices)
    (mix,), faults = mixes((suite,), None)
    assert mix.counts((suite,)) == pytest.approx({"a": 1.0, "b": 2.0})
    assert faults == ()
    heavy = Suite(
        "gold", SuiteKind.GOLD, tuple(r.model_copy(update={"weight": 2.0}) if r.cluster else r for r in rows), slices
    )
    plain, weighed = compare_mix(mix, units_of(suite.cases)), compare_mix(mix, units_of(heavy.cases))
    assert plain["distance"] == pytest.approx(1 / 6)
    assert (weighed["distance"], weighed["unweighted"]) == (pytest.approx(0.0), pytest.approx(1 / 6))
    assert (weighed["weighted"], plain["weighted"]) == (True, False)
    assert weighed["n_eff"] == pytest.approx(16 / 6)


@pytest.mark.parametrize("source", ["TODO", "unknown", " n/a ", "template of interlock init, to be replaced", "?"])
def test_a_placeholder_is_no_source(small_feature: Any, source: str) -> None:
    tree = small_feature.with_file(
        "evals/cases/gold-1.jsonl", cases(hours=2).replace('"ticket"', json.dumps(source), 1)
    )
    assert measure_mix(context(tree))["sourceless"] == ["hours-0"]


def test_without_shares_or_traffic_there_is_nothing_to_compare(small_feature: Any) -> None:
    tree = small_feature.edited(GOLD, "share: 0.6, ", "").edited(GOLD, ", share: 0.4", "")
    ruling = RULES["EVAL-07"](measure_mix(context(tree)), context(tree).limits)
    assert (ruling.standing, "nothing to compare" in ruling.proves) == (Standing.OWED, True)


# ── reading ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        ("hours: 300", "hours: -3", WrongValue),
        ("hours: 300", "hours: 1.5", WrongValue),
        ('"2026-11-01"', '"last month"', DocumentError),
        ("profile: chat", "profile: chat\nsource: me", UnknownKey),
        ("{hours: 300, refunds: 700}", "{}", WrongValue),
    ],
)
def test_a_traffic_profile_is_read_strictly(small_feature: Any, old: str, new: str, kind: type[InterlockError]) -> None:
    with pytest.raises(InterlockError) as refused:
        loaded(with_traffic(small_feature, COUNTED.replace(old, new)))
    assert isinstance(refused.value, DocumentError)
    assert refused.value.place is not None
    assert refused.value.place.file == "evals/traffic.yaml"


def test_a_traffic_profile_is_part_of_the_bundle_and_losing_it_lowers_a_bar(small_feature: Any) -> None:
    counted = with_traffic(small_feature, COUNTED)
    assert "evals/traffic.yaml" in resolve(counted).bundle.paths()
    assert loaded(counted).traffic == TrafficProfile(
        profile="chat", as_of="2026-11-01", counts={"hours": 300, "refunds": 700}
    )
    said = [bar.text for bar in lowered_bars(loaded(counted), loaded(small_feature))]
    assert said == ["the counted traffic is gone: shares are only declared"]


# ── judges ──────────────────────────────────────────────────────────────────────────────────────────────────────

PROMPT, RUBRIC = "You judge.\n", "Pass what helps.\n"


def judges(tree: Any, rows: list[dict[str, Any]] | None, **changes: Any) -> Any:
    """The feature with one judge, and its labels where there are some."""
    from interlock.core.digest import of_bytes

    named = {"prompt": of_bytes(PROMPT.encode()), "rubric": of_bytes(RUBRIC.encode())}
    more = ", calibration: judges/labels.json" if rows is not None else ""
    spec = (
        "judges:\n  - {name: helpful, model: {provider: somebody, id: judge-2026-05-01}, prompt: judges/p.md, "
        f"rubric: judges/r.md{more}}}\n"
    )
    tree = tree.with_file(GOLD, tree.text(GOLD) + spec).with_file("evals/judges/p.md", PROMPT)
    tree = tree.with_file("evals/judges/r.md", RUBRIC)
    if rows is None:
        return tree
    record = {
        "calibration": 1,
        "judge": "helpful",
        "model": "somebody/judge-2026-05-01",
        **named,
        "rows": rows,
        **changes,
    }
    return tree.with_file("evals/judges/labels.json", json.dumps(record))


def labels(n: int, wrong: int = 0) -> list[dict[str, Any]]:
    return [
        {"case": f"c{i}", "rater": "ines", "human": i % 2 == 0, "judge": (i % 2 == 0) is not (i < wrong)}
        for i in range(n)
    ]


def test_a_judge_without_labels_satisfies_nothing(small_feature: Any) -> None:
    found = context(judges(small_feature, None))
    assert found.loaded.release.profile is Profile.STANDARD
    ruling = RULES["EVAL-04"](measure_judges(found), found.limits)
    assert (ruling.standing, ruling.seen) == (Standing.OWED, "judge `helpful` has no calibration record")


def test_a_pinned_judge_with_labels_that_agree_passes(small_feature: Any) -> None:
    found = context(judges(small_feature, labels(100, wrong=4)))
    (row,) = measure_judges(found)["judges"]
    assert (row["labels"], row["raters"], row["stale"]) == (100, ["ines"], [])
    assert row["table"] == {"both_pass": 48, "only_human": 2, "only_judge": 2, "both_fail": 48}
    assert RULES["EVAL-04"]({"judges": [row]}, found.limits).standing is Standing.PASS


@pytest.mark.parametrize(
    ("key", "value"), [("model", "somebody/judge-2026-06-01"), ("judge", "other"), ("prompt", "sha256:" + "0" * 64)]
)
def test_labels_of_another_judge_do_not_count(small_feature: Any, key: str, value: str) -> None:
    found = context(judges(small_feature, labels(100), **{key: value}))
    (row,) = measure_judges(found)["judges"]
    assert row["stale"] == [{"judge": "name"}.get(key, key)]
    assert RULES["EVAL-04"]({"judges": [row]}, found.limits).standing is Standing.OWED


def test_a_judge_by_a_family_name_is_not_pinned(small_feature: Any) -> None:
    tree = judges(small_feature, labels(100)).edited(GOLD, "judge-2026-05-01", "judge")
    found = context(tree)
    assert RULES["EVAL-04"](measure_judges(found), found.limits).standing is Standing.FAIL


def test_another_judge_is_another_suite_and_more_labels_are_not(small_feature: Any) -> None:
    (plain,), (few,), (many,) = (
        loaded(tree).suites
        for tree in (small_feature, judges(small_feature, labels(60)), judges(small_feature, labels(80)))
    )
    assert few.digest == many.digest != plain.digest
    reworded = judges(small_feature, labels(60)).with_file("evals/judges/r.md", "Pass what is true.\n")
    assert loaded(reworded).suites[0].digest != few.digest


def test_every_file_of_a_judge_belongs_to_the_evals(small_feature: Any) -> None:
    paths = resolve(judges(small_feature, labels(60))).bundle.paths()
    assert {"evals/judges/p.md", "evals/judges/r.md", "evals/judges/labels.json"} <= set(paths)


def faults(tree: Any) -> list[InterlockError]:
    with pytest.raises(InterlockError) as caught:
        loaded(tree)
    return list(caught.value.errors) if isinstance(caught.value, ManyErrors) else [caught.value]


def test_labels_that_contradict_themselves_are_refused_with_their_place(small_feature: Any) -> None:
    twice = [*labels(60), {"case": "c3", "rater": "ines", "human": True, "judge": False}]
    two_verdicts = [*labels(60), {"case": "c3", "rater": "tom", "human": True, "judge": True}]
    for rows, said in ((twice, "labelled case `c3` twice"), (two_verdicts, "two things of case `c3`")):
        (fault,) = faults(judges(small_feature, rows))
        assert said in str(fault)
        assert fault.place is not None
        assert fault.place.file == "evals/judges/labels.json"


def test_a_requirement_of_a_judge_that_is_not_there_is_refused(small_feature: Any) -> None:
    row = "  - {slice: refunds, scorer: 'judge:kind', floor: 0.5}\n"
    (fault,) = faults(small_feature.with_file(GOLD, small_feature.text(GOLD) + row))
    assert "no judge `judge:kind`" in str(fault)
    named = judges(small_feature.with_file(GOLD, small_feature.text(GOLD) + row.replace("kind", "helpful")), labels(60))
    assert loaded(named).suites[0].requirements[-1].scorer == "judge:helpful"


def test_two_judges_of_one_name_and_files_that_are_not_there_are_refused(small_feature: Any) -> None:
    tree = judges(small_feature, None)
    again = "  - {name: helpful, model: {provider: a, id: b}, prompt: judges/p.md, rubric: judges/r.md}\n"
    assert "two judges are named `helpful`" in str(faults(tree.with_file(GOLD, tree.text(GOLD) + again))[0])
    assert "no file `evals/judges/r.md`" in str(faults(tree.without("evals/judges/r.md"))[0])
    away = tree.edited(GOLD, "judges/r.md", "../../r.md")
    assert "leaves the project folder" in "".join(map(str, faults(away)))


def test_asking_less_of_a_judge_lowers_a_bar(small_feature: Any) -> None:
    before = judges(small_feature, labels(60))
    after = before.edited(GOLD, "rubric: judges/r.md", "rubric: judges/r.md, agreement: 0.3")
    assert [bar.text for bar in lowered_bars(loaded(before), loaded(after))] == [
        "suite `gold`: agreement asked of judge `helpful`: 0.6 → 0.3"
    ]
    assert lowered_bars(loaded(after), loaded(before)) == []
