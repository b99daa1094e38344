"""Groups, remembered from a sign-in: relied on for a while. The group that everybody is in is shown, not kept."""

from __future__ import annotations

from collections.abc import Iterable

from maas_common.auth.principal import EVERYBODY_SIGNED_IN

from maas_keys.core.api_key import Owner
from maas_keys.core.user import Person


def shown_groups(kept: Iterable[str]) -> tuple[str, ...]:
    """With the group that everybody is in."""
    return tuple(dict.fromkeys((*kept, EVERYBODY_SIGNED_IN)))


def kept_groups(said: Iterable[str]) -> tuple[str, ...]:
    """Each once, without the group that everybody is in."""
    return tuple(group for group in dict.fromkeys(said) if group != EVERYBODY_SIGNED_IN)


def groups_until(groups_at: int, max_age_s: int) -> int:
    """Until when groups are relied on that were vouched for then, Unix seconds; 0: they do not age."""
    return groups_at + max_age_s if groups_at else 0


def trusted_groups(person: Person | Owner, max_age_s: int, now: float) -> tuple[str, ...]:
    """Somebody's groups as far as they may still be relied on."""
    until = groups_until(person.groups_at, max_age_s)
    return person.groups if not until or now < until else ()
