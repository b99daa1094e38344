"""Databases: SQLite as the embedded default, PostgreSQL by URL; one way to open, migrate and write to both."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import structlog
from alembic import command
from alembic.config import Config
from sqlalchemy import Column, Engine, MetaData, String, Table, create_engine, event, select, update
from sqlalchemy.engine import make_url
from sqlalchemy.types import BigInteger
from sqlmodel import Session

log = structlog.get_logger(__name__)

_BUSY_TIMEOUT_S = 5.0
_WRITES = "maas_writes"


def open_database(url: str) -> Engine:
    """An engine for `sqlite:///path` or `postgresql+psycopg://…`.

    SQLite: WAL, foreign keys on, a busy timeout, and what writes begins with BEGIN IMMEDIATE, so that two writers queue
    instead of failing half-way; readers wait for nobody. A new file is its owner's alone, and so is its folder. Errors never
    show the values of a statement.
    """
    if not url.startswith("sqlite"):
        return create_engine(url, pool_pre_ping=True, hide_parameters=True)
    if path := make_url(url).database:
        Path(path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        Path(path).touch(mode=0o600)  # before SQLite makes it by the umask; its journal gets the same mode
    engine = create_engine(url, connect_args={"timeout": _BUSY_TIMEOUT_S}, hide_parameters=True)

    @event.listens_for(engine, "connect")
    def _on_connect(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # the driver's own BEGIN comes too late and is deferred
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _on_begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get(_WRITES) else "BEGIN")

    return engine


def migrate(engine: Engine, scripts: Path, revision: str = "head") -> None:
    """Bring the schema to a revision with the alembic scripts in that folder; a newer one is upgraded to only.

    The scripts' env.py finds the connection in `config.attributes["connection"]`.
    """
    config = Config()
    config.set_main_option("script_location", str(scripts))
    with _for_writing(engine).begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    log.info("database migrated", database=engine.url.render_as_string(hide_password=True), revision=revision)


@contextmanager
def writing(engine: Engine) -> Iterator[Session]:
    """One transaction: committed at the end of the block, rolled back when it raises."""
    with Session(_for_writing(engine), expire_on_commit=False) as session, session.begin():
        yield session


def _for_writing(engine: Engine) -> Engine:
    return engine.execution_options(**{_WRITES: True})


def revisions_table(metadata: MetaData) -> Table:
    """One row per log with its newest revision: the row is locked by who takes the next, so that no reader skips one."""
    return Table("revisions", metadata, Column("log", String(32), primary_key=True), Column("value", BigInteger, nullable=False))


def next_revision(session: Session, table: Table, name: str) -> int:
    """Take the next revision of a log inside the transaction that writes the change."""
    session.execute(update(table).where(table.c.log == name).values(value=table.c.value + 1))
    return int(session.execute(select(table.c.value).where(table.c.log == name)).scalar_one())


def last_revision(session: Session, table: Table, name: str) -> int:
    """The log's newest revision."""
    return int(session.execute(select(table.c.value).where(table.c.log == name)).scalar_one())
