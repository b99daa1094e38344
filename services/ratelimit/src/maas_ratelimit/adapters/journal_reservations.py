"""Open reservations in the journal.

They come and go by the thousand, in no order: by their ids, or deleted one by one, each would dirty a page of its own. So they are
numbered and appended, found again by a map in memory, and what ended is deleted some batches later, all of it at once. Until then the
ended ids, which are written at once, say that it is no more.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence

from maas_ratelimit.adapters.journal_file import JournalFile, changed

Opened = tuple[str, int, str]


class JournalReservations:
    """What the file holds of them.

    `write` and `tidy` happen in the journal's transaction; what they return is called once that is committed.
    """

    def __init__(self, file: JournalFile) -> None:
        self._file = file
        with file.transaction() as connection:
            connection.execute("DELETE FROM reservations WHERE rid IN (SELECT rid FROM ended WHERE rid IN (SELECT rid FROM reservations))")
        self._numbers: dict[str, int] = dict(file.read("SELECT rid, number FROM reservations ORDER BY number"))
        self._next = max(self._numbers.values(), default=0) + 1
        self._dead: list[int] = []

    def load(self) -> list[Opened]:
        """Those that are open, earliest deadline first."""
        with self._file.transaction() as connection:
            committed = self.tidy(connection)
        committed()
        return self._file.read("SELECT rid, deadline, body FROM reservations ORDER BY deadline")

    def write(
        self, connection: sqlite3.Connection, opened: Sequence[Opened], ended: Sequence[str], undone: Sequence[str]
    ) -> Callable[[], None]:
        """What is undone leaves at once: nothing else says that it is no more."""
        known, gone = self._numbers, {*ended, *undone}
        rows = [(number, *row) for number, row in enumerate((row for row in opened if row[0] not in gone), self._next)]
        numbers = {row[1]: row[0] for row in rows}
        changed(connection, _DROP, [known[rid] for rid in (*undone, *numbers) if rid in known])
        changed(connection, _PUT, rows)

        def committed() -> None:
            self._dead += [known[rid] for rid in ended if rid in known]
            for rid in gone:
                known.pop(rid, None)
            known.update(numbers)
            self._next += len(rows)

        return committed

    def tidy(self, connection: sqlite3.Connection) -> Callable[[], None]:
        """Delete what ended in the batches before."""
        dead = self._dead
        changed(connection, _DROP, dead)
        return dead.clear


_PUT = """INSERT INTO reservations (number, rid, deadline, body)
    SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]'), json_extract(value, '$[3]')
    FROM json_each(?)"""
_DROP = "DELETE FROM reservations WHERE number IN (SELECT value FROM json_each(?))"
