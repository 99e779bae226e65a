"""Evidence that may be looked at after every case, and stopped on."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, special

from interlock.core.comparison import mcnemar_p
from interlock.core.sequential import Watch, fewest_breaks, worse

counts = st.integers(0, 120)


@given(counts, counts)
def test_the_evidence_agrees_with_scipy(broke: int, fixed: int) -> None:
    a, b = broke + 0.5, fixed + 0.5
    log = (broke + fixed) * math.log(2) + special.betaln(a, b) + math.log(special.betainc(b, a, 0.5))
    assert worse(broke, fixed) == pytest.approx(math.exp(log) / (math.pi / 2), rel=1e-8)


@pytest.mark.parametrize(("broke", "fixed"), [(0, 0), (3, 1), (8, 2), (5, 9)])
def test_the_evidence_is_the_mixture_that_it_says(broke: int, fixed: int) -> None:
    def likelihood(p: float) -> float:
        return float((2 * p) ** broke * (2 * (1 - p)) ** fixed * p**-0.5 * (1 - p) ** -0.5 / (math.pi / 2))

    mixed, _ = integrate.quad(likelihood, 0.5, 1, epsabs=1e-12)
    assert worse(broke, fixed) == pytest.approx(mixed, rel=1e-7)


@given(st.integers(0, 60), st.integers(0, 60))
def test_nothing_is_gained_on_average_where_nothing_got_worse(broke: int, fixed: int) -> None:
    """A martingale at a chance of one half, so the evidence is no more than Ville's inequality permits."""
    ahead = (worse(broke + 1, fixed) + worse(broke, fixed + 1)) / 2
    assert ahead == pytest.approx(worse(broke, fixed), rel=1e-9)


def alarms(looks: int, sounds: object) -> float:
    """The exact chance of an alarm within so many flips that go either way alike: every path, added up by its counts."""
    alive, alarmed = {0: 1.0}, 0.0
    for flips in range(1, looks + 1):
        reached: dict[int, float] = {}
        for broke, chance in alive.items():
            for now in (broke, broke + 1):
                reached[now] = reached.get(now, 0.0) + chance / 2
        alarmed += math.fsum(p for b, p in reached.items() if sounds(b, flips - b))  # type: ignore[operator]
        alive = {b: p for b, p in reached.items() if not sounds(b, flips - b)}  # type: ignore[operator]
    return alarmed


def test_three_hundred_looks_raise_few_false_alarms_where_a_repeated_test_raises_many() -> None:
    assert alarms(300, lambda b, c: worse(b, c) >= 20) == pytest.approx(0.033, abs=0.001)
    assert alarms(300, lambda b, c: mcnemar_p(b, c) < 0.05) == pytest.approx(0.27, abs=0.01)


def test_a_watch_counts_flips_only_and_keeps_its_peak() -> None:
    watch = Watch()
    for _ in range(100):
        watch = watch.after(passed=True, passes=True).after(passed=False, passes=False)
    assert watch == Watch()
    for _ in range(fewest_breaks()):
        assert not watch.alarm()
        watch = watch.after(passed=True, passes=False)
    assert watch.alarm()
    assert watch.p <= 0.05
    for _ in range(50):
        watch = watch.after(passed=False, passes=True)
    assert watch.alarm()  # what was shown once stays shown
    assert worse(watch.broke, watch.fixed) < 1


def test_a_shadow_that_only_improves_never_alarms() -> None:
    watch = Watch()
    for _ in range(200):
        watch = watch.after(passed=False, passes=True)
    assert not watch.alarm()
    assert worse(0, 5_000) >= 0
    assert worse(5_000, 0) == math.inf


@pytest.mark.parametrize("wrong", [lambda: Watch(-1, 0), lambda: Watch(0, 0, math.nan), lambda: worse(0, -1)])
def test_what_was_not_watched_is_refused(wrong: object) -> None:
    with pytest.raises(ValueError):
        wrong()  # type: ignore[operator]


@pytest.mark.parametrize("alpha", [0, 1, math.nan])
def test_a_level_that_is_none_is_refused(alpha: float) -> None:
    with pytest.raises(ValueError):
        fewest_breaks(alpha)
    with pytest.raises(ValueError):
        Watch().alarm(alpha)
