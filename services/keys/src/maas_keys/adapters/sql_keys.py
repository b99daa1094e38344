"""Keys in SQLite or PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice

from maas_common.errors import ConflictError
from maas_common.sql import writing
from sqlalchemy import Engine, and_, bindparam, delete, func, select, update

from maas_keys.adapters.change_log import locked_log, logged, logged_each
from maas_keys.adapters.key_lookup import LOOKUP, in_context
from maas_keys.adapters.key_queries import in_any, page
from maas_keys.adapters.key_reads import check_belongs, in_place_of, key_in, known_ids, one_key, places_of, standing_of
from maas_keys.adapters.key_rows import key_of
from maas_keys.adapters.key_tables import KEYS, USES
from maas_keys.adapters.key_writes import delete_ended, insert_keys, revoke_where, update_key
from maas_keys.adapters.off_the_loop import off_the_loop
from maas_keys.core.api_key import ApiKey, KeyKind
from maas_keys.core.changes import Change, Kind
from maas_keys.core.decided import KeyInContext
from maas_keys.core.search import KeyFilter, KeyQuery

_AT_ONCE = 250
"""Uses of keys in one transaction: a revocation that comes meanwhile waits no longer than for these."""
_USED = update(USES).where(USES.c.key_id == bindparam("id"), USES.c.last_used_at < bindparam("at")).values(last_used_at=bindparam("at"))


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
            if before := in_place_of(connection, key):
                return before
            check_belongs(connection, [key])
            insert_keys(connection, [key], logged(session, self._history, [_change(key)]))
            return key_in(connection, key.id)

    @off_the_loop
    def add_foreign(self, keys: Sequence[ApiKey]) -> tuple[int, int]:
        """See KeyStore."""
        with writing(self._engine) as session:
            newest = locked_log(session)
            known = known_ids(session.connection(), [key.id for key in keys])
            new = list({key.id: key for key in keys if key.id not in known}.values())
            check_belongs(session.connection(), new)
            if new:
                newest = logged_each(session, self._history, [_change(key) for key in new])
                insert_keys(session.connection(), new, newest - len(new) + 1)
            return len(new), newest

    @off_the_loop
    def get(self, tenant: str, key_id: str) -> ApiKey | None:
        """See KeyStore."""
        with self._engine.connect() as connection:
            return one_key(connection, and_(KEYS.c.id == key_id, KEYS.c.tenant == tenant))

    @off_the_loop
    def of_kind(self, tenant: str, user: str, kind: KeyKind) -> ApiKey | None:
        """See KeyStore."""
        with self._engine.connect() as connection:
            return one_key(connection, standing_of(tenant, user, kind))

    @off_the_loop
    def put(self, key: ApiKey) -> ApiKey:
        """See KeyStore."""
        with writing(self._engine) as session:
            revision = logged(session, self._history, [_change(key)])
            if not update_key(session.connection(), key, revision):
                raise _changed(key)
            return key_in(session.connection(), key.id)

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
            where = places_of(connection, query.keys)
            return [key_of(row) for row in connection.execute(page(query, where))] if where else []

    @off_the_loop
    def count(self, keys: KeyFilter) -> int:
        """See KeyStore."""
        with self._engine.connect() as connection:
            if not (where := places_of(connection, keys)):
                return 0
            counted = select(func.count()).select_from(KEYS).where(in_any(where, keys))
            return int(connection.execute(counted).scalar_one())

    @off_the_loop
    def revoke_all(self, keys: KeyFilter, *, at: int) -> tuple[int, int]:
        """See KeyStore."""
        with writing(self._engine) as session:
            newest = locked_log(session)
            if not (where := places_of(session.connection(), keys)):
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
        while some := [{"id": key_id, "at": at} for key_id, at in islice(rows, _AT_ONCE)]:
            with writing(self._engine) as session:
                session.connection().execute(_USED, some)

    @off_the_loop
    def delete_ephemeral(self, *, expired_before: int, at_most: int) -> int:
        """See KeyStore."""
        with writing(self._engine) as session:
            locked_log(session)
            changes = delete_ended(session.connection(), before=expired_before, at_most=at_most)
            if changes:
                logged(session, self._history, changes)
            return len(changes)


def _change(key: ApiKey) -> Change:
    return Change(Kind.KEY, key.tenant, key.id)


def _changed(key: ApiKey) -> ConflictError:
    return ConflictError(f'API key "{key.id}" was changed meanwhile; read it again')
