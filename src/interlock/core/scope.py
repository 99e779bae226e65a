"""Whether a question is one that the feature is for: how near it lies to examples of what it is asked."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import log, sqrt

from interlock.core.estimate import upper_bound
from interlock.core.words import clean, words

MAX_TEXT = 20_000
"""Characters of a question that are read."""


@dataclass(frozen=True, slots=True)
class Fit:
    """How well a question fits: the cosine to the nearest label's examples, in [0, 1], and that label."""

    score: float
    label: str


class Scope:
    """Examples of questions by label, ready to be compared with: a centroid of weighted word stems for each label.

    It needs no model and no network. A question of words that no example has scores 0.
    Source: TF-IDF and centroids, Salton and Buckley (1988), Information Processing & Management 24(5), 513-523; Rocchio (1971).

    >>> scope = Scope([("where is my invoice", "invoice"), ("cancel my plan", "cancel"), ("stop my contract", "cancel")])
    >>> scope.fit("cancel the contract").label, scope.fit("weather tomorrow?").score
    ('cancel', 0.0)
    """

    def __init__(self, examples: Iterable[tuple[str, str]]) -> None:
        read = [(_counts(text), label) for text, label in examples]
        if not read:
            raise ValueError("a scope needs at least one example")
        frequency = Counter(form for counts, _ in read for form in counts)
        self._n = len(read)
        self._weights = {form: log((self._n + 1) / (df + 1)) + 1 for form, df in frequency.items()}
        centroids: dict[str, dict[str, float]] = {}
        for counts, label in read:
            centroid = centroids.setdefault(label, {})
            for form, value in self._vector(counts).items():
                centroid[form] = centroid.get(form, 0.0) + value
        self._holding: dict[str, list[tuple[str, float]]] = {}
        for label, centroid in centroids.items():
            length = sqrt(sum(value * value for value in centroid.values())) or 1.0
            for form, value in centroid.items():
                self._holding.setdefault(form, []).append((label, value / length))

    def fit(self, text: str) -> Fit:
        """How near a question lies, and to which label; the first by name among equals."""
        near: dict[str, float] = {}
        for form, value in self._vector(_counts(text)).items():
            for label, other in self._holding.get(form, ()):
                near[label] = near.get(label, 0.0) + value * other
        if not near:
            return Fit(0.0, "")
        label = min(near, key=lambda name: (-near[name], name))
        return Fit(min(1.0, near[label]), label)

    def _vector(self, counts: Counter[str]) -> dict[str, float]:
        unseen = log(self._n + 1) + 1  # a word of no example takes its full part of the length
        values = {form: (1 + log(count)) * self._weights.get(form, unseen) for form, count in counts.items()}
        length = sqrt(sum(value * value for value in values.values())) or 1.0
        return {form: value / length for form, value in values.items()}


def _counts(text: str) -> Counter[str]:
    return Counter(word.stem for word in words(clean(text[:MAX_TEXT]).text))


def scope_threshold(in_scope: Sequence[float], refused: float, *, confidence: float = 0.95) -> float | None:
    """The highest score below which questions may be refused, so that at most a share of those in scope is.

    Args:
        in_scope: scores of questions that the feature is for, and that were no examples.
        refused: the largest share of them that may be refused, in (0, 1), kept with the confidence by an exact bound.
    Returns: None where there are too few questions to promise anything.

    >>> scope_threshold([at / 100 for at in range(100)], 0.05)
    0.01
    """
    if not 0 < refused < 1:
        raise ValueError(f"a share lies in (0, 1), not `{refused}`")
    ordered = sorted(in_scope)
    best = None
    for at, score in enumerate(ordered):
        if at and score == ordered[at - 1]:
            continue
        if upper_bound(at, len(ordered), confidence).high > refused:
            break
        best = score
    return best
