"""The path without a model: the same rules and the same quoted sentences, asking for more evidence.

It is the declared fallback when the model is switched off, and the baseline that a model has to beat.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from interlock.core.delivery import Escalated

from .assistant import Chat, asked, find, hear, quoted, read, retrieved
from .parts import load
from .reply import Draft, lead, proposal


async def answer(request: Mapping[str, Any], *, root: Path, chat: Chat | None = None) -> dict[str, Any]:
    """Answer one customer by word search and templates; same contract as the assistant, `chat` is never called.

    Args:
        request: `input` or `messages`, with `lang` and `context`.
        root: folder with the bundle's files.
        chat: ignored.
    """
    parts, draft = load(root), Draft()
    turns, lang, context = read(request), str(request.get("lang") or "en"), request.get("context") or {}
    with parts.answers.interaction(roles=("customer",), lang=lang, probe=context.get("interlock_probe")) as talk:
        hear(talk, turns, None)
        hits, evidence = find(parts, parts.terms.terms(parts.terms.english(asked(turns), lang)), None)
        own = [retrieved(hit) for hit in hits]
        enough = evidence.coverage >= float(parts.settings["baseline_threshold"])
        claims = quoted(evidence) if enough else []
        judged = talk.answer(proposal(lead(lang, [claim.text for claim in claims], ()), claims, ()), sources=own)
        if not isinstance(judged, Escalated):
            draft.retrieved = own
        return draft.judged(judged, talk.record())
