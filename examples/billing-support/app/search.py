"""Word search over the knowledge base: light stems, a small query glossary, BM25, and the sentences that answer best.

Source: Robertson and Zaragoza (2009), The Probabilistic Relevance Framework: BM25 and Beyond.
"""

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

K1, B = 1.2, 0.75
TITLE_WEIGHT = 2  # a word of the title counts as often as this many words of the body
_WORD = re.compile(r"[a-z0-9]+(?:[.,][0-9]+)*")
_NAMED = re.compile(
    r"\b(?:[a-z]{2,3}-[0-9]{8,10}|fh[0-9]{9}c?)\b"
)  # account, invoice and case numbers say nothing of the topic
_SENTENCE = re.compile(r"[^\s].*?(?:[.!?](?=\s|$)|$)", re.MULTILINE)
_ENDINGS = (("ies", "y"), ("ing", ""), ("ation", "ate"), ("ed", ""), ("es", "e"), ("s", ""))


def fold(text: str) -> str:
    """Lower case without accents, so that `Kündigung` and `kundigung` are one word.

    >>> fold("Kündigung – à café")
    'kundigung – a cafe'
    """
    plain = unicodedata.normalize("NFKD", text.lower().replace("ß", "ss"))
    return "".join(char for char in plain if not unicodedata.combining(char))


@lru_cache(maxsize=4096)
def _words(text: str) -> tuple[str, ...]:
    """The articles and their sentences are read for every question, and stay as they are."""
    return tuple(_WORD.findall(_NAMED.sub(" ", fold(text))))


@lru_cache(maxsize=16384)
def stem(word: str) -> str:
    """The word without its commonest English ending.

    >>> [stem(word) for word in ("invoices", "charged", "charge", "copies", "pay")]
    ['invoic', 'charg', 'charg', 'copy', 'pay']
    """
    for ending, instead in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3 and not word.endswith("ss"):
            word = word[: len(word) - len(ending)] + instead
            break
    return word.rstrip("e") if len(word) > 4 else word


@dataclass(frozen=True, slots=True)
class Terms:
    """The words of a query: which say nothing, and which mean an English word of the articles."""

    stop: frozenset[str]
    words: Mapping[str, tuple[tuple[str, str], ...]]

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> "Terms":
        """Build from the object in `kb/terms.json`."""
        words = {
            lang: tuple((fold(key), value) for key, value in sorted(pairs.items(), key=lambda pair: -len(pair[0])))
            for lang, pairs in raw["words"].items()
        }
        return cls(frozenset(fold(word) for word in raw["stop"]), words)

    def english(self, text: str, lang: str) -> str:
        """The query in the words of the articles: an English one with its synonyms replaced, of others the known words."""
        folded = f" {' '.join(_words(text))} "
        if lang != "en":
            return " ".join(value for key, value in self.words.get(lang, ()) if _occurs(key, folded, loose=True))
        synonyms = dict(self.words["en"])  # longest first, so that `faster plan` is found before `faster`
        known = "|".join(re.escape(key) for key in synonyms)
        return re.sub(f"(?<= )(?:{known})(?= )", lambda match: synonyms[match.group()], folded).strip()

    def terms(self, text: str) -> list[str]:
        """Stems of the words that carry content, in order."""
        return list(_terms(text, self.stop))


@lru_cache(maxsize=20_000)
def _terms(text: str, stop: frozenset[str]) -> tuple[str, ...]:
    """Remembered, because the same articles and examples are looked at for every question."""
    return tuple(stem(word) for word in _words(text) if len(word) > 1 and word not in stop)


