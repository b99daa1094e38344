"""What a watcher has missed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    """What changed."""

    KEY = "key"
    USER = "user"
    TEAM = "team"
    TENANT = "tenant"


class Change(NamedTuple):
    """One thing that changed: a key's id, a user's `<issuer>|<subject>`, a team's id or a tenant's name; every key of it is concerned."""

    kind: Kind
    tenant: str
    name: str


@dataclass(frozen=True, slots=True)
class Changes:
    """What happened up to `revision`, or None when only forgetting everything helps."""

    revision: int
    changed: tuple[Change, ...] | None


def changes_since(after: int, revision: int, oldest: int, logged: Iterable[Change]) -> Changes:
    """What happened after one revision up to another, given what the log still holds of that stretch, oldest first.

    `oldest`: the first revision that the log still holds, `revision + 1` when it holds none. Every revision has an entry at least, so
    a watcher that needs an older one came too late. The same goes for one that is ahead of the log: it followed another.
    """
    if after > revision or after + 1 < min(oldest, revision + 1):
        return Changes(revision, None)
    return Changes(revision, tuple(dict.fromkeys(logged)))
