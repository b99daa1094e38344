"""What the memory store must not forget, written down in batches: see journal_file for where, journal_writer for when."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from maas_common.clock import Clock

from maas_ratelimit.adapters.journal_file import JournalFile, changed
from maas_ratelimit.adapters.journal_outbox import JournalOutbox
from maas_ratelimit.adapters.journal_reservations import JournalReservations

_TIDY_EVERY = 20
"""Batches after which what is past its time leaves the file: each of them would write most of its pages."""
_TIDY_AT_ONCE = 20_000
"""Rows, so that no batch takes long when a window of many counters ends."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What changed: the newest state of each thing. A request id is in one of opened, ended and undone at most."""

    counters: list[tuple[str, str, str, int, str]]
    """Counter (CounterName.text), tenant, subject, end, state (JSON). All but the state name it: each window is a counter of its own.
    The end is the Unix second from which nobody needs it, 0 when that can't be known."""
    gone: list[tuple[str, str, str, int]]
    """Counters that are no more. Those past their end leave by themselves."""
    opened: list[tuple[str, int, str]]
    """Request id, deadline (Unix ms), body (JSON) of reservations that are open."""
    ended: list[tuple[str, int, bool]]
    """Request id, until when to remember it (Unix ms), whether it expired. The reservation is no more."""
    undone: list[str]
    """Request ids whose reservations vanish without trace."""
    events: list[str]
    """Lines of core.events."""
    parties: list[tuple[str, int, str]] = field(default_factory=list)
    """What bodies of reservations have in common: id, until when one may refer to it (Unix ms), body (JSON)."""


@dataclass(frozen=True, slots=True)
class Recovered:
    """All that was written down and is still of use; rows as in Batch."""

    counters: list[tuple[str, str, str, int, str]]
    opened: list[tuple[str, int, str]]
    """Earliest deadline first."""
    ended: list[tuple[str, int, bool]]
    """Earliest to forget first. An id that expired and was settled then is there as settled."""
    parties: dict[str, str] = field(default_factory=dict)
    """Bodies by id."""


class Journal:
    """Batches of changes in a file, and their usage events in `outbox`. For any thread; JournalError when the file is something else."""

    def __init__(self, path: Path, clock: Clock, *, max_events: int, max_ended: int = 400_000) -> None:
        """Past `max_events` the oldest events are dropped; past `max_ended` the request ids that would be forgotten next."""
        self._file = JournalFile(path)
        self._clock = clock
        self._max_ended = max_ended
        self._ended = int(self._file.read("SELECT count(*) FROM ended")[0][0])
        self._untidied = 0
        self._reservations = JournalReservations(self._file)
        self.outbox = JournalOutbox(self._file, max_events)

    def write(self, batch: Batch) -> None:
        """Write all of it or nothing; sqlite3.Error when it can't be written. One thread at a time."""
        tidies = self._untidied >= _TIDY_EVERY
        committed = []
        with self._file.transaction() as connection:
            ended = self._ended
            if tidies:  # first: an id may be forgotten only when its reservation has left the file
                committed.append(self._reservations.tidy(connection))
                now = self._clock.now()
                ended -= connection.execute(_FORGET_ENDED, (int(now * 1000), max(0, ended - self._max_ended), _TIDY_AT_ONCE)).rowcount
                connection.execute(_DROP_PAST_COUNTERS, (int(now), _TIDY_AT_ONCE))
                connection.execute(_DROP_PAST_PARTIES, (int(now * 1000),))
            changed(connection, _PUT_PARTIES, batch.parties)
            changed(connection, _DROP_COUNTERS, batch.gone)
            changed(connection, _PUT_COUNTERS, batch.counters)
            ended += changed(connection, _PUT_ENDED, batch.ended)
            committed.append(self._reservations.write(connection, batch.opened, [row[0] for row in batch.ended], batch.undone))
            committed.append(self.outbox.append(connection, batch.events))
        self._ended = ended
        self._untidied = 0 if tidies else self._untidied + 1
        for each in committed:
            each()

    def load(self) -> Recovered:
        """What was written and is not past its time."""
        now = self._clock.now()
        ended = self._file.read(_ENDED, int(now * 1000))
        if any(is_expired for _, _, is_expired in ended):
            settled = {rid for rid, _, is_expired in ended if not is_expired}
            ended = [row for row in ended if not row[2] or row[0] not in settled]
        return Recovered(
            self._file.read(_COUNTERS, int(now)), self._reservations.load(), ended, dict(self._file.read("SELECT id, body FROM parties"))
        )

    def close(self) -> None:
        """Give the file back."""
        self._file.close()


_PUT_COUNTERS = """INSERT OR REPLACE INTO counters (counter, tenant, subject, until, state)
    SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]'),
        json_extract(value, '$[3]'), json_extract(value, '$[4]') FROM json_each(?)"""
_DROP_COUNTERS = """DELETE FROM counters WHERE (until, counter, tenant, subject) IN
    (SELECT json_extract(value, '$[3]'), json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]')
    FROM json_each(?))"""
_DROP_PAST_COUNTERS = """DELETE FROM counters WHERE (until, counter, tenant, subject) IN
    (SELECT until, counter, tenant, subject FROM counters WHERE until BETWEEN 1 AND ? LIMIT ?)"""
_PUT_PARTIES = """INSERT OR REPLACE INTO parties (id, until, body)
    SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]') FROM json_each(?)"""
_DROP_PAST_PARTIES = "DELETE FROM parties WHERE until <= ?"
_PUT_ENDED = """INSERT INTO ended (rid, until, is_expired)
    SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]') FROM json_each(?)
    WHERE true ON CONFLICT DO NOTHING"""
_FORGET_ENDED = """DELETE FROM ended WHERE (until, rid) IN (
    SELECT until, rid FROM (SELECT until, rid FROM ended WHERE until <= ?1 ORDER BY until LIMIT ?3)
    UNION SELECT until, rid FROM (SELECT until, rid FROM ended ORDER BY until LIMIT ?2))"""
_COUNTERS = "SELECT counter, tenant, subject, until, state FROM counters WHERE until = 0 OR until > ?"
_ENDED = "SELECT rid, until, is_expired FROM ended WHERE until > ? ORDER BY until"
