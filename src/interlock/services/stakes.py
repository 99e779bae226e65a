"""The questions about stakes, asked in words, and the answers as values."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, cast

from interlock.core.errors import UsageError
from interlock.core.manifest import Profile, Stakes

YES_NO = ("yes", "no")
FALLBACKS = ("cheap", "costly", "none")


@dataclass(frozen=True, slots=True)
class Question:
    """One question: key of the stakes, what is asked, the permitted answers, and why it matters."""

    key: str
    question: str
    choices: tuple[str, ...]
    why: str

    @property
    def flag(self) -> str:
        """How it is answered on a command line.

        >>> QUESTIONS[0].flag, QUESTIONS[-1].flag
        ('--acts/--no-acts', '--fallback cheap|costly|none')
        """
        name = self.key.replace("_", "-")
        return f"--{name}/--no-{name}" if self.choices == YES_NO else f"--{name} {'|'.join(self.choices)}"

    def read(self, text: str) -> bool | str:
        """An answer as a person types it; its first letters are enough. Raises UsageError for any other."""
        typed = text.strip().lower()
        fits = [choice for choice in self.choices if typed and choice.startswith(typed)]
        if len(fits) != 1:
            raise UsageError(f"`{text}` is no answer to «{self.question}»", hint=f"one of {', '.join(self.choices)}")
        return fits[0] == "yes" if self.choices == YES_NO else fits[0]


QUESTIONS: tuple[Question, ...] = (
    Question(
        "acts",
        "Does it change anything outside the conversation: a booking, an order, an account?",
        YES_NO,
        "An answer can be corrected; an action has happened. Acting asks for limits, approvals and a switch per tool.",
    ),
    Question(
        "locks_out",
        "Can it lock somebody out of an account, or keep them from a service?",
        YES_NO,
        "Who is locked out cannot tell you, so nobody notices that it went wrong.",
    ),
    Question(
        "misstates_policy",
        "Can it misstate a policy, a price or a legal position?",
        YES_NO,
        "What an assistant promises, the company may have to keep.",
    ),
    Question(
        "costs_money",
        "Can a wrong answer cost the company or the customer money?",
        YES_NO,
        "Money decides how sure you have to be, and how much a single request may move.",
    ),
    Question(
        "fallback",
        "How cheap is the path without AI, if it is switched off this minute?",
        FALLBACKS,
        "With a cheap way back a fault is a nuisance; with none, switching off is an outage of its own.",
    ),
)
"""What decides the profile; each is a key of `stakes` in `interlock.yaml`."""


@dataclass(frozen=True, slots=True)
class StakesAnswers:
    """The answers, and what else only people can say.

    data_classes: such as `contact`, `health`; empty is not answered, and owed. languages: the first is the main one.
    purpose: one sentence; empty is not answered.
    """

    acts: bool
    locks_out: bool
    misstates_policy: bool
    costs_money: bool
    fallback: Literal["cheap", "costly", "none"]
    data_classes: tuple[str, ...] = ()
    languages: tuple[str, ...] = ("en",)
    purpose: str = ""

    @property
    def stakes(self) -> Stakes:
        """As the manifest holds them."""
        return Stakes(
            acts=self.acts,
            locks_out=self.locks_out,
            misstates_policy=self.misstates_policy,
            costs_money=self.costs_money,
            fallback=self.fallback,
        )

    @property
    def profile(self) -> Profile:
        """The lightest profile that the answers permit."""
        return self.stakes.derived_profile(self.data_classes)


def answer_stakes(
    given: Mapping[str, bool | str | None],
    ask: Callable[[Question], str] | None = None,
    *,
    data_classes: tuple[str, ...] = (),
    languages: tuple[str, ...] = ("en",),
    purpose: str = "",
) -> StakesAnswers:
    """The answers from flags, and from a person for those that no flag gives.

    Args:
        given: by key of a question; None or absent is not answered.
        ask: puts one question to a person and returns what was typed; None where there is no terminal.
    Raises: UsageError that names every flag that is missing, or for an answer that is none.
    """
    answered = {key: value for key, value in given.items() if value is not None}
    missing = [question for question in QUESTIONS if question.key not in answered]
    if missing and ask is None:
        flags = ", ".join(f"`{question.flag}`" for question in missing)
        raise UsageError(
            f"{len(missing)} questions about the stakes are not answered, and there is no terminal to ask at",
            hint=f"give {flags}",
        )
    for question in QUESTIONS:
        value = answered.get(question.key)
        if value is None and ask is not None:
            value = ask(question)
        if isinstance(value, str):
            value = question.read(value)
        if isinstance(value, str) != (question.choices != YES_NO):
            raise UsageError(f"`{value}` is no answer to «{question.question}»", hint=f"give `{question.flag}`")
        answered[question.key] = cast("bool | str", value)
    return StakesAnswers(
        acts=bool(answered["acts"]),
        locks_out=bool(answered["locks_out"]),
        misstates_policy=bool(answered["misstates_policy"]),
        costs_money=bool(answered["costs_money"]),
        fallback=cast(Literal["cheap", "costly", "none"], answered["fallback"]),
        data_classes=data_classes,
        languages=languages or ("en",),
        purpose=purpose.strip(),
    )
