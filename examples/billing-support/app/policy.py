"""The answer policy of the bundle, ready to judge: Interlock's own engine over this bundle's files.

What an answer needs, when a person takes over and what the customer reads instead stand in `guardrails/answers.yaml`.
Nothing of it is written again here, so the app says what an eval measured.
"""

from pathlib import Path

from interlock import Answers


def read_policy(root: Path) -> Answers:
    """The policy below `root`, with the glossary's words for done actions, the output schema and the queues' times."""
    return Answers.from_parts(
        answers=root / "guardrails" / "answers.yaml",
        glossary=root / "guardrails" / "glossary.yaml",
        schema=root / "schema" / "answer.json",
        operations=root / "runbook" / "operations.yaml",
        feature="fernhollow/billing-support",
    )
