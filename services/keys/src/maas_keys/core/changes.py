"""What a watcher has missed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Changes:
    """What happened up to `revision`: the ids of the keys that changed, or None when only forgetting everything helps."""

    revision: int
    ids: tuple[str, ...] | None


def changes_since(after: int, revision: int, logged: Sequence[str]) -> Changes:
    """What happened after one revision up to another, given the ids that the log still holds of that stretch, oldest first.

    Every revision changes one key, so a stretch with fewer ids than revisions was cut: its watcher came too late. The same
    goes for one that is ahead of the log: it followed another.
    """
    if len(logged) != revision - after:
        return Changes(revision, None)
    return Changes(revision, tuple(dict.fromkeys(logged)))
