"""Settlements that wait for a store to come back."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import structlog

from maas_ratelimit.core.counting import Settlement

log = structlog.get_logger(__name__)


class Spool:
    """The oldest first. Past `at_most` the oldest are dropped: theirs are the windows that end first."""

    def __init__(self, at_most: int) -> None:
        self.dropped = 0
        """Settlements lost because there were too many, ever since the start."""
        self._at_most = at_most
        self._waiting: deque[Settlement] = deque()
        self._is_told = False

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, settlement: Settlement) -> None:
        """Keep one, as the newest."""
        if len(self._waiting) >= self._at_most:
            self._waiting.popleft()
            self._drop(1)
        self._waiting.append(settlement)

    def take(self, at_most: int) -> list[Settlement]:
        """The oldest, no longer kept."""
        return [self._waiting.popleft() for _ in range(min(at_most, len(self._waiting)))]

    def put_back(self, settlements: Sequence[Settlement]) -> None:
        """Keep again what was taken, as the oldest."""
        room = self._at_most - len(self._waiting)
        kept = settlements[max(0, len(settlements) - room) :]
        if lost := len(settlements) - len(kept):
            self._drop(lost)
        self._waiting.extendleft(reversed(kept))

    def _drop(self, number: int) -> None:
        self.dropped += number
        if not self._is_told:
            self._is_told = True
            log.error("settlements are being lost: more wait for the store than may", max_spooled=self._at_most)

    def rest(self) -> None:
        """It was emptied: the next time it overflows is told again."""
        self._is_told = False
