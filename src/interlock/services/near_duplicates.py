"""Texts that say nearly the same, found one by one as they come.

A text is the set of its runs of five characters; two texts are near when the sets overlap by at least the threshold
(Jaccard). Candidates come from MinHash bands, so that 100,000 texts are not compared with each other; each candidate is
then compared exactly, so that nothing is called near that is not.
Source: Broder (1997), «On the resemblance and containment of documents»; one permutation with rotation: Shrivastava and
Li (2014), «Densifying one permutation hashing via rotation for fast near neighbor search», ICML.
"""

import re
import unicodedata
from array import array
from collections import Counter
from dataclasses import dataclass, field
from zlib import crc32

BANDS, ROWS = 16, 4
"""A pair at overlap 0.7 shares a band with probability 1 - (1 - 0.7^4)^16 = 0.988, one at 0.3 with 0.12."""
_BINS = BANDS * ROWS
_SHINGLE = 5
_MAX_TEXT = 2000  # characters that are looked at
_MAX_BUCKET = 32  # leaders of one bucket: of a sentence that everybody writes, the first ones are enough
_MAX_COMPARED = 8  # leaders with which a text is compared exactly, those that share the most bands
_WORD = re.compile(r"\[[a-z]+-\d+\]|[^\W_]+")
_PRIME = (1 << 61) - 1


def folded_words(text: str) -> str:
    """What counts of a text: its words, without case, accents, punctuation and placeholders' numbers.

    >>> folded_words("Where's my Order, [id-3]?!")
    'where s my order id'
    """
    plain = unicodedata.normalize("NFKD", text.casefold())
    words = _WORD.findall("".join(char for char in plain if not unicodedata.combining(char)))
    return " ".join(word[1:].partition("-")[0] if word.startswith("[") else word for word in words)


def shingles(words: str) -> frozenset[int]:
    """The runs of five characters of a folded text, as 32-bit numbers; of a shorter text the text itself."""
    words = words[:_MAX_TEXT]
    runs = {words[at : at + _SHINGLE] for at in range(max(1, len(words) - _SHINGLE + 1))} if words else set()
    return frozenset(crc32(run.encode()) for run in runs)


def jaccard(one: frozenset[int], other: frozenset[int]) -> float:
    """The share of common elements in all elements, in [0, 1].

    >>> jaccard(frozenset({1, 2, 3}), frozenset({2, 3, 4}))
    0.5
    """
    both = len(one & other)
    return both / (len(one) + len(other) - both) if both else float(not one and not other)


def signature(parts: frozenset[int]) -> tuple[int, ...]:
    """Sixty-four minima, one for each bin; an empty bin borrows from the next that is not, marked by how far that is."""
    bins: list[int | None] = [None] * _BINS
    for part in parts:
        # A multiplication modulo a prime mixes the bits of a checksum; the bin and the rank come from different ones.
        mixed = (part * 0x1F3D5B79A2C4E687 + 0x2545F4914F6CDD1D) % _PRIME
        at, rank = mixed % _BINS, mixed // _BINS
        if (known := bins[at]) is None or rank < known:
            bins[at] = rank
    if not parts:
        return (0,) * _BINS
    found = []
    for at in range(_BINS):
        steps = 0
        while (value := bins[(at + steps) % _BINS]) is None:
            steps += 1
        found.append(value * _BINS + steps)
    return tuple(found)


@dataclass
class Clusters:
    """Groups of near texts, each led by the first of its kind.

    Args:
        threshold: overlap from which on two texts are near, in (0, 1].
    """

    threshold: float = 0.7
    sizes: dict[str, int] = field(default_factory=dict)
    _parts: "dict[str, array[int]]" = field(default_factory=dict)
    _buckets: dict[int, list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 0 < self.threshold <= 1:
            raise ValueError(f"a threshold lies in (0, 1], not {self.threshold!r}")

    def add(self, name: str, words: str) -> str:
        """The name of the leader that a text is nearest to; its own when it leads a group of its own.

        Args:
            name: of the text, unique.
            words: as `folded_words` gives it.
        """
        parts = shingles(words)
        minima = signature(parts)
        keys = [hash((band, minima[band * ROWS : (band + 1) * ROWS])) for band in range(BANDS)]
        shared = Counter(leader for key in keys for leader in self._buckets.get(key, ()))
        best, nearest = self.threshold, None
        for leader, _ in shared.most_common(_MAX_COMPARED):
            near = jaccard(parts, frozenset(self._parts[leader]))
            if near > best or (near == best and nearest is None):
                best, nearest = near, leader
        if nearest is not None:
            self.sizes[nearest] += 1
            return nearest
        self.sizes[name] = 1
        self._parts[name] = array("Q", sorted(parts))
        for key in keys:
            if len(bucket := self._buckets.setdefault(key, [])) < _MAX_BUCKET:
                bucket.append(name)
        return name
