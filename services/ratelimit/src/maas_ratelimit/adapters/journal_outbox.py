"""Usage events in the journal: written with the counts that made them, kept until keys has them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from threading import Lock

import structlog
from maas_common.errors import UnavailableError

from maas_ratelimit.adapters.journal_file import JournalFile, changed
from maas_ratelimit.ports import UsageEvent

log = structlog.get_logger(__name__)

_NEARLY_FULL = 0.8
_PILING_UP, _DROPPING, _NOTHING_MORE = range(3)


class JournalOutbox:
    """A UsageOutbox that holds at most `max_events`; past it the oldest are dropped."""

    def __init__(self, file: JournalFile, max_events: int) -> None:
        self._file = file
        self._max_events = max_events
        self._taking = Lock()
        self._counting = Lock()
        self._depth = int(file.read("SELECT count(*) FROM events")[0][0])
        self._handed_out = 0
        self._dropped = 0
        self._tell_next = _PILING_UP

    @property
    def dropped(self) -> int:
        """Events lost because there were too many, ever since the start."""
        return self._dropped

    def append(self, connection: sqlite3.Connection, lines: Sequence[str]) -> Callable[[], None]:
        """Add events in the journal's transaction; what this returns is called once that is committed."""
        added = changed(connection, "INSERT INTO events (line) SELECT value FROM json_each(?)", lines)
        excess = max(0, self._depth + added - self._max_events)
        dropped = connection.execute(_DROP_OLDEST, (excess,)).rowcount if added and excess else 0

        def committed() -> None:
            self._dropped += dropped
            self._count(added - dropped, is_dropping=dropped > 0)

        return committed

    def take(self, at_most: int) -> list[UsageEvent]:
        """See UsageOutbox."""
        with self._taking:
            try:
                rows = self._file.read("SELECT seq, line FROM events WHERE seq > ? ORDER BY seq LIMIT ?", self._handed_out, at_most)
            except sqlite3.Error as error:
                raise UnavailableError("usage events can't be read from the journal just now; try again") from error
            if rows:
                self._handed_out = rows[-1][0]
        return [UsageEvent(str(seq), line) for seq, line in rows]

    def done(self, events: Sequence[UsageEvent]) -> None:
        """See UsageOutbox. UnavailableError when the journal can't be written."""
        removed = 0
        try:
            with self._file.transaction() as connection:
                removed = changed(connection, _REMOVE, [int(event.position) for event in events])
                self._count(-removed)  # in here: what is appended next must not be dropped for want of room that there is
        except sqlite3.Error as error:
            self._count(removed)
            raise UnavailableError("usage events can't be removed from the journal just now; try again") from error

    def depth(self) -> int:
        """See UsageOutbox."""
        return self._depth

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


_DROP_OLDEST = "DELETE FROM events WHERE seq IN (SELECT seq FROM events ORDER BY seq LIMIT ?)"
_REMOVE = "DELETE FROM events WHERE seq IN (SELECT value FROM json_each(?))"
