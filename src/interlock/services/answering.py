"""The answer policy of a bundle, put together from its parts."""

from collections.abc import Callable, Mapping
from typing import Any

from interlock.core.actions import seconds
from interlock.core.commitment import done_phrases
from interlock.core.delivery import AnswerJudge, Weigh
from interlock.core.operations import Operations
from interlock.services.parts import Loaded


def answer_judge(loaded: Loaded, weigh: Weigh) -> AnswerJudge:
    """The policy with the glossary's words for done actions, and the safe path of the operations."""
    return AnswerJudge(
        loaded.answers, done_phrases(loaded.glossary), weigh, on_fault=loaded.operations.on_parse_failure
    )


def handoff_seconds(operations: Operations) -> dict[str, int]:
    """By queue, the seconds in which a handoff should be acknowledged; `*` for every other queue."""
    return {queue: seconds(route.within) for queue, route in operations.handoff.items()}


def shape_fault(output_schema: Mapping[str, Any]) -> Callable[[Any], str] | None:
    """Says why an answer is not of the output schema, empty where it is; None for a bundle without a schema."""
    if not output_schema:
        return None
    import jsonschema_rs

    validator = jsonschema_rs.validator_for(dict(output_schema))

    def fault(answer: Any) -> str:
        found = next(iter(validator.iter_errors(answer)), None)
        if found is None:
            return ""
        where = "/".join(str(step) for step in found.instance_path)
        return f"`{where or 'the answer'}`: {found.message}"[:300]

    return fault
