"""Where a text says that an action is done: words that only the effect ledger can make true (DOM-03)."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from interlock.core.glossary import Glossary
from interlock.core.lexicon import NEGATIONS
from interlock.core.phrase import folded_words, spoken, whole_words
from interlock.core.words import sentences

DENIALS = frozenset(word for form in NEGATIONS for word in folded_words(form))
"""Words that deny, folded."""
_NOT_YET = frozenset(
    [
        "if",
        "when",
        "once",
        "after",
        "until",
        "till",
        "before",
        "unless",
        "whether",
        "would",
        "could",
        "should",
        "may",
        "might",
        "can",
        "will",
        "shall",
        "wenn",
        "sobald",
        "nachdem",
        "bevor",
        "falls",
        "bis",
        "ob",
        "wird",
        "werden",
        "kann",
        "konnen",
        "soll",
        "si",
        "quand",
        "lorsque",
        "apres",
        "avant",
        "sera",
        "seront",
        "peut",
        "pourra",
        "cuando",
        "tras",
        "despues",
        "antes",
        "hasta",
        "puede",
        "podra",
    ]
)
_BEFORE_NOT, _BEFORE_NOT_YET = 3, 6
"""Words before the phrase, in its clause, in which a «not» or an «if» takes the claim back."""
_CLAUSE = re.compile(r"[,;:()–—]\s+|\s[–—-]\s")


@dataclass(frozen=True, slots=True)
class Commitment:
    """A sentence that says that an action is done, the action, and the words that say it."""

    action: str
    phrase: str
    sentence: str


def done_phrases(glossary: Glossary) -> Mapping[str, tuple[str, ...]]:
    """By action, how a reply says that it is done."""
    found: dict[str, list[str]] = {}
    for term in glossary.terms:
        for action in term.actions:
            found.setdefault(action, []).extend(term.done)
    return {action: tuple(dict.fromkeys(phrases)) for action, phrases in found.items() if phrases}


def commitments(text: str, phrases: Mapping[str, Sequence[str]]) -> Iterator[Commitment]:
    """Where a text says that an action is done.

    A question says no such thing, nor does a sentence that begins with a condition, nor a clause with «not» in the three
    words before the phrase or with a condition or a future in the six before it. That is a reading of words, not of
    meaning: «never denied the refund issued» is taken for a denial.

    >>> phrases = {"refund.issue": ("refund … issued", "issued your refund")}
    >>> found = commitments("I have issued your refund. Once a refund is issued you get a mail.", phrases)
    >>> [(c.action, c.sentence) for c in found]
    [('refund.issue', 'I have issued your refund.')]
    """
    for start, end in sentences(text):
        sentence = text[start:end]
        if sentence.endswith(("?", "？")) or folded_words(sentence)[:1] in _CONDITIONS:
            continue
        clauses = [folded_words(clause) for clause in _CLAUSE.split(sentence)]
        for action, spellings in phrases.items():
            said = (phrase for phrase in spellings if any(_claimed(phrase, words) for words in clauses))
            phrase = next(said, None)
            if phrase is not None:
                yield Commitment(action, phrase, sentence)


_CONDITIONS = [[word] for word in sorted(_NOT_YET)]


def _claimed(phrase: str, words: list[str]) -> bool:
    if not whole_words(phrase) <= frozenset(words):
        return False
    begin = 0
    own = set(folded_words(phrase))
    while (found := spoken(phrase, words[begin:])) is not None:
        first, last = begin + found[0], begin + found[1]
        near, wide = words[max(0, first - _BEFORE_NOT) : last], words[max(0, first - _BEFORE_NOT_YET) : last]
        if not DENIALS & (set(near) - own) and not _NOT_YET & (set(wide) - own):
            return True
        begin = first + 1
    return False
