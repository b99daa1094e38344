"""Replicas of this service on one database, and who follows each of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Followers:
    """Who decides by what one replica tells."""

    connected: Mapping[str, int]
    """Watchers by name, with the revision that each has confirmed."""
    missing: Mapping[str, float]
    """Watchers that were connected and may still decide by what they knew, with the seconds from now for which they may."""


@dataclass(frozen=True, slots=True)
class Replica:
    """Another process, as it said it was `age_s` seconds ago."""

    id: str
    name: str
    followers: Followers
    age_s: float

    def left_behind(self, remember_s: float) -> dict[str, float]:
        """Whom to miss when this replica is lost: its watchers, for as long as they may go on without it."""
        left_s = remember_s - self.age_s
        return ({} if left_s <= 0 else dict.fromkeys(self.followers.connected, left_s)) | dict(self.followers.missing)


def lagging(revision: int, here: Followers, others: Collection[Replica]) -> tuple[str, ...]:
    """Names of the watchers, of this replica and the others, that may decide by what was before `revision`."""
    connected = set(here.connected).union(*(other.followers.connected for other in others))
    missing = set(here.missing).union(*(other.followers.missing for other in others)) - connected
    return (
        *_behind(revision, here),
        *(f"{name} at {other.name}" for other in others for name in _behind(revision, other.followers)),
        *(f"{name} (not connected)" for name in sorted(missing)),
    )


def _behind(revision: int, followers: Followers) -> list[str]:
    return sorted(name for name, confirmed in followers.connected.items() if confirmed < revision)
