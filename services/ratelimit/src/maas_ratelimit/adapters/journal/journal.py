"""What the memory store must not forget, written down in batches: see file for where, writer for when."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from operator import itemgetter
from pathlib import Path

from maas_common.clock import Clock

from maas_ratelimit.adapters.journal.ended import JournalEnded
from maas_ratelimit.adapters.journal.file import JournalFile
from maas_ratelimit.adapters.journal.log import JournalLog, Shelf
from maas_ratelimit.adapters.journal.outbox import JournalOutbox

_OPENED: Shelf = (0, "reservations", "")
_PARTIES = ("parties", "")
_HOUR_S, _HOUR_MS = 3600, 3_600_000


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
        """Past `max_events` the oldest events are dropped; past `max_ended` the request ids that would be forgotten next.

        They leave by the row: up to a hundredth more than they must, and of the ids as much may stay.
        """
        self._file = JournalFile(path)
        self._clock = clock
        self._log = JournalLog(self._file)
        self._ended = JournalEnded(self._file, max_ended)
        self._recovered: list[tuple[str, int]] = []
        """Reservations found at the start, latest deadline first: what they refer to stays while they are open, however late that is."""
        self.outbox = JournalOutbox(self._file, max_events)

    def write(self, batch: Batch) -> None:
        """Write all of it or nothing; sqlite3.Error when it can't be written. One thread at a time."""
        now = self._clock.now()
        closed = [*[row[0] for row in batch.ended], *batch.undone]
        gone: dict[Shelf, list[str]] = {_OPENED: closed}
        for name, tenant, subject, until in batch.gone:
            gone.setdefault((until, name, tenant), []).append(subject)
        texts: dict[Shelf, dict[str, str]] = defaultdict(dict)
        texts[_OPENED] = {rid: f"{deadline} {body}" for rid, deadline, body in batch.opened}
        for rid in closed:
            texts[_OPENED].pop(rid, None)
        for name, tenant, subject, until, state in batch.counters:
            texts[until, name, tenant][subject] = state
        for party, until_ms, body in batch.parties:
            texts[(until_ms // _HOUR_MS + 2) * _HOUR_S, *_PARTIES][party] = body  # by the hour, and one for who is late to expire
        if not self._log.is_read:
            self._log.read()
        while self._recovered and not self._log.has(_OPENED, self._recovered[-1][0]):
            self._recovered.pop()
        needed_from = min(now, self._recovered[-1][1] / 1000) if self._recovered else now
        with self._file.transaction() as connection:
            committed = (
                self._log.write(connection, texts, gone, int(needed_from)),
                self._ended.write(connection, batch.ended, int(now * 1000)),
                self.outbox.append(connection, batch.events),
            )
        for each in committed:
            each()

    def load(self) -> Recovered:
        """What was written and is not past its time."""
        now = self._clock.now()
        opened: list[tuple[str, int, str]] = []
        counters: list[tuple[str, str, str, int, str]] = []
        parties: dict[str, str] = {}
        for shelf, texts in self._log.read().items():
            until, name, tenant = shelf
            if shelf == _OPENED:
                for rid, text in texts.items():
                    deadline, _, body = text.partition(" ")
                    opened.append((rid, int(deadline), body))
            elif shelf[1:] == _PARTIES:
                parties |= texts
            elif not until or until > int(now):
                counters += [(name, tenant, subject, until, state) for subject, state in texts.items()]
        opened.sort(key=itemgetter(1))
        self._recovered = [row[:2] for row in reversed(opened)]
        return Recovered(counters, opened, self._ended.read(int(now * 1000)), parties)

    def close(self) -> None:
        """Give the file back."""
        self._file.close()
