"""The structured output keeps the bundle's output schema."""

from collections.abc import Mapping
from typing import Any, NoReturn

import jsonschema_rs

from interlock.core.errors import DocumentError
from interlock.core.score import Reply, Score, Scored, Trial
from interlock.core.suite import Case


class Schema:
    """`reply.output` is valid against the schema. Nothing is fetched: a `$ref` to elsewhere is refused when built.

    Raises: DocumentError for a schema that is none, or that refers to another document.
    """

    name = "schema"
    substance = False

    def __init__(self, schema: Mapping[str, Any]) -> None:
        try:
            self._validator = jsonschema_rs.validator_for(
                dict(schema), retriever=_refuse, pattern_options=jsonschema_rs.RegexOptions()
            )
        except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as error:
            raise DocumentError(
                f"the output schema is refused: {str(error).splitlines()[0]}",
                hint="write one self-contained JSON Schema; `$ref` may point into the same file only",
            ) from error

    def score(self, case: Case, trial: Trial, reply: Reply) -> Score:
        """Scored 1 or 0, for every reply."""
        if reply.output is None:
            return Scored(self.name, 0.0, False, "there is no structured output")
        error = next(iter(self._validator.iter_errors(reply.output)), None)
        if error is None:
            return Scored(self.name, 1.0, True)
        where = "/".join(str(step) for step in error.instance_path)
        return Scored(self.name, 0.0, False, f"`/{where}`: {str(error.message)[:200]}")


def _refuse(uri: str) -> NoReturn:
    raise ValueError(f"`{uri}` lies outside the schema")
