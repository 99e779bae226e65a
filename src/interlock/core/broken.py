"""A run that says nothing of the bundle: raised where it broke, set apart by the runner, never a pass or a failure."""

from interlock.core.errors import TargetError
from interlock.core.score import Broken

TRANSPORT: frozenset[Broken] = frozenset({Broken.REFUSED, Broken.RATE_LIMIT, Broken.SERVER})
"""Kinds after which asking again may help. A wrong answer, a crash and a time that ran out are never asked again."""


class BrokenRun(TargetError):
    """The target or the model behind it did not answer; `broken` says in which of the known ways.

    Args:
        broken: the kind.
        detail: what was seen, in lower case.
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
        super().__init__(f"{broken.value}: {detail}" if detail else broken.value, hint=hint)
        self.broken = broken
        self.detail = detail
        self.retry = broken in TRANSPORT if retry is None else retry
        self.retry_after_s = retry_after_s
        self.made = made
