"""Keys in SQLite or PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from maas_common.sql import last_revision, next_revision, writing
from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, delete, select
from sqlmodel.sql.expression import SelectOfScalar

from maas_keys.adapters.off_the_loop import off_the_loop
from maas_keys.adapters.tables import LOG, REVISIONS, ApiKeyRow, KeyChangeRow, key_of, row_of
from maas_keys.core.api_key import ApiKey
from maas_keys.core.caller import KeyFilter
from maas_keys.core.changes import Changes, changes_since

MIGRATIONS = Path(__file__).parents[1] / "migrations"


class SqlKeyStore:
    """A KeyStore on a migrated database. The log keeps its newest `history` entries."""

    def __init__(self, engine: Engine, *, history: int) -> None:
        """Connect to nothing yet."""
        self._engine = engine
        self._history = history

    @off_the_loop
    def add(self, key: ApiKey) -> ApiKey:
        """See KeyStore. The unique constraint, not a look before, tells a retry: two may come at once."""
        try:
            with writing(self._engine) as session:
                row = row_of(key, self._logged(session, key.id))
                session.add(row)
            return key_of(row)
        except IntegrityError:
            made_before = select(ApiKeyRow).where(ApiKeyRow.created_by == key.created_by, ApiKeyRow.request_id == key.request_id)
            with Session(self._engine) as session:
                before = session.exec(made_before).one_or_none()
                if before is None:
                    raise
                return key_of(before)

    @off_the_loop
    def revoke(self, key_id: str, *, at: int) -> tuple[ApiKey, bool]:
        """See KeyStore. The row is locked first, so that of two calls at once one does it."""
        with writing(self._engine) as session:
            row = session.exec(select(ApiKeyRow).where(ApiKeyRow.id == key_id).with_for_update()).one()
            revokes = row.revoked_at is None
            if revokes:
                row.revoked_at = at
                row.revision = self._logged(session, key_id)
        return key_of(row), revokes

    @off_the_loop
    def get(self, key_id: str) -> ApiKey | None:
        """See KeyStore."""
        with Session(self._engine) as session:
            row = session.get(ApiKeyRow, key_id)
            return key_of(row) if row else None

    @off_the_loop
    def page(self, keys: KeyFilter, *, before: int | None, size: int) -> Sequence[ApiKey]:
        """See KeyStore."""
        with Session(self._engine) as session:
            return [key_of(row) for row in session.exec(page_query(keys, before, size))]

    @off_the_loop
    def lookup(self, key_id: str) -> tuple[ApiKey | None, int]:
        """See KeyStore. One statement, so one snapshot whatever the isolation level."""
        query = select(REVISIONS.c.value, ApiKeyRow).outerjoin(ApiKeyRow, col(ApiKeyRow.id) == key_id).where(REVISIONS.c.log == LOG)
        with Session(self._engine) as session:
            revision, row = session.exec(query).one()
            return key_of(row) if row else None, revision

    @off_the_loop
    def revision(self) -> int:
        """See KeyStore."""
        with Session(self._engine) as session:
            return last_revision(session, REVISIONS, LOG)

    @off_the_loop
    def changes(self, after: int) -> Changes:
        """See KeyStore. The revision is read first: what is logged after that is for the next time."""
        with Session(self._engine) as session:
            revision = last_revision(session, REVISIONS, LOG)
            if after >= revision:
                return changes_since(after, revision, ())
            stretch = select(KeyChangeRow.key_id).where(KeyChangeRow.revision > after, KeyChangeRow.revision <= revision)
            return changes_since(after, revision, session.exec(stretch.order_by(col(KeyChangeRow.revision))).all())

    def _logged(self, session: Session, key_id: str) -> int:
        """Log a change of that key, drop what the log need no longer hold, and return the change's revision."""
        revision = next_revision(session, REVISIONS, LOG)
        session.add(KeyChangeRow(revision=revision, key_id=key_id))
        session.exec(delete(KeyChangeRow).where(col(KeyChangeRow.revision) <= revision - self._history))
        return revision


def page_query(keys: KeyFilter, before: int | None, size: int) -> SelectOfScalar[ApiKeyRow]:
    """A page by its sort key, which an index of each filter holds: no row outside the page is read."""
    query = select(ApiKeyRow).order_by(col(ApiKeyRow.created_revision).desc()).limit(size)
    if keys.owner is not None:
        query = query.where(ApiKeyRow.owner_issuer == keys.owner.issuer, ApiKeyRow.owner_subject == keys.owner.subject)
    if keys.username:
        query = query.where(ApiKeyRow.username == keys.username)
    if before is not None:
        query = query.where(ApiKeyRow.created_revision < before)
    return query
