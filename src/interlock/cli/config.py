"""`interlock config`."""

from typing import Annotated, Literal

from cyclopts import Parameter

from interlock.cli.session import show_json
from interlock.services.config_schema import config_schema

Kind = Literal["interlock", "suite", "case", "glossary", "actions", "answers", "operations"]


def schema(kind: Annotated[Kind, Parameter(help="Which file.")] = "interlock", /) -> int:
    """JSON Schema (2020-12) of a file format, for editors: `# yaml-language-server: $schema=…`."""
    show_json(config_schema(kind))
    return 0
