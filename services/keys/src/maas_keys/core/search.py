"""Which keys a list holds, in what order, from where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from maas_keys.core.api_key import NO_LABELS, ApiKey, KeyKind, OwnerKind, Status


class SortBy(StrEnum):
    """What keys are ordered by; keys that are equal in that by the order in which they were made."""

    CREATED_AT = "created_at"
    EXPIRES_AT = "expires_at"
    LAST_USED_AT = "last_used_at"
    NAME = "name"
    PERSONAL_FIRST = "personal_first"
    """Personal keys, then the others; the newest first in both."""


@dataclass(frozen=True, slots=True)
class Visible:
    """Whose keys may be seen at all: those of this user (`<issuer>|<subject>`) and of these teams. Not given: the whole tenant's."""

    user: str
    teams: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class KeyFilter:
    """What keys must be; what is None or empty is not asked about. Times are Unix seconds, `after` inclusive, `before` exclusive."""

    tenant: str
    visible: Visible | None = None
    username: str = ""
    user: str = ""
    """`<issuer>|<subject>`."""
    owner_kind: OwnerKind | None = None
    team: str = ""
    kinds: frozenset[KeyKind] = frozenset()
    statuses: frozenset[Status] = frozenset()
    """As of `now`."""
    now: int = 0
    labels: Mapping[str, str] = field(default_factory=lambda: NO_LABELS)
    is_ephemeral: bool | None = None
    name_contains: str = ""
    created_after: int | None = None
    created_before: int | None = None
    expires_after: int | None = None
    expires_before: int | None = None
    last_used_after: int | None = None
    last_used_before: int | None = None


Position = tuple[int | str, int]
"""Where a page ended: its last key's value of what is sorted by, and that key's `created_revision`."""


def position(key: ApiKey, sort: SortBy) -> Position:
    """Where a page ends whose last key this is. Of SortBy.PERSONAL_FIRST the value is 1 for personal keys, 0 for others."""
    value = int(key.kind is KeyKind.PERSONAL) if sort is SortBy.PERSONAL_FIRST else getattr(key, sort.value)
    return value, key.created_revision


@dataclass(frozen=True, slots=True)
class KeyQuery:
    """A page of keys. `after`: the position that the page before ended at; `offset`: how many to skip instead, at a cost that grows."""

    keys: KeyFilter
    size: int
    sort: SortBy = SortBy.PERSONAL_FIRST
    descending: bool = True
    after: Position | None = None
    offset: int = 0
