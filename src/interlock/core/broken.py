"""A run without a reply: one that says nothing of the bundle, and one that the app failed by itself."""

import re

from interlock.core.errors import TargetError
from interlock.core.score import Broken, Fault

TRANSPORT: frozenset[Broken] = frozenset({Broken.REFUSED, Broken.RATE_LIMIT, Broken.SERVER})
"""Kinds after which asking again may help. A wrong answer, a crash and a time that ran out are never asked again."""
_BEARER = re.compile(r"(?i)(bearer(?:\s|%20|[+:=\"'\\])+)[^\s\"'<>,;\\]+")


class BrokenRun(TargetError):
    """The target or the model behind it did not answer; `broken` says in which of the known ways.

    Args:
        broken: the kind.
        detail: what was seen, in lower case; what looks like a bearer token is masked.
        retry: whether asking again may help; by default where the kind is one of transport.
        retry_after_s: seconds that the other side asked to wait, 0 or more.
        made: whether the other side may have done the work, and so may charge for it.
    """

    code = "target.broken"

    def __init__(
        self,
        broken: Broken,
        detail: str,
        *,
        hint: str = "",
        retry: bool | None = None,
        retry_after_s: float = 0.0,
        made: bool = True,
    ) -> None:
        detail = masked(detail)
        super().__init__(f"{broken.value}: {detail}" if detail else broken.value, hint=hint)
        self.broken = broken
        self.detail = detail
        self.retry = broken in TRANSPORT if retry is None else retry
        self.retry_after_s = retry_after_s
        self.made = made


class FailedRun(TargetError):
    """The app was reached and failed by itself: it crashed, or its reply is none. That is a failure of the bundle.

    Args:
        fault: the kind.
        detail: what was seen; what looks like a bearer token is masked.
    """

    code = "target.failed"

    def __init__(self, fault: Fault, detail: str, *, hint: str = "") -> None:
        detail = masked(detail)
        super().__init__(f"{fault.value}: {detail}" if detail else fault.value, hint=hint)
        self.fault = fault
        self.detail = detail


def masked(text: str, *secrets: str) -> str:
    """A text without these secrets, and without anything that follows `Bearer`: what is shown is also stored.

    >>> masked("401: Bearer sk-12 is not known, key abc", "abc")
    '401: Bearer *** is not known, key ***'
    """
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, "***")
    return _BEARER.sub(r"\1***", text)
