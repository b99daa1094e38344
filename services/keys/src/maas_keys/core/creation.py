"""The rules of making a key."""

from __future__ import annotations

from dataclasses import dataclass

from maas_common.apikey import Minted, Peppers
from maas_common.errors import InvalidArgumentError, PermissionDeniedError

from maas_keys.core.api_key import DEFAULT_TENANT, ApiKey, KeyHash, Owner
from maas_keys.core.caller import Caller
from maas_keys.core.lifetime import Lifetime, lifetime
from maas_keys.core.text import check_line, check_name


@dataclass(frozen=True, slots=True)
class KeyOrder:
    """What somebody asks for; empty where they said nothing."""

    name: str
    description: str = ""
    expires_in: str = ""
    username: str = ""
    groups: tuple[str, ...] = ()
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class Terms:
    """What this service makes keys by."""

    prefix: str
    default_lifetime: Lifetime
    longest_lifetime: Lifetime
    everybody: str
    """The group that every user is in."""
    peppers: Peppers


def new_key(order: KeyOrder, caller: Caller, terms: Terms, minted: Minted, *, now: float) -> ApiKey:
    """The key to store for a minted one; InvalidArgumentError or PermissionDeniedError when the order can't be met."""
    check_name("name", order.name)
    check_line("description", order.description, allowed="\t\r\n")
    check_line("request_id", order.request_id)
    owner = _owner(order, caller, terms.everybody)
    lives = lifetime(order.expires_in, default=terms.default_lifetime, longest=terms.longest_lifetime)
    return ApiKey(
        id=minted.id,
        prefix=terms.prefix,
        tenant=DEFAULT_TENANT,
        name=order.name,
        description=order.description,
        owner=owner,
        created_by=caller.owner.user,
        request_id=order.request_id,
        hash=KeyHash(*terms.peppers.hash(minted.text)),
        created_at=int(now),
        expires_at=int(now) + lives.seconds,
    )


def _owner(order: KeyOrder, caller: Caller, everybody: str) -> Owner:
    """The caller, or whom an administrator names: the subject of that name at the administrator's own issuer."""
    if not order.username and not order.groups:
        return caller.owner
    if not caller.is_admin:
        raise PermissionDeniedError("username, groups: only administrators make keys for others; leave both out to make your own")
    if not order.username:
        raise InvalidArgumentError.of("username", "is missing; groups are given together with the user they belong to")
    if order.username != order.username.strip():
        raise InvalidArgumentError.of("username", "has white space around it; leave that out")
    check_line("username", order.username)
    for index, group in enumerate(order.groups):
        check_line(f"groups[{index}]", group)
    groups = tuple(dict.fromkeys([*order.groups, everybody]))
    return Owner(caller.owner.issuer, order.username, order.username, groups)
