"""A tier: which groups get which models and how much of them."""

from __future__ import annotations

from dataclasses import dataclass

from maas_common.limits import Limit


@dataclass(frozen=True, slots=True)
class Tier:
    """A tier as it is kept. Times are Unix seconds."""

    name: str
    display_name: str
    description: str
    level: int
    groups: tuple[str, ...]
    limits: tuple[Limit, ...]
    created: int
    updated: int
    revision: int
    """The catalogue's revision of its last change."""
    is_strict: bool = False
    """Whether no token limit may be overshot."""

    @property
    def etag(self) -> str:
        """Version of this tier."""
        return str(self.revision)