def _occurs(key: str, folded: str, *, loose: bool) -> bool:
    if loose and len(key) >= 5 and " " not in key:
        return key in folded  # compounds: `Doppelabbuchung` holds `abbuchung`
    return f" {key} " in folded


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of an article and where it starts and ends in the body."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Article:
    """One article: what it is called, for whom it is, and its sentences."""

    doc_id: str
    title: str
    topic: str
    audience: str
    body: str
    sentences: tuple[Sentence, ...]

    @classmethod
    def of(cls, doc_id: str, title: str, topic: str, audience: str, body: str) -> "Article":
        """Split the body; headings are not sentences and a list mark is not part of one."""
        found = []
        for match in _SENTENCE.finditer(body):
            text, start = match.group(), match.start()
            mark = re.match(r"(?:[-*] |\d+\. )", text)
            if mark:
                text, start = text[mark.end() :], start + mark.end()
            if text.strip() and not text.startswith("#"):
                found.append(Sentence(text, start, start + len(text)))
        return cls(doc_id, title, topic, audience, body, tuple(found))


@dataclass(frozen=True, slots=True)
class Hit:
    """An article that was retrieved, with its score (above 0, larger is better)."""

    article: Article
    score: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """The sentences that answer best, and how much of the question they and their article cover (0 to 1)."""

    sentences: tuple[tuple[Article, Sentence], ...]
    coverage: float


class Index:
    """BM25 over a fixed set of articles."""

    def __init__(self, articles: Iterable[Article], terms: Terms) -> None:
        self.articles = tuple(articles)
        self.terms = terms
        self._counts = [Counter(terms.terms(a.title) * TITLE_WEIGHT + terms.terms(a.body)) for a in self.articles]
        self._lengths = [sum(count.values()) for count in self._counts]
        self._mean = sum(self._lengths) / max(1, len(self._lengths))
        self._holders = Counter(term for count in self._counts for term in count)

    def weight(self, term: str) -> float:
        """Inverse document frequency: above 0, larger for rarer terms; a term of no article weighs most."""
        held = self._holders.get(term, 0)
        return math.log(1 + (len(self.articles) - held + 0.5) / (held + 0.5))

    def search(
        self,
        query: Sequence[str],
        *,
        k: int,
        audiences: Collection[str],
        topics: Collection[str] = (),
        boost: float = 1.0,
    ) -> list[Hit]:
        """The best `k` articles for the terms; those of `topics` are lifted by the factor `boost` (at least 1)."""
        hits = []
        for article, counts, length in zip(self.articles, self._counts, self._lengths, strict=True):
            if article.audience not in audiences:
                continue
            score = 0.0
            for term in dict.fromkeys(query):
                count = counts.get(term, 0)
                if count:
                    score += self.weight(term) * count * (K1 + 1) / (count + K1 * (1 - B + B * length / self._mean))
            if score > 0:
                hits.append(Hit(article, score * (boost if article.topic in topics else 1.0)))
        return sorted(hits, key=lambda hit: (-hit.score, hit.article.doc_id))[:k]

    def evidence(self, query: Sequence[str], hits: Sequence[Hit], *, most: int) -> Evidence:
        """At most `most` sentences of the hits, best first by shared weight, and the share of the question they cover."""
        # a number that no article has is the customer's own amount or date
        wanted = dict.fromkeys(term for term in query if term in self._holders or not term[0].isdigit())
        total = sum(self.weight(term) for term in wanted)
        if not hits or not total:
            return Evidence((), 0.0)
        ranked = []
        for hit in hits:
            lift = hit.score / hits[0].score
            for at, sentence in enumerate(hit.article.sentences):
                shared = sum(self.weight(term) for term in set(self.terms.terms(sentence.text)) & wanted.keys())
                # the article counts beside the sentence, and an article opens with its rule
                ranked.append((shared / total + 0.6 * lift - 0.01 * at, hit.article, sentence))
        ranked.sort(key=lambda entry: (-entry[0], entry[1].doc_id, entry[2].start))
        best = ranked[:1] + [entry for entry in ranked[1:most] if entry[0] >= 0.6 * ranked[0][0]]
        seen = {term for _, article, _ in best for term in self.terms.terms(f"{article.title} {article.body}")}
        covered = sum(self.weight(term) for term in wanted if term in seen)
        chosen = tuple((article, sentence) for _, article, sentence in best)
        return Evidence(chosen, covered / total)
