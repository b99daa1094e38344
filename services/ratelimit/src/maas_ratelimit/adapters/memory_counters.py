"""Counters of fixed windows, in this process."""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heappop, heappush
from typing import TypeAlias

CounterKey: TypeAlias = tuple[str, str, str, int]
"""Limit's counter name, tenant, user, end of the window."""


@dataclass(slots=True, eq=False)
class Counter:
    """One window of one limit for one user."""

    used: int = 0
    reserved: int = 0


class MemoryCounters:
    """Live counters by key. A counter leaves once its window has ended, a few at a time."""

    def __init__(self) -> None:
        self._live: dict[CounterKey, Counter] = {}
        self._by_end: dict[int, list[CounterKey]] = {}
        self._ends: list[int] = []
        self.get = self._live.get

    def __len__(self) -> int:
        return len(self._live)

    def open(self, key: CounterKey) -> Counter:
        """The counter of that key, made when there is none."""
        counter = self._live.get(key)
        if counter is None:
            counter = self._live[key] = Counter()
            end = key[3]
            keys = self._by_end.get(end)
            if keys is None:
                keys = self._by_end[end] = []
                heappush(self._ends, end)
            keys.append(key)
        return counter

    def drop_ended(self, now: float, at_most: int) -> bool:
        """Let ended counters go; whether there are more."""
        while self._ends and self._ends[0] <= now:
            keys = self._by_end[self._ends[0]]
            while keys:
                if not at_most:
                    return True
                at_most -= 1
                del self._live[keys.pop()]
            del self._by_end[heappop(self._ends)]
        return False
