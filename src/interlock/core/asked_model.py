"""A model behind an endpoint that is asked for its opinion: which one, where, and whether it was that one that answered."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field, JsonValue, field_validator

from interlock.core.binding import Str, Strict
from interlock.core.manifest import Price

FIXED = frozenset(
    {"model", "messages", "temperature", "seed", "response_format", "n", "stream", "tools", "tool_choice"}
)
"""Parameters of a request that nobody may set beside: they are what makes it repeatable, and readable."""
WEIGHTS = "sha256:"
"""How a fingerprint of weights begins; no response can echo one."""


class AskedModel(Strict):
    """Which model is asked; pinned like any other model."""

    provider: Str
    id: Str
    fingerprint: str | None = Field(default=None, description="of the weights, or the one that responses echo")
    price: Price | None = None

    @property
    def pin(self) -> str:
        """The name that everything repeats which was made with this model.

        >>> AskedModel(provider="openai", id="gpt-4o-2024-08-06").pin
        'openai/gpt-4o-2024-08-06'
        """
        return f"{self.provider}/{self.id}" + (f"@{self.fingerprint}" if self.fingerprint else "")

    def differs(self, response: Mapping[str, Any]) -> str:
        """Why a completion is not of this model, in plain words; empty where it is.

        A response has to name its model. Where a fingerprint is pinned that responses echo, it has to echo it.

        >>> pinned = AskedModel(provider="openai", id="gpt-4o-2024-08-06")
        >>> pinned.differs({"model": "gpt-4o-2024-08-06"}), pinned.differs({"model": "gpt-4o-2024-11-20"})
        ('', '`gpt-4o-2024-11-20` answered, pinned is `gpt-4o-2024-08-06`')
        """
        answered, print_ = response.get("model"), response.get("system_fingerprint")
        if not isinstance(answered, str) or not answered:
            return f"the response does not say which model answered, pinned is `{self.id}`"
        if answered != self.id:
            return f"`{answered[:200]}` answered, pinned is `{self.id}`"
        if self.fingerprint and not self.fingerprint.startswith(WEIGHTS) and print_ != self.fingerprint:
            said = f"`{print_[:200]}`" if isinstance(print_, str) else "none"
            return f"the response has the fingerprint {said}, pinned is `{self.fingerprint}`"
        return ""


class Endpoint(Strict):
    """Where a model is asked: any OpenAI-compatible endpoint. The key is never written here, only its variable's name."""

    url: Str = Field(description="such as `https://models.example/v1`; `${NAME}` reads an environment variable")
    key_env: Str | None = Field(default=None, description="name of the environment variable that holds the key")
    timeout_s: float = Field(default=60.0, gt=0, le=600, description="seconds for one try")
    max_tokens: int = Field(default=1024, ge=16, le=32_768, description="tokens of an answer at most")
    parameters: dict[str, JsonValue] = Field(default={}, description="more parameters of the request")

    @field_validator("parameters")
    @classmethod
    def _leaves_what_is_fixed(cls, value: dict[str, JsonValue]) -> dict[str, JsonValue]:
        if taken := sorted(FIXED & set(value)):
            raise ValueError(f"`{taken[0]}` is fixed, so that a question asked twice is the same question")
        return value

    def limits(self) -> dict[str, Any]:
        """The parameters of a request besides those that are fixed.

        >>> Endpoint(url="http://localhost/v1", parameters={"max_completion_tokens": 99}).limits()
        {'max_completion_tokens': 99}
        """
        own = dict(self.parameters)
        return own if {"max_tokens", "max_completion_tokens"} & set(own) else {"max_tokens": self.max_tokens, **own}
