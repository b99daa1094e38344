"""A tier: which groups get which models and how much of them."""

from __future__ import annotations

from collections.abc import Iterable
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


def tier_of(tiers: Iterable[Tier], groups: Iterable[str]) -> Tier | None:
    """The tier of the highest level among those that have one of the groups."""
    theirs = set(groups)
    having = [tier for tier in tiers if not theirs.isdisjoint(tier.groups)]
    return max(having, key=lambda tier: tier.level, default=None)
