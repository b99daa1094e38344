"""The SQLite file that the journal is kept in.

Plain `sqlite3`, where the other services use SQLAlchemy: this file is one process's own memory written down, with nothing to map,
migrate or query, and its writer shares the interpreter with the calls that it must not slow down. So a row of any table is all that
came of its kind in one batch, as one text: a row for each thing would cost ten times as much.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

_APPLICATION_ID = 0x6D61_6173
_VERSION = 1
_BUSY_TIMEOUT_S = 5.0
_CHECKPOINT_PAGES = 4000
_WAL_LIMIT_BYTES = 64 << 20
_MOST_ROWS = 50
_SCHEMA = """
CREATE TABLE log (
    number INTEGER PRIMARY KEY, until INTEGER NOT NULL, name TEXT NOT NULL, tenant TEXT NOT NULL, size INTEGER NOT NULL, texts TEXT NOT NULL
);
CREATE TABLE ended (
    number INTEGER PRIMARY KEY, until INTEGER NOT NULL, size INTEGER NOT NULL, is_expired INTEGER NOT NULL, ids TEXT NOT NULL
);
CREATE TABLE events (last INTEGER PRIMARY KEY, first INTEGER NOT NULL, waiting INTEGER NOT NULL, lines TEXT NOT NULL);
"""


class JournalError(RuntimeError):
    """The journal's file can't be used; the message names it."""


class JournalFile:
    """One connection to the file, for any thread.

    In WAL mode with synchronous NORMAL: a killed process loses nothing that was committed, a machine without power at most the last
    commits, and either way the file holds whole transactions. JournalError when the file is something else.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = Lock()
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)  # before SQLite makes it by the umask; its WAL gets the same mode
        try:
            self._connection = sqlite3.connect(path, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
            try:
                self._prepare()
            except BaseException:
                self._connection.close()
                raise
        except sqlite3.Error as error:
            raise JournalError(f"journal {path}: {error}; move the file away to start with empty counters") from error

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All that is done inside the block, or nothing; sqlite3.Error when it could not be done."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def read(self, statement: str, *values: int | str) -> list[Any]:
        """All the rows of a query."""
        with self._lock:
            return self._connection.execute(statement, values).fetchall()

    def close(self) -> None:
        """Give the file back. What was committed is there."""
        with self._lock:
            self._connection.close()

    def _prepare(self) -> None:
        connection = self._connection
        application, version, tables = (
            connection.execute(f"SELECT {what}").fetchone()[0]
            for what in (
                "application_id FROM pragma_application_id",
                "user_version FROM pragma_user_version",
                "count(*) FROM sqlite_schema",
            )
        )
        if tables and application != _APPLICATION_ID:
            raise JournalError(
                f"journal {self.path}: this is another program's database; move it away, or give ratelimit a state folder of its own"
            )
        if version > _VERSION:
            raise JournalError(
                f"journal {self.path}: written by a newer ratelimit (schema {version}, this one reads {_VERSION}); "
                "run that one, or move the file away to start with empty counters"
            )
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute(f"PRAGMA wal_autocheckpoint={_CHECKPOINT_PAGES}")
        connection.execute(f"PRAGMA journal_size_limit={_WAL_LIMIT_BYTES}")
        if not tables:
            connection.executescript(f"BEGIN;{_SCHEMA}PRAGMA application_id={_APPLICATION_ID};PRAGMA user_version={_VERSION};COMMIT")


def insert(connection: sqlite3.Connection, table: str, rows: Sequence[tuple[object, ...]]) -> None:
    """Add rows, of all columns. Many by one statement: after each the thread has to wait for its turn with the interpreter."""
    for begin in range(0, len(rows), _MOST_ROWS):
        part = rows[begin : begin + _MOST_ROWS]
        places = ",".join([f"({','.join('?' * len(part[0]))})"] * len(part))
        connection.execute(f"INSERT INTO {table} VALUES {places}", [value for row in part for value in row])  # noqa: S608 - a table's name
