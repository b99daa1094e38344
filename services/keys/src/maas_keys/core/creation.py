"""The rules of making a key."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from maas_common.apikey import Minted
from maas_common.auth.roles import Reach
from maas_common.errors import AlreadyExistsError, InvalidArgumentError, NotFoundError, PermissionDeniedError

from maas_keys.core.api_key import ApiKey, KeyHash, KeyKind, Owner
from maas_keys.core.caller import Caller
from maas_keys.core.details import Details, Ground, with_details
from maas_keys.core.key_access import SERVICE
from maas_keys.core.key_owner import SELF, OwnerDraft
from maas_keys.core.terms import Terms
from maas_keys.core.text import check_line

CREATE = f"{SERVICE}/CreateApiKey"


@dataclass(frozen=True, slots=True)
class KeyOrder:
    """What somebody asks for."""

    details: Details
    owner: OwnerDraft = field(default=SELF)
    team: str = ""
    kind: KeyKind = KeyKind.STANDARD
    is_ephemeral: bool = False
    request_id: str = ""


def check_may_make(method: str, caller: Caller, team: str, terms: Terms) -> None:
    """PermissionDeniedError when the caller makes no such keys, NotFoundError for a team that they can't see."""
    held = {*caller.roles, *([f"team-{caller.teams[team]}"] if team in caller.teams else [])}
    if held.isdisjoint(terms.creation_roles):
        raise PermissionDeniedError("making API keys is switched off for your roles", reason="KEY_CREATION_OFF")
    reach = caller.reach(method, team)
    if reach is Reach.ALL:
        return
    if team and team not in caller.teams:
        raise NotFoundError(f'team "{team}" does not exist', metadata={"team": team})
    if team and reach is not Reach.TEAM:
        raise PermissionDeniedError(f'team "{team}": as its {caller.teams[team]} you make no keys in it; its owners and members do')
    if reach is Reach.NONE:
        raise PermissionDeniedError("you make no API keys of your own: that takes the role model-consumer; name a team that you are in")


def makes_keys(caller: Caller, terms: Terms) -> bool:
    """Whether the caller may make keys, of their own or in any of their teams."""
    for team in ("", *caller.teams):
        try:
            check_may_make(CREATE, caller, team, terms)
        except PermissionDeniedError:
            continue
        return True
    return False


def check_order(order: KeyOrder) -> None:
    """InvalidArgumentError for what does not go together."""
    check_line("request_id", order.request_id)
    check_line("team", order.team)
    if order.kind is KeyKind.STANDARD:
        return
    for name, is_given in (("team", bool(order.team)), ("username", order.owner != SELF), ("ephemeral", order.is_ephemeral)):
        if is_given:
            raise InvalidArgumentError.of(name, f"a {order.kind} key is one's own, one for each person; leave it out")


def check_same(wanted: ApiKey, before: ApiKey) -> None:
    """AlreadyExistsError when the key that the request id made is no answer to what is asked for now."""
    if _place(wanted) != _place(before):
        team = f'of team "{before.team}"' if before.team else "of no team"
        kind = f"ephemeral {before.kind}" if before.is_ephemeral else before.kind
        raise AlreadyExistsError(
            f'the request id "{wanted.request_id}" made API key "{before.id}", a {kind} key {team} of "{before.owner.user}"; take another',
            metadata={"id": before.id},
        )


def _place(key: ApiKey) -> tuple[str, str, KeyKind, bool]:
    return key.owner.user, key.team, key.kind, key.is_ephemeral


def new_key(order: KeyOrder, owner: Owner, caller: Caller, minted: Minted, ground: Ground) -> ApiKey:
    """The key to store for a minted one; InvalidArgumentError when the order can't be met."""
    terms, now = ground.terms, int(ground.now)
    blank = ApiKey(
        id=minted.id,
        prefix=terms.prefix,
        tenant=caller.tenant,
        name="",
        description="",
        owner=owner,
        created_by=caller.name,
        request_id=order.request_id,
        hashes=(KeyHash(*terms.peppers.hash(minted.text)),),
        created_at=now,
        updated_at=now,
        expires_at=now,
        kind=order.kind,
        is_ephemeral=order.is_ephemeral,
        team=order.team,
        limits=terms.playground_limits if order.kind is KeyKind.PLAYGROUND else (),
    )
    key = with_details(blank, replace(order.details, expires_in=order.details.expires_in or ""), ground)
    return key if ground.is_admin else terms.approval.of_new(key)
