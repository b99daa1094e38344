"""What has changed in memory since it was last collected: what a journal has to write, and usage events."""

from __future__ import annotations

from collections import deque

from maas_ratelimit.adapters.memory.counters import AnyCounter
from maas_ratelimit.adapters.memory.requests import Reservation


class Changes:
    """Filled by the store under its lock. A reservation that came and went in between leaves no trace but its id."""

    __slots__ = ("dropped", "ended", "events", "most_ended", "most_events", "opened", "touched", "undone")

    def __init__(self, most_events: int = 10_000_000, most_ended: int = 400_000) -> None:
        """While nobody can collect them, the oldest beyond so many are lost."""
        self.most_events = most_events
        self.most_ended = most_ended
        self.dropped = 0
        """Events lost."""
        self.touched: set[AnyCounter] = set()
        self.opened: dict[str, Reservation] = {}
        self.ended: deque[tuple[str, int, bool]] = deque(maxlen=most_ended)
        """Request ids that ended, until when that is remembered (Unix ms), and whether they expired."""
        self.undone: set[str] = set()
        self.events: deque[str] = deque(maxlen=most_events)
        """Lines of core.events; see `tell`."""

    def __bool__(self) -> bool:
        return bool(self.touched or self.opened or self.ended or self.undone or self.events)

    def tell(self, line: str) -> None:
        """Add an event."""
        self.dropped += len(self.events) == self.most_events
        self.events.append(line)

    def empty(self) -> Changes:
        """With the same bounds."""
        return Changes(self.most_events, self.most_ended)
