"""Who is meant by a name."""

from __future__ import annotations

from collections.abc import Sequence

from maas_common.errors import InvalidArgumentError

from maas_keys.core.user import User


def the_user(field: str, name: str, found: Sequence[User]) -> User:
    """The one of the users that are called so; InvalidArgumentError when there is none, or not one.

    What a name is shows: with a bar it is `<issuer>|<subject>`, else with an `@` an email, else an id or a username. People may choose
    their usernames, so none passes for what is another's.
    """
    if "|" in name:
        meant = [user for user in found if user.person.user == name]
    elif "@" in name:
        meant = [user for user in found if user.person.email.casefold() == name.casefold()]
    else:
        meant = [user for user in found if user.id == name] or [user for user in found if user.person.username == name]
    if not meant:
        raise InvalidArgumentError.of(field, f'no user "{name}" is known; they sign in once, or an administrator imports them')
    if len(meant) > 1:
        raise ambiguous(field, name, [user.person.user for user in meant])
    return meant[0]


def ambiguous(field: str, name: str, users: Sequence[str]) -> InvalidArgumentError:
    """Says whom a name may mean, each `<issuer>|<subject>`."""
    return InvalidArgumentError.of(field, f'"{name}" is the name of several: {", ".join(sorted(users))}; give one of these')
