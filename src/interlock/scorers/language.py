"""In which language a text is: the reader that the extra `languages` brings, and the scorer that asks it."""

from collections.abc import Collection
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from interlock.core.errors import UsageError
from interlock.core.language import SURE, Heard, Tongue, primary, stands
from interlock.core.score import Absent, Reply, Score, Scored, Trial, Unscored, not_applicable
from interlock.core.suite import Case

if TYPE_CHECKING:
    from interlock.ports import LanguageReader

COMMON: frozenset[str] = frozenset({
    "ar", "bg", "bn", "ca", "cs", "da", "de", "el", "en", "es", "et", "fa", "fi", "fr", "he", "hi", "hr", "hu", "id", "it", "ja", "ko",
    "lt", "lv", "nl", "no", "pl", "pt", "ro", "ru", "sk", "sl", "sv", "th", "tr", "uk", "vi", "zh",
})  # fmt: skip
"""Languages that a text is taken for without a hint: of short texts, identifiers of 140 languages take too many for rare ones."""
INSTALL = 'pip install "interlock[languages]"'


class Py3langid:
    """py3langid (BSD): n-grams of bytes and naive Bayes, offline, the same answer every time.

    Source: Lui and Baldwin (2012), "langid.py: An Off-the-shelf Language Identification Tool", ACL.
    """

    def __init__(self) -> None:
        from py3langid.langid import MODEL_FILE, LanguageIdentifier

        self.name = f"py3langid {version('py3langid')}"
        self._identifier: Any = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
        self._labels = frozenset(self._identifier.labels)
        self._among: frozenset[str] = frozenset()

    def knows(self, lang: str) -> bool:
        """Whether it can tell this language at all."""
        return primary(lang) in self._labels

    def hear(self, text: str, also: Collection[str] = ()) -> Heard:
        """The likeliest of the common languages and these, and how sure that is; a text without a word is not sure."""
        among = (COMMON | {primary(lang) for lang in also}) & self._labels
        if among != self._among:
            self._identifier.set_languages(sorted(among))
            self._among = among
        if not any(character.isalpha() for character in text):
            return Heard("und", 0.0)
        lang, sure = self._identifier.classify(text)
        return Heard(str(lang), min(1.0, max(0.0, float(sure))))


@cache
def language_reader() -> "LanguageReader | None":
    """What tells languages apart; None where the extra `languages` is not installed."""
    try:
        version("py3langid")
    except PackageNotFoundError:
        return None
    return Py3langid()


class Language:
    """The reply is in the language that `expect.language` names.

    That holds for every outcome: words of «no», and the question that asks back, are read by the same person. A text that is
    too short, or too mixed, to say gets no score.
    """

    name = "language"
    substance = False

    def score(self, case: Case, trial: Trial, reply: Reply) -> Score:
        """Scored 1 or 0. Raises: UsageError where nothing can tell languages apart, which counts against the case."""
        wanted = case.expect.language
        if wanted is None:
            return not_applicable(self.name)
        reader = language_reader()
        if reader is None:
            raise UsageError("nothing here tells languages apart", hint=INSTALL)
        if not reader.knows(wanted):
            return Unscored(self.name, Absent.MISSING, f"{reader.name} does not know `{wanted}`")
        heard = reader.hear(reply.text, (wanted, case.lang or wanted))
        found = stands(wanted, heard)
        if found is Tongue.UNSURE:
            return Unscored(
                self.name, Absent.MISSING, f"at best {heard.sure:.0%} sure of a language, {SURE:.0%} are asked"
            )
        fine = found is Tongue.CONFIRMED
        return Scored(self.name, float(fine), fine, "" if fine else f"in `{heard.lang}` where `{wanted}` was asked for")
