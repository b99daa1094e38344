"""What is kept of somebody who is vouched for again: the newer word wins."""

from __future__ import annotations

from dataclasses import replace

from maas_keys.core.user import Person, User

_DAY_S = 86_400


def vouched(user: User, person: Person) -> User:
    """What to keep of a user. An older word than the one that is kept changes nothing."""
    return user if person.groups_at < user.person.groups_at else replace(user, person=person)


def is_news(before: Person, after: Person) -> bool:
    """Whether anything about them is different, beyond when they were vouched for."""
    return before.email != after.email or _is_called_or_grouped_anew(before, after)


def concerns_keys(before: Person, after: Person) -> bool:
    """Whether what is known of their keys is different. Until when their groups are good is told once a day."""
    return after.groups_at // _DAY_S != before.groups_at // _DAY_S or _is_called_or_grouped_anew(before, after)


def _is_called_or_grouped_anew(before: Person, after: Person) -> bool:
    return (before.username, before.groups) != (after.username, after.groups)
