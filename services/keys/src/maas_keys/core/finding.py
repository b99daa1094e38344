"""Which keys a caller lists, searches or ends at once."""

from __future__ import annotations

from dataclasses import replace

from maas_common.auth.roles import Reach
from maas_common.errors import InvalidArgumentError, PermissionDeniedError

from maas_keys.core.api_key import Status
from maas_keys.core.caller import Caller
from maas_keys.core.key_access import SERVICE, seen_by
from maas_keys.core.labels import checked_labels
from maas_keys.core.search import KeyFilter
from maas_keys.core.text import check_line
from maas_keys.core.violations import Violations

BULK_REVOKE = f"{SERVICE}/BulkRevokeApiKeys"
_NOT_REVOKED = frozenset(Status) - {Status.REVOKED}


def found_by(asked: KeyFilter, caller: Caller, method: str) -> KeyFilter:
    """What is asked for, as far as the caller sees; PermissionDeniedError when they name others whose keys are not theirs to see."""
    _check_texts(asked)
    return replace(_named(asked, caller, method), visible=seen_by(caller, method))


def revoked_by(asked: KeyFilter, caller: Caller) -> KeyFilter:
    """The keys to end at once; one's own when nothing is asked for.

    InvalidArgumentError when an administrator asks for nothing, PermissionDeniedError for the keys of others.
    """
    _check_texts(asked)
    if caller.reach(BULK_REVOKE) is Reach.ALL and not (asked.username or asked.team or asked.labels):
        raise InvalidArgumentError.of("username", "is missing; say whose keys to end, or name a team or labels")
    reach = caller.reach(BULK_REVOKE, asked.team)
    named = replace(_named(asked, caller, BULK_REVOKE), statuses=_NOT_REVOKED)
    return named if reach in {Reach.ALL, Reach.TEAM} else replace(named, user=caller.name)


def _named(asked: KeyFilter, caller: Caller, method: str) -> KeyFilter:
    """Names are those of users, or `<issuer>|<subject>`."""
    if not asked.username:
        return asked
    if asked.username in {caller.name, caller.user.person.username}:
        return replace(asked, username="", user=caller.name)
    if caller.reach(method, asked.team) not in {Reach.ALL, Reach.TEAM}:
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
