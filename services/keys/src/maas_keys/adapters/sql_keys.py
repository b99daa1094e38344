"""Keys in SQLite or PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice

from maas_common.errors import ConflictError, FailedPreconditionError
from maas_common.sql import writing
from sqlalchemy import Connection, Engine, and_, bindparam, delete, func, select, update

from maas_keys.adapters.change_log import locked_log, logged, logged_each
from maas_keys.adapters.key_lookup import LOOKUP, TEAMS, in_context
from maas_keys.adapters.key_queries import Condition, Place, in_any, page, places
from maas_keys.adapters.key_rows import IS_OWNER, KEY_COLUMNS, USERS, key_of
from maas_keys.adapters.key_tables import KEYS
from maas_keys.adapters.key_writes import insert_keys, revoke_where, update_key
from maas_keys.adapters.off_the_loop import off_the_loop
from maas_keys.core.api_key import NO_ISSUER, ApiKey, KeyKind, OwnerKind
from maas_keys.core.changes import Change, Kind
from maas_keys.core.decided import KeyInContext
from maas_keys.core.search import KeyFilter, KeyQuery

_AT_ONCE = 1000
"""Rows that one transaction or one condition names; what comes after waits no longer than for these."""
_WHOLE = select(*KEY_COLUMNS).select_from(KEYS.outerjoin(USERS, IS_OWNER))
_USED = update(KEYS).where(KEYS.c.id == bindparam("key_id"), KEYS.c.last_used_at < bindparam("at")).values(last_used_at=bindparam("at"))


class SqlKeyStore:
    """A KeyStore on a migrated database. The log keeps its newest `history` revisions."""

    def __init__(self, engine: Engine, *, history: int) -> None:
        """Connect to nothing yet."""
        self._engine = engine
        self._history = history

    @off_the_loop
    def add(self, key: ApiKey) -> ApiKey:
        """See KeyStore. The look is under the log's lock: of two at once the second sees what the first made."""
        with writing(self._engine) as session:
            locked_log(session)
            connection = session.connection()
            if before := _in_place_of(connection, key):
                return before
            _check_team(connection, key)
            insert_keys(connection, [key], logged(session, self._history, [_change(key)]))
            return key_of(connection.execute(_WHOLE.where(KEYS.c.id == key.id)).one())

    @off_the_loop
    def add_foreign(self, keys: Sequence[ApiKey]) -> tuple[int, int]:
        """See KeyStore."""
        with writing(self._engine) as session:
            newest = locked_log(session)
            known = _known(session.connection(), [key.id for key in keys])
            new = list({key.id: key for key in keys if key.id not in known}.values())
            if new:
                newest = logged_each(session, self._history, [_change(key) for key in new])
                insert_keys(session.connection(), new, newest - len(new) + 1)
            return len(new), newest

    @off_the_loop
    def get(self, tenant: str, key_id: str) -> ApiKey | None:
        """See KeyStore."""
        with self._engine.connect() as connection:
            return _one(connection, and_(KEYS.c.id == key_id, KEYS.c.tenant == tenant))

    @off_the_loop
    def of_kind(self, tenant: str, user: str, kind: KeyKind) -> ApiKey | None:
        """See KeyStore."""
        with self._engine.connect() as connection:
            return _one(connection, _standing(tenant, user, kind))

    @off_the_loop
    def put(self, key: ApiKey) -> ApiKey:
        """See KeyStore."""
        with writing(self._engine) as session:
            revision = logged(session, self._history, [_change(key)])
            if not update_key(session.connection(), key, revision):
                raise _changed(key)
            return key_of(session.connection().execute(_WHOLE.where(KEYS.c.id == key.id)).one())

    @off_the_loop
    def delete(self, key: ApiKey) -> int:
        """See KeyStore."""
        with writing(self._engine) as session:
            revision = logged(session, self._history, [_change(key)])
            gone = delete(KEYS).where(KEYS.c.id == key.id, KEYS.c.tenant == key.tenant, KEYS.c.revision == key.revision)
            if not session.connection().execute(gone).rowcount:
                raise _changed(key)
            return revision

    @off_the_loop
    def page(self, query: KeyQuery) -> Sequence[ApiKey]:
        """See KeyStore."""
        with self._engine.connect() as connection:
            where = _where(connection, query.keys)
            return [key_of(row) for row in connection.execute(page(query, where))] if where else []

    @off_the_loop
    def count(self, keys: KeyFilter) -> int:
        """See KeyStore."""
        with self._engine.connect() as connection:
            if not (where := _where(connection, keys)):
                return 0
            counted = select(func.count()).select_from(KEYS).where(in_any(where, keys))
            return int(connection.execute(counted).scalar_one())

    @off_the_loop
    def revoke_all(self, keys: KeyFilter, *, at: int) -> tuple[int, int]:
        """See KeyStore."""
        with writing(self._engine) as session:
            newest = locked_log(session)
            if not (where := _where(session.connection(), keys)):
                return 0, newest
            count, changes = revoke_where(session.connection(), in_any(where, keys), at=at, revision=newest + 1)
            return count, logged(session, self._history, changes) if count else newest

    @off_the_loop
    def lookup(self, key_id: str, tenant: str = "") -> tuple[KeyInContext | None, int]:
        """See KeyStore."""
        with self._engine.connect() as connection:
            row = connection.execute(LOOKUP, {"key_id": key_id}).one()
        found = None if tenant and row.tenant != tenant else in_context(row)
        return found, row.newest

    @off_the_loop
    def record_used(self, used: Mapping[str, int]) -> None:
        """See KeyStore. In the order of their ids, as whoever writes many keys does, so that no two wait for each other."""
        rows = iter(sorted(used.items()))
        while some := [{"key_id": key_id, "at": at} for key_id, at in islice(rows, _AT_ONCE)]:
            with writing(self._engine) as session:
                session.connection().execute(_USED, some)

    @off_the_loop
    def delete_ephemeral(self, *, expired_before: int, at_most: int) -> int:
        """See KeyStore."""
        until = KEYS.c.ephemeral_until
        ended = select(KEYS.c.id).where(until < expired_before).order_by(until).limit(at_most)
        with writing(self._engine) as session:
            locked_log(session)
            gone = session.connection().execute(delete(KEYS).where(KEYS.c.id.in_(ended)).returning(KEYS.c.id, KEYS.c.tenant)).all()
            if gone:
                logged(session, self._history, [Change(Kind.KEY, key.tenant, key.id) for key in gone])
            return len(gone)


