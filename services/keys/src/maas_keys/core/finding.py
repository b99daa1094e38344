"""Which keys a caller lists, searches or ends at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from maas_common.auth.roles import Reach
from maas_common.errors import InvalidArgumentError, PermissionDeniedError

from maas_keys.core.api_key import Status
from maas_keys.core.caller import Caller
from maas_keys.core.key_access import SERVICE, seen_by
from maas_keys.core.key_owner import group_owner
from maas_keys.core.labels import checked_labels
from maas_keys.core.search import KeyFilter
from maas_keys.core.text import check_line
from maas_keys.core.user import User
from maas_keys.core.user_search import ambiguous, the_user
from maas_keys.core.violations import Violations

BULK_REVOKE = f"{SERVICE}/BulkRevokeApiKeys"
_NOT_REVOKED = frozenset(Status) - {Status.REVOKED}


def found_by(asked: KeyFilter, caller: Caller, method: str) -> KeyFilter:
    """What is asked for, as far as the caller sees; PermissionDeniedError when they name others whose keys are not theirs to see."""
    _check_texts(asked)
    return replace(_named(asked, caller, method), visible=seen_by(caller, method))


def revoked_by(asked: KeyFilter, caller: Caller) -> KeyFilter:
    """The keys to end at once; one's own when nothing is asked for. A `username` that is left is to be made `of_one_owner`.

    InvalidArgumentError when an administrator asks for nothing, PermissionDeniedError for the keys of others.
    """
    _check_texts(asked)
    if caller.reach(BULK_REVOKE) is Reach.ALL and not (asked.username or asked.team or asked.labels):
        raise InvalidArgumentError.of("username", "is missing; say whose keys to end, or name a team or labels")
    reach = caller.reach(BULK_REVOKE, asked.team)
    named = replace(_named(asked, caller, BULK_REVOKE), statuses=_NOT_REVOKED)
    return named if reach in {Reach.ALL, Reach.TEAM} else replace(named, user=caller.name)


def of_one_owner(asked: KeyFilter, found: Sequence[User], *, is_group: bool) -> KeyFilter:
    """The keys of the one whom `username` means; InvalidArgumentError when that is nobody, or not one.

    `found`: who is known by that name. `is_group`: whether a group of that name owns keys.
    """
    name = asked.username
    if not is_group or any(user.id == name for user in found):
        owner = the_user("username", name, found).person.user
    elif found:
        raise ambiguous("username", name, [group_owner(name).user, *(user.person.user for user in found)])
    else:
        owner = group_owner(name).user
    return replace(asked, username="", user=owner)


def _named(asked: KeyFilter, caller: Caller, method: str) -> KeyFilter:
    """Names are those of users, or `<issuer>|<subject>`. One's own username means oneself alone where it can mean nobody else."""
    if not asked.username:
        return asked
    reaches_others = caller.reach(method, asked.team) in {Reach.ALL, Reach.TEAM}
    if asked.username == caller.user.person.username and not reaches_others:
        return replace(asked, username="", user=caller.name)
    if asked.username != caller.name and not reaches_others:
        raise PermissionDeniedError("username: the keys of others are for administrators, and for owners of the team that is named")
    return replace(asked, username="", user=asked.username) if "|" in asked.username else asked


def _check_texts(asked: KeyFilter) -> None:
    """A database refuses some characters."""
    wrong = Violations()
    for name in ("username", "team", "name_contains"):
        with wrong:
            check_line(name, getattr(asked, name))
    with wrong:
        checked_labels("labels", asked.labels)
    wrong.refuse()
