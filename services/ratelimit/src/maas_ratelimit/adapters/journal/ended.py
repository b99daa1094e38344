"""Ids of requests that ended, in the journal: a row for those of a batch that are forgotten at about the same time."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Sequence
from heapq import heapify, heappop, heappush

from maas_ratelimit.adapters.journal.file import JournalFile, insert

Ended = tuple[str, int, bool]
"""Request id, until when to remember it (Unix ms), whether it expired."""

_MOST_IDS = 1000
"""In a row, and no more than a hundredth of all."""


class JournalEnded:
    """What the file holds of them. What `write` returns is called once that is committed."""

    def __init__(self, file: JournalFile, at_most: int) -> None:
        """Past so many those leave that would be forgotten next, a row at a time."""
        self._file = file
        self._at_most = at_most
        self._per_row = max(1, min(_MOST_IDS, at_most // 100))
        self._due: list[tuple[int, int, int]] = file.read("SELECT until, number, size FROM ended")
        """A heap: when a row may leave (Unix ms), its number, how many ids it holds."""
        heapify(self._due)
        self._next = 1 + max((number for _, number, _ in self._due), default=0)
        self._size = sum(size for *_, size in self._due)
        self._leaving: list[tuple[int]] = []

    def read(self, now_ms: int) -> list[Ended]:
        """Those to be remembered, earliest to forget first. An id that expired and was settled then is there as settled."""
        settled: dict[str, int] = {}
        expired: dict[str, int] = {}
        for is_expired, ids in self._file.read("SELECT is_expired, ids FROM ended WHERE until > ?", now_ms):
            (expired if is_expired else settled).update(json.loads(ids))
        found = [(rid, until, False) for rid, until in settled.items() if until > now_ms]
        found += [(rid, until, True) for rid, until in expired.items() if until > now_ms and settled.get(rid, 0) <= now_ms]
        return sorted(found, key=lambda row: row[1])

    def write(self, connection: sqlite3.Connection, ended: Sequence[Ended], now_ms: int) -> Callable[[], None]:
        """Remember these, and forget those whose time has come."""
        rows: list[tuple[int, int, int, bool, str]] = []
        for begin in range(0, len(ended), self._per_row):
            part = ended[begin : begin + self._per_row]
            for which in (False, True):
                if ids := {rid: until for rid, until, is_expired in part if is_expired is which}:
                    rows.append((self._next + len(rows), max(ids.values()), len(ids), which, json.dumps(ids)))
        insert(connection, "ended", rows)
        due = self._due
        while due and (due[0][0] <= now_ms or self._size - due[0][2] >= self._at_most):
            _, number, size = heappop(due)
            self._size -= size
            self._leaving.append((number,))
        connection.executemany("DELETE FROM ended WHERE number = ?", self._leaving)

        def committed() -> None:
            self._leaving.clear()
            self._next += len(rows)
            for number, until, size, *_ in rows:
                heappush(due, (until, number, size))
                self._size += size

        return committed
