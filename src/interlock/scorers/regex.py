"""The reply matches a pattern, in time that grows with the text and never faster."""

from functools import lru_cache
from typing import Any

import jsonschema_rs

from interlock.core.errors import DocumentError
from interlock.core.score import Reply, Score, Scored, Trial, not_applicable
from interlock.core.suite import Case

MAX_PATTERN = 500
"""Characters of a pattern."""
MAX_TEXT = 20_000
"""Characters of a reply that are searched."""


class Regex:
    """`expect.regex` occurs in the text of the reply.

    Patterns run on an automaton (the Rust `regex` engine): no pattern can take exponential time. Look-around and
    references back to a group, which need backtracking, are refused.
    """

    name = "regex"
    substance = True

    def score(self, case: Case, trial: Trial, reply: Reply) -> Score:
        """Scored 1 or 0. Raises DocumentError for a pattern that is refused."""
        pattern = case.expect.regex
        if pattern is None:
            return not_applicable(self.name)
        found = bool(_compiled(pattern).is_valid(reply.text[:MAX_TEXT]))
        return Scored(self.name, float(found), found, "" if found else f"nothing matches `{pattern}`")


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> Any:
    if not pattern.strip() or len(pattern) > MAX_PATTERN:
        raise DocumentError(
            f"a pattern of {len(pattern)} characters is refused", hint=f"write between 1 and {MAX_PATTERN} of them"
        )
    try:
        return jsonschema_rs.validator_for(
            {"type": "string", "pattern": pattern}, pattern_options=jsonschema_rs.RegexOptions(size_limit=1_000_000)
        )
    except (jsonschema_rs.ValidationError, ValueError) as error:
        raise DocumentError(
            f"the pattern `{pattern}` is refused", hint="look-around, references to groups and `\\Z` are not supported"
        ) from error
