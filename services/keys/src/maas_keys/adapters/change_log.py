"""The log of changes in SQLite or PostgreSQL: written inside the transaction that changes something, read by those who follow."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from maas_common.sql import last_revision, next_revision
from sqlalchemy import Engine, delete, func, insert, select, text, update
from sqlmodel import Session

from maas_keys.adapters.off_the_loop import off_the_loop
from maas_keys.adapters.tables import CHANGES, LOG, REVISIONS
from maas_keys.core.changes import Change, Changes, Kind, changes_since

CHANNEL = "maas_keys"
"""What PostgreSQL notifies of whenever something is logged."""

_LOCK = select(REVISIONS.c.value).where(REVISIONS.c.log == LOG).with_for_update()


class SqlChangeLog:
    """A ChangeLog on a migrated database."""

    def __init__(self, engine: Engine) -> None:
        """Connect to nothing yet."""
        self._engine = engine

    @off_the_loop
    def revision(self) -> int:
        """See ChangeLog."""
        with Session(self._engine) as session:
            return last_revision(session, REVISIONS, LOG)

    @off_the_loop
    def changes(self, after: int, tenant: str = "") -> Changes:
        """See ChangeLog.

        The revision is read first: what is logged after that is for the next time. Where the log begins is read last: what was dropped
        while it was read is told from what never was.
        """
        entries = CHANGES.c
        with Session(self._engine) as session:
            revision = last_revision(session, REVISIONS, LOG)
            if after >= revision:
                return changes_since(after, revision, revision + 1, ())
            stretch = select(entries.kind, entries.tenant, entries.name).where(entries.revision > after, entries.revision <= revision)
            if tenant:
                stretch = stretch.where(entries.tenant == tenant)
            connection = session.connection()
            logged = connection.execute(stretch.order_by(entries.revision)).all()
            oldest = connection.execute(select(func.min(entries.revision))).scalar_one() or revision + 1
            return changes_since(after, revision, oldest, (Change(Kind(kind), of, name) for kind, of, name in logged))


def locked_log(session: Session) -> int:
    """The log's newest revision; nobody takes the next one until this transaction ends.

    Whoever changes keys locks the log before any row of theirs, so that no two wait for each other.
    """
    return int(session.connection().execute(_LOCK).scalar_one())


def logged(session: Session, history: int, changes: Iterable[Change]) -> int:
    """Log changes, one at least, under one new revision, and return that; the log, now locked, keeps its newest `history` revisions."""
    revision = next_revision(session, REVISIONS, LOG)
    _write(session, history, revision, [(revision, change) for change in dict.fromkeys(changes)])
    return revision


def logged_each(session: Session, history: int, changes: Sequence[Change]) -> int:
    """As `logged`, but each change under a revision of its own; the newest of them."""
    session.connection().execute(update(REVISIONS).where(REVISIONS.c.log == LOG).values(value=REVISIONS.c.value + len(changes)))
    newest = last_revision(session, REVISIONS, LOG)
    _write(session, history, newest, enumerate(changes, newest - len(changes) + 1))
    return newest


def _write(session: Session, history: int, newest: int, entries: Iterable[tuple[int, Change]]) -> None:
    connection = session.connection()
    connection.execute(insert(CHANGES), [{"revision": revision, **change._asdict()} for revision, change in entries])
    connection.execute(delete(CHANGES).where(CHANGES.c.revision <= newest - history))
    if connection.dialect.name == "postgresql":  # heard of by those who wait when this transaction commits
        connection.execute(text(f"NOTIFY {CHANNEL}"))
