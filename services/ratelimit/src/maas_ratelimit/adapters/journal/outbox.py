"""Usage events in the journal: written with the counts that made them, kept until keys has them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from threading import Lock

import structlog
from maas_common.errors import UnavailableError

from maas_ratelimit.adapters.journal.file import JournalFile, insert
from maas_ratelimit.ports import UsageEvent

log = structlog.get_logger(__name__)

_MOST_LINES = 1000
"""In a row, and no more than a hundredth of all. Lines that are done are empty until all of their row are."""
_BETWEEN = "\x1e"
_NEARLY_FULL = 0.8
_PILING_UP, _DROPPING, _NOTHING_MORE = range(3)


class JournalOutbox:
    """A UsageOutbox that holds at most `max_events`; past it the oldest are dropped."""

    def __init__(self, file: JournalFile, max_events: int) -> None:
        self._file = file
        self._max_events = max_events
        self._per_row = max(1, min(_MOST_LINES, max_events // 100))
        self._taking = Lock()
        self._counting = Lock()
        self._depth: int
        self._last: int
        self._depth, self._last = file.read("SELECT coalesce(sum(waiting), 0), coalesce(max(last), 0) FROM events")[0]
        self._handed_out = 0
        self._dropped = 0
        self._tell_next = _PILING_UP

    @property
    def dropped(self) -> int:
        """Events lost because there were too many, ever since the start."""
        return self._dropped

    def append(self, connection: sqlite3.Connection, lines: Sequence[str]) -> Callable[[], None]:
        """Add events in the journal's transaction; what this returns is called once that is committed."""
        too_many, lines = max(0, len(lines) - self._max_events), lines[-self._max_events :]
        rows = []
        for begin in range(0, len(lines), self._per_row):
            part = lines[begin : begin + self._per_row]
            rows.append((self._last + begin + len(part), self._last + begin + 1, len(part), _joined(part)))
        dropped = self._drop_oldest(connection, self._depth + len(lines) - self._max_events) if rows else 0
        insert(connection, "events", rows)

        def committed() -> None:
            self._last += len(lines)
            self._dropped += too_many + dropped
            self._count(len(lines) - dropped, is_dropping=too_many + dropped > 0)

        return committed

    def take(self, at_most: int) -> list[UsageEvent]:
        """See UsageOutbox."""
        events: list[UsageEvent] = []
        with self._taking:
            after = self._handed_out
            try:
                rows = self._file.read(_NEXT, after, at_most + _MOST_LINES)
            except sqlite3.Error as error:
                raise UnavailableError("usage events can't be read from the journal just now; try again") from error
            for last, first, lines in rows:
                waiting = [UsageEvent(str(n), line) for n, line in enumerate(lines.split(_BETWEEN), first) if line and n > after]
                room = at_most - len(events)
                events += waiting[:room]
                if len(waiting) >= room:
                    self._handed_out = int(events[-1].position)
                    break
                self._handed_out = last
        return events

    def done(self, events: Sequence[UsageEvent]) -> None:
        """See UsageOutbox. UnavailableError when the journal can't be written."""
        removed = 0
        try:
            with self._file.transaction() as connection:
                removed = _remove(connection, {int(event.position) for event in events})
                self._count(-removed)  # in here: what is appended next must not be dropped for want of room that there is
        except sqlite3.Error as error:
            self._count(removed)
            raise UnavailableError("usage events can't be removed from the journal just now; try again") from error

    def depth(self) -> int:
        """See UsageOutbox."""
        return self._depth

    def _drop_oldest(self, connection: sqlite3.Connection, excess: int) -> int:
        """Whole rows, until so many are gone; how many went."""
        dropped = 0
        if excess > 0:
            for last, waiting in connection.execute("SELECT last, waiting FROM events ORDER BY last").fetchmany(excess):
                connection.execute("DELETE FROM events WHERE last = ?", (last,))
                dropped += int(waiting)
                if dropped >= excess:
                    break
        return dropped

    def _count(self, change: int, *, is_dropping: bool = False) -> None:
        """Each log line is written once, until there is room again."""
        with self._counting:
            self._depth += change
            if self._depth < _NEARLY_FULL * self._max_events:
                self._tell_next = _PILING_UP
                return
            tells, self._tell_next = self._tell_next, max(self._tell_next, _DROPPING)
        if tells == _PILING_UP:
            log.warning(
                "usage events pile up; past max_events the oldest are dropped: is keys reachable?",
                waiting=self._depth,
                max_events=self._max_events,
            )
        if is_dropping and tells <= _DROPPING:
            self._tell_next = _NOTHING_MORE
            log.error("usage events are dropped, the oldest first: is keys reachable?", max_events=self._max_events)


def _joined(lines: Sequence[str]) -> str:
    text = _BETWEEN.join(lines)
    return text if text.count(_BETWEEN) == len(lines) - 1 else _BETWEEN.join([line.replace(_BETWEEN, "\ufffd") for line in lines])


def _remove(connection: sqlite3.Connection, numbers: set[int]) -> int:
    """Take these lines out of their rows; how many there were."""
    removed = 0
    lowest, highest = min(numbers, default=0), max(numbers, default=0)
    rows = connection.execute("SELECT last, first, waiting FROM events WHERE last BETWEEN ? AND ?", (lowest, highest + _MOST_LINES))
    for last, first, waiting in rows.fetchall():
        if first > highest:
            break
        left: list[str] = []
        if not numbers.issuperset(range(first, last + 1)):
            (lines,) = connection.execute("SELECT lines FROM events WHERE last = ?", (last,)).fetchone()
            left = ["" if number in numbers else line for number, line in enumerate(lines.split(_BETWEEN), first)]
        if count := len(left) - left.count(""):
            connection.execute("UPDATE events SET waiting = ?, lines = ? WHERE last = ?", (count, _joined(left), last))
        else:
            connection.execute("DELETE FROM events WHERE last = ?", (last,))
        removed += waiting - count
    return removed


_NEXT = """SELECT last, first, lines FROM events
    WHERE last > ?1 AND last <= ?2 + (SELECT min(last) FROM events WHERE last > ?1) ORDER BY last"""