def _one(connection: Connection, which: Condition) -> ApiKey | None:
    row = connection.execute(_WHOLE.where(which)).one_or_none()
    return None if row is None else key_of(row)


def _in_place_of(connection: Connection, key: ApiKey) -> ApiKey | None:
    """The key that is there instead of a new one."""
    if key.request_id:
        by_request = and_(KEYS.c.tenant == key.tenant, KEYS.c.created_by == key.created_by, KEYS.c.request_id == key.request_id)
        if before := _one(connection, by_request):
            return before
    return None if key.kind is KeyKind.STANDARD else _one(connection, _standing(key.tenant, key.owner.user, key.kind))


def _standing(tenant: str, user: str, kind: KeyKind) -> Condition:
    place = places(KeyFilter(tenant, user=user), ())[0]
    return and_(*(KEYS.c[column] == value for column, value in place.items()), KEYS.c.kind == kind.value, KEYS.c.revoked_at.is_(None))


def _check_team(connection: Connection, key: ApiKey) -> None:
    """A team that goes while a key of it is made would leave one without its limits."""
    there = select(TEAMS.c.id).where(TEAMS.c.tenant == key.tenant, TEAMS.c.id == key.team)
    if key.team and connection.execute(there).one_or_none() is None:
        raise FailedPreconditionError(f'team "{key.team}" was deleted meanwhile; pick another, or none')


def _known(connection: Connection, ids: Sequence[str]) -> set[str]:
    """Which of these ids keys have, in whatever tenant."""
    some = (ids[start : start + _AT_ONCE] for start in range(0, len(ids), _AT_ONCE))
    return {key_id for few in some for (key_id,) in connection.execute(select(KEYS.c.id).where(KEYS.c.id.in_(few)))}


def _where(connection: Connection, keys: KeyFilter) -> Sequence[Place]:
    """Where the keys of a filter are; nowhere, when nobody has the username that it asks for."""
    if not keys.username:
        return places(keys, ())
    named = select(USERS.c.issuer, USERS.c.subject).where(USERS.c.tenant == keys.tenant, USERS.c.username == keys.username)
    people = [f"{issuer}|{subject}" for issuer, subject in connection.execute(named)]
    return places(keys, [*people, f"{NO_ISSUER[OwnerKind.GROUP]}|{keys.username}"])


def _change(key: ApiKey) -> Change:
    return Change(Kind.KEY, key.tenant, key.id)


def _changed(key: ApiKey) -> ConflictError:
    return ConflictError(f'API key "{key.id}" was changed meanwhile; read it again')
