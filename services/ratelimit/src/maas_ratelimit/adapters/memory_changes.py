"""What has changed in memory since it was last collected: what a journal has to write, and usage events."""

from __future__ import annotations

from maas_ratelimit.adapters.memory_counters import AnyCounter
from maas_ratelimit.adapters.memory_requests import Reservation


class Changes:
    """Filled by the store under its lock. A reservation that came and went in between leaves no trace but its id."""

    __slots__ = ("ended", "events", "opened", "touched", "undone")

    def __init__(self) -> None:
        self.touched: set[AnyCounter] = set()
        self.opened: dict[str, Reservation] = {}
        self.ended: list[tuple[str, int, bool]] = []
        """Request ids that ended, until when that is remembered (Unix ms), and whether they expired."""
        self.undone: list[str] = []
        self.events: list[str] = []
        """Lines of core.events."""

    def __bool__(self) -> bool:
        return bool(self.touched or self.opened or self.ended or self.undone or self.events)
