"""Reads of single keys, and of what a search needs to know before."""

from __future__ import annotations

from collections.abc import Sequence

from maas_common.errors import FailedPreconditionError
from sqlalchemy import Connection, and_, select

from maas_keys.adapters.key_lookup import TEAMS
from maas_keys.adapters.key_queries import Condition, Place, places
from maas_keys.adapters.key_rows import IS_OWNER, KEY_COLUMNS, USERS, key_of
from maas_keys.adapters.key_tables import KEYS
from maas_keys.core.api_key import NO_ISSUER, ApiKey, KeyKind, OwnerKind
from maas_keys.core.search import KeyFilter

_AT_ONCE = 1000
"""Ids that one statement names: databases allow so many and not many more."""
_WHOLE = select(*KEY_COLUMNS).select_from(KEYS.outerjoin(USERS, IS_OWNER))


def key_in(connection: Connection, key_id: str) -> ApiKey:
    """The key of an id that is there."""
    return key_of(connection.execute(_WHOLE.where(KEYS.c.id == key_id)).one())


def one_key(connection: Connection, which: Condition) -> ApiKey | None:
    """The key that this is true of, of one at most."""
    row = connection.execute(_WHOLE.where(which)).one_or_none()
    return None if row is None else key_of(row)


def in_place_of(connection: Connection, key: ApiKey) -> ApiKey | None:
    """The key that is there instead of a new one."""
    if key.request_id:
        by_request = and_(KEYS.c.tenant == key.tenant, KEYS.c.created_by == key.created_by, KEYS.c.request_id == key.request_id)
        if before := one_key(connection, by_request):
            return before
    return None if key.kind is KeyKind.STANDARD else one_key(connection, standing_of(key.tenant, key.owner.user, key.kind))


def standing_of(tenant: str, user: str, kind: KeyKind) -> Condition:
    """Whether it is the user's key of that kind and not revoked."""
    place = places(KeyFilter(tenant, user=user), ())[0]
    return and_(*(KEYS.c[column] == value for column, value in place.items()), KEYS.c.kind == kind.value, KEYS.c.revoked_at.is_(None))


def check_belongs(connection: Connection, keys: Sequence[ApiKey]) -> None:
    """A team or an owner that goes while a key of theirs is made would leave one that nobody answers for."""
    for tenant, team in {(key.tenant, key.team) for key in keys if key.team}:
        there = select(TEAMS.c.id).where(TEAMS.c.tenant == tenant, TEAMS.c.id == team)
        if connection.execute(there).one_or_none() is None:
            raise FailedPreconditionError(f'team "{team}" was deleted meanwhile; pick another, or none')
    people = {(key.tenant, key.owner.issuer, key.owner.subject) for key in keys if key.owner.kind is not OwnerKind.GROUP}
    for tenant, issuer, subject in people:
        known = select(USERS.c.id).where(USERS.c.tenant == tenant, USERS.c.issuer == issuer, USERS.c.subject == subject)
        if connection.execute(known).one_or_none() is None:
            raise FailedPreconditionError(f'user "{issuer}|{subject}" was deleted meanwhile; who signs in again begins anew')


def known_ids(connection: Connection, ids: Sequence[str]) -> set[str]:
    """Which of these ids keys have, in whatever tenant."""
    some = (ids[start : start + _AT_ONCE] for start in range(0, len(ids), _AT_ONCE))
    return {key_id for few in some for (key_id,) in connection.execute(select(KEYS.c.id).where(KEYS.c.id.in_(few)))}


def places_of(connection: Connection, keys: KeyFilter) -> Sequence[Place]:
    """Where the keys of a filter are; nowhere, when nobody has the username that it asks for."""
    if not keys.username:
        return places(keys, ())
    named = select(USERS.c.issuer, USERS.c.subject).where(USERS.c.tenant == keys.tenant, USERS.c.username == keys.username)
    people = [f"{issuer}|{subject}" for issuer, subject in connection.execute(named)]
    return places(keys, [*people, f"{NO_ISSUER[OwnerKind.GROUP]}|{keys.username}"])
