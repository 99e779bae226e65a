"""The path without a model: the same rules and the same quoted sentences, asking for more evidence.

It is the declared fallback when the model is switched off, and the baseline that a model has to beat.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .assistant import Chat, find, quoted, read, retrieved
from .parts import load
from .policy import escalation, threshold, wording
from .reply import Draft, lead


async def answer(request: Mapping[str, Any], *, root: Path, chat: Chat | None = None) -> dict[str, Any]:
    """Answer one customer by word search and templates; same contract as the assistant, `chat` is never called.

    Args:
        request: `input` or `messages`, with `lang` and `context`.
        root: folder with the bundle's files.
        chat: ignored.
    """
    parts, draft = load(root), Draft()
    question, said = read(request)
    lang = str(request.get("lang") or "en")
    rule = escalation(parts.answers, text=said, intent=None)
    if rule is not None:
        return draft.escalated(wording(parts.answers, "escalate", lang), rule.queue)
    hits, evidence = find(parts, parts.terms.terms(parts.terms.english(question, lang)), None)
    draft.retrieved = [retrieved(hit) for hit in hits]
    needed = max(threshold(parts.answers, None), float(parts.settings["baseline_threshold"]))
    if not evidence.sentences or evidence.coverage < needed:
        return draft.abstained(wording(parts.answers, "abstain", lang))
    claims = quoted(evidence)
    return draft.answered(lead(lang, [claim.text for claim in claims], ()), claims)
