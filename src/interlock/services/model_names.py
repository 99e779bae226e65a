"""Which strings are names of language models, and whose."""

import re

_FAMILIES: tuple[tuple[str, str], ...] = (
    ("openai", r"(?:gpt|chatgpt)-(?:\d|oss|latest)[\w.:-]*"),
    ("openai", r"o[1-9](?:-(?:mini|pro|preview|high|low|\d{4})[\w.-]*)?"),
    ("anthropic", r"claude-(?:\d|v\d|instant|opus|sonnet|haiku|latest)[\w.:@-]*"),
    ("google", r"gemini-(?:\d|pro|flash|ultra|exp)[\w.:-]*"),
    (
        "mistral",
        r"(?:open-)?(?:mistral|mixtral|ministral|codestral)-(?:\d|tiny|small|medium|large|nemo|latest)[\w.:-]*",
    ),
    ("mistral", r"(?:open-)?mixtral-\d[\w.:-]*"),
    ("meta", r"(?:meta-)?llama-?\d[\w.:-]*"),
)
_ROUTE = r"(?P<route>(?:[A-Za-z0-9_-]+/)*)"
_NAME = re.compile(
    _ROUTE + "(?:" + "|".join(f"(?P<f{n}>{form})" for n, (_, form) in enumerate(_FAMILIES)) + ")", re.IGNORECASE
)
_FILE = re.compile(r"\.(?:json|ya?ml|md|txt|py|js|ts|html|png|csv)$", re.IGNORECASE)


def provider_of(text: str) -> str | None:
    """Who makes the model of this name, or None when the whole text names no model that we know.

    A route before the name, as gateways write it, is part of the name.

    >>> provider_of("gpt-4o-2024-08-06"), provider_of("openrouter/anthropic/claude-3-opus"), provider_of("gpt-index")
    ('openai', 'anthropic', None)
    """
    found = _NAME.fullmatch(text)
    if found is None or _FILE.search(text):
        return None
    return next(maker for n, (maker, _) in enumerate(_FAMILIES) if found[f"f{n}"] is not None)
