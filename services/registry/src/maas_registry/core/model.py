"""A language model behind an OpenAI-compatible server, and who may use it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Audience(StrEnum):
    """To whom a model is published."""

    ALL = "all"
    TIERS = "tiers"
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class Pricing:
    """Micro-dollars for a million tokens."""

    input: int
    output: int
    cached: int | None = None
    """Of input tokens that the model had cached; None: as other input."""


@dataclass(frozen=True, slots=True)
class Model:
    """A model as it is kept. Times are Unix seconds."""

    id: str
    display_name: str
    description: str
    url: str
    """As `Endpoint.url` writes it."""
    upstream_name: str
    owned_by: str
    published_to: Audience
    tiers: tuple[str, ...]
    """Counts while published to tiers; kept otherwise. Each of them exists."""
    created: int
    updated: int
    revision: int
    """The catalogue's revision of its last change."""
    pricing: Pricing | None = None
    """None: its tokens cost nothing."""
    owner: str = ""
    """Who registered it, `<issuer>|<subject>`; empty where nobody knows any more."""

    @property
    def etag(self) -> str:
        """Version of this model."""
        return str(self.revision)

    def is_open_to(self, tier: str) -> bool:
        """Whether members of that tier may use it."""
        return self.published_to is Audience.ALL or (self.published_to is Audience.TIERS and tier in self.tiers)
