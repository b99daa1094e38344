"""Who is meant by a name."""

from __future__ import annotations

from collections.abc import Sequence

from maas_common.errors import InvalidArgumentError

from maas_keys.core.user import User


def the_user(field: str, name: str, found: Sequence[User]) -> User:
    """The one of the users that are called so, by the most exact of their names; InvalidArgumentError when there is none, or not one."""
    by_name = [
        [user for user in found if user.id == name],
        [user for user in found if user.person.user == name],
        [user for user in found if user.person.email.casefold() == name.casefold()],
        [user for user in found if user.person.username == name],
    ]
    meant = next(filter(None, by_name), [])
    if not meant:
        raise InvalidArgumentError.of(field, f'no user "{name}" is known; they sign in once, or an administrator imports them')
    if len(meant) > 1:
        users = ", ".join(sorted(user.person.user for user in meant))
        raise InvalidArgumentError.of(field, f'"{name}" is the name of several: {users}; give one of these')
    return meant[0]
