"""All texts of a bundle against its glossary: the parts that a check reads, and the articles that answers come from."""

from dataclasses import dataclass
from typing import Any

from interlock.core.glossary import Finding, lint_text
from interlock.core.manifest import Part
from interlock.services.parts import Loaded
from interlock.services.static_policy import action_findings

READ = frozenset(Part) - {Part.MODEL}
"""Parts whose words are the team's own."""

_ARTICLES = frozenset({"md", "markdown", "txt", "rst", "html", "htm"})
"""What people read of the retriever's files; its settings and search words are written for a machine, in customers' words."""


@dataclass(frozen=True, slots=True)
class Linted:
    """What was found, in the order of files and lines, and how many texts were read."""

    findings: tuple[Finding, ...]
    texts: int

    def to_json(self) -> dict[str, Any]:
        """As JSON, `interlock.glossary-lint.v1`."""
        rows = [finding.row() for finding in self.findings]
        return {"schema": "interlock.glossary-lint.v1", "texts": self.texts, "findings": rows}


def lint_glossary(loaded: Loaded) -> Linted:
    """Where the glossary itself, the action map or a text of the bundle leaves what was agreed."""
    texts = [row for row in loaded.texts if row[0] in READ and (row[0] is not Part.RETRIEVER or _is_article(row[1]))]
    found = [finding for part, path, text in texts for finding in lint_text(loaded.glossary, part, path, text)]
    found += action_findings(loaded)
    unique = dict.fromkeys(found)
    ordered = sorted(unique, key=lambda each: (each.file, each.line or 0, each.column or 0, each.message))
    return Linted(tuple(ordered), len(texts))


def _is_article(path: str) -> bool:
    return path.rpartition(".")[2].lower() in _ARTICLES
