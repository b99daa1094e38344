"""The catalogue in SQLite or PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from maas_common.errors import UnavailableError
from maas_common.sql import last_revision, next_revision, writing
from sqlalchemy import Engine, delete
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlmodel import Session, col, select

from maas_registry.adapters.tables import LOG, REVISIONS, LogRow, ModelRow, TierRow, model_of, model_row, tier_of, tier_row
from maas_registry.core.catalogue import Catalogue, Change, Decide, Kind, LogEntry
from maas_registry.ports import Written

log = structlog.get_logger(__name__)


class SqlCatalogueStore:
    """A CatalogueStore on a migrated database. Keeps the log entries of the last `history` revisions."""

    def __init__(self, engine: Engine, *, history: int) -> None:
        """Open nothing yet."""
        self._engine = engine
        # The four reads of a catalogue must see one moment. Any transaction of SQLite does; PostgreSQL has to be told.
        is_postgresql = engine.dialect.name == "postgresql"
        self._one_moment = engine.execution_options(isolation_level="REPEATABLE READ") if is_postgresql else engine
        self._history = history

    async def read(self) -> Catalogue:
        """See CatalogueStore."""
        return await asyncio.to_thread(self._read)

    async def revision(self) -> int:
        """See CatalogueStore."""
        return await asyncio.to_thread(self._revision)

    async def write(self, decide: Decide) -> Written:
        """See CatalogueStore."""
        return await asyncio.to_thread(self._write, decide)

    def _read(self) -> Catalogue:
        with _reachable(), Session(self._one_moment) as session:
            return _catalogue(session, with_log=True)

    def _revision(self) -> int:
        with _reachable(), Session(self._engine) as session:
            return last_revision(session, REVISIONS, LOG)

    def _write(self, decide: Decide) -> Written:
        with _reachable(), writing(self._engine) as session:
            # First of all: this locks the row that every writer takes.
            revision = next_revision(session, REVISIONS, LOG)
            change = decide(_catalogue(session, with_log=False), revision)
            _store(session, change)
            session.add_all(LogRow(revision=each.revision, kind=each.kind.value, name=each.name) for each in change.entries(revision))
            session.execute(delete(LogRow).where(col(LogRow.revision) <= revision - self._history))
        return Written(revision, change)


def _catalogue(session: Session, *, with_log: bool) -> Catalogue:
    revision = last_revision(session, REVISIONS, LOG)
    # Sorted here: databases differ in how they order texts.
    models = sorted(map(model_of, session.exec(select(ModelRow))), key=lambda model: model.id)
    tiers = sorted(map(tier_of, session.exec(select(TierRow))), key=lambda tier: tier.level)
    rows = session.exec(select(LogRow).order_by(col(LogRow.revision))) if with_log else ()
    entries = tuple(LogEntry(row.revision, Kind(row.kind), row.name) for row in rows)
    return Catalogue(
        revision=revision,
        models={model.id: model for model in models},
        tiers={tier.name: tier for tier in tiers},
        log=entries,
        log_after=entries[0].revision - 1 if entries else revision,
    )


def _store(session: Session, change: Change) -> None:
    for name in change.deleted_tiers:
        session.execute(delete(TierRow).where(col(TierRow.name) == name))
    for model_id in change.deleted_models:
        session.execute(delete(ModelRow).where(col(ModelRow.id) == model_id))
    for tier in change.tiers:
        session.merge(tier_row(tier))
    for model in change.models:
        session.merge(model_row(model))


@contextmanager
def _reachable() -> Iterator[None]:
    try:
        yield
    except (OperationalError, InterfaceError, PoolTimeoutError) as error:
        log.warning("database failed", error=str(error))
        raise UnavailableError("the registry's database can't be reached just now; try again") from None
