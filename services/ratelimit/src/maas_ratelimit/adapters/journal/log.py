"""Texts by key in the journal: counters, open reservations and what these have in common.

They come and go by the thousand, in no order: with a row each, every batch would dirty a page for nearly each of them. So a row holds
as many as were written together, and is never changed: what is newer stands in a later row, null for what is no more. When over half
of what all rows hold is out of date, the oldest leave, and what is still true of them is written once more, with the next batch.
"""

from __future__ import annotations

import json
import sqlite3
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import TypeAlias

from maas_ratelimit.adapters.journal.file import JournalFile, insert

Shelf: TypeAlias = tuple[int, str, str]
"""Where keys are kept apart from others: until when they are needed (Unix s; 0 when that can't be known), and two names."""

_MOST_KEYS = 1000
"""In a row, so that reading one back takes no time that anybody would notice."""
_SLACK = 5000
"""Keys out of date that are no reason to write anything again."""


class JournalLog:
    """The newest text of each key. What `write` returns is called once that is committed."""

    def __init__(self, file: JournalFile) -> None:
        self._file = file
        self._next = 1
        self._all: deque[tuple[int, Shelf, int]] = deque()
        """Every row's number, shelf and count of keys, oldest first."""
        self._size = 0
        """Keys in all rows."""
        self._rows: dict[Shelf, dict[str, int]] = {}
        """The row that holds a key's newest text."""
        self.is_read = False
        """`write` needs to know what is there."""

    def read(self) -> dict[Shelf, dict[str, str]]:
        """All that is there, those past their time that have not left yet included; in the order in which it was written."""
        found: dict[Shelf, dict[str, str]] = {}
        rows: dict[Shelf, dict[str, int]] = {}
        self._all.clear()
        for number, until, name, tenant, size, texts in self._file.read("SELECT * FROM log ORDER BY number"):
            entries = json.loads(texts)
            found.setdefault((until, name, tenant), {}).update(entries)
            _note(rows.setdefault((until, name, tenant), {}), entries, number)
            self._next = number + 1
            self._all.append((number, (until, name, tenant), size))
        for texts in found.values():
            for key in [key for key, text in texts.items() if text is None]:
                del texts[key]
        self._rows, self._size, self.is_read = rows, sum(size for *_, size in self._all), True
        return found

    def has(self, shelf: Shelf, key: str) -> bool:
        """Whether there is a text of that key."""
        return key in self._rows.get(shelf, ())

    def write(
        self,
        connection: sqlite3.Connection,
        texts: Mapping[Shelf, Mapping[str, str]],
        gone: Mapping[Shelf, Iterable[str]],
        needed_from: int,
    ) -> Callable[[], None]:
        """Write new texts of keys, and which keys are no more; forget what is needed until `needed_from` (Unix s) at the latest."""
        known = self._rows
        for shelf in [shelf for shelf in known if 0 < shelf[0] <= needed_from]:
            del known[shelf]
        changes: dict[Shelf, dict[str, str | None]] = {}
        for shelf, keys in gone.items():
            if there := known.get(shelf):
                changes[shelf] = {key: None for key in keys if key in there}
        for shelf, entries in texts.items():
            changes.setdefault(shelf, {}).update(entries)
        leaving = self._make_room(connection, changes)
        parts = [(shelf, part) for shelf, entries in changes.items() for part in _parts(entries)]
        rows = [(number, *shelf, len(part), json.dumps(part)) for number, (shelf, part) in enumerate(parts, self._next)]
        insert(connection, "log", rows)

        def committed() -> None:
            for _ in range(leaving):
                self._size -= self._all.popleft()[2]
            for number, (shelf, part) in enumerate(parts, self._next):
                _note(known.setdefault(shelf, {}), part, number)
                self._all.append((number, shelf, len(part)))
                self._size += len(part)
            self._next += len(parts)

        return committed

    def _make_room(self, connection: sqlite3.Connection, changes: dict[Shelf, dict[str, str | None]]) -> int:
        """Let the oldest rows leave if there are too many, and add what is still true of them; how many rows leave.

        Twice as many keys as are written now may leave at once: then they leave faster than they come even if half of them have to be
        written again, and no batch takes much longer than others.
        """
        at_most = min(self._size - 2 * sum(map(len, self._rows.values())) - _SLACK, 2 * sum(map(len, changes.values())) + _MOST_KEYS)
        freed = leaving = 0
        oldest: dict[Shelf, int] = {}
        for last, shelf, size in self._all:
            if freed >= at_most:
                break
            rows = self._rows.get(shelf, {})
            if oldest.setdefault(shelf, _first_from(rows, last)) == last:
                oldest[shelf] = _first_from(rows, last + 1)
                (texts,) = connection.execute("SELECT texts FROM log WHERE number = ?", (last,)).fetchone()
                changed = changes.setdefault(shelf, {})
                for key, text in json.loads(texts).items():
                    if rows.get(key) == last:
                        changed.setdefault(key, text)
            freed += size
            leaving += 1
        if leaving:
            connection.execute("DELETE FROM log WHERE number <= ?", (self._all[leaving - 1][0],))
        return leaving


def _note(rows: dict[str, int], entries: Mapping[str, str | None], number: int) -> None:
    """The newest texts of these keys are in that row."""
    for key in rows.keys() & entries.keys():
        del rows[key]
    rows.update(dict.fromkeys([key for key, text in entries.items() if text is not None], number))


def _first_from(rows: dict[str, int], number: int) -> int:
    """The first row from there on that holds anything: `rows` has the keys in the order of their rows."""
    return next((row for row in rows.values() if row >= number), 0)


def _parts(entries: dict[str, str | None]) -> list[dict[str, str | None]]:
    if len(entries) <= _MOST_KEYS:
        return [entries] if entries else []
    rest = iter(entries.items())
    return [dict(islice(rest, _MOST_KEYS)) for _ in range(0, len(entries), _MOST_KEYS)]
