"""Counters of sliding logs: every admission of the last window."""

from __future__ import annotations

import json
from bisect import insort
from collections import deque
from operator import attrgetter
from typing import TYPE_CHECKING

from maas_ratelimit.adapters.memory.counters import NEVER, AnyFamily, Holding

if TYPE_CHECKING:
    from maas_ratelimit.core.plans import PlannedLimit


class LogEntry:
    """What one admission took of a log."""

    __slots__ = ("amount", "at_ms", "counter", "reserved")

    def __init__(self, counter: LogCounter, amount: int, at_ms: int, *, reserved: bool) -> None:
        self.counter = counter
        self.amount = amount
        self.at_ms = at_ms
        self.reserved = reserved

    def settle(self, limit: PlannedLimit, taken: int, used: int, now_ms: int) -> None:
        counter = self.counter
        counter.forget(now_ms)
        amount = used if self.reserved else max(0, self.amount + used - taken)  # it may have been reset since
        if self.at_ms + counter.window_ms > now_ms:
            counter.total += amount - self.amount
            if self.reserved:
                counter.reserved -= taken
        self.amount = amount
        self.reserved = False


class LogCounter:
    """Every admission of the last window."""

    __slots__ = ("end", "entries", "family", "reserved", "subject", "told", "total", "window_ms")

    def __init__(self, family: AnyFamily, subject: str) -> None:
        self.family = family
        self.subject = subject
        self.end = NEVER
        self.window_ms = family.window_s * 1000
        self.entries: deque[LogEntry] = deque()
        self.total = 0
        self.reserved = 0
        self.told = 0

    def forget(self, now_ms: int) -> None:
        """Let go what is past the window."""
        entries, before = self.entries, now_ms - self.window_ms
        while entries and entries[0].at_ms <= before:
            entry = entries.popleft()
            self.total -= entry.amount
            if entry.reserved:
                self.reserved -= entry.amount

    def rest(self, limit: PlannedLimit, now_ms: int) -> int:
        self.forget(now_ms)
        return limit.amount - self.total

    def take(self, limit: PlannedLimit, amount: int, now_ms: int) -> Holding:
        entry = LogEntry(self, amount, now_ms, reserved=not limit.is_firm)
        self.entries.append(entry)
        self.total += amount
        if entry.reserved:
            self.reserved += amount
        return entry

    def charge(self, limit: PlannedLimit, used: int, now_ms: int) -> None:
        self.forget(now_ms)
        self.entries.append(LogEntry(self, used, now_ms, reserved=False))
        self.total += used

    def reset(self, limit: PlannedLimit, now_ms: int) -> int:
        newest = next((entry for entry in reversed(self.entries) if entry.amount), None)
        return -(-(now_ms if newest is None else newest.at_ms + self.window_ms) // 1000)

    def retry_ms(self, limit: PlannedLimit, take: int, now_ms: int) -> int:
        rest = limit.amount - self.total
        for entry in self.entries:
            if rest >= take:
                break
            rest += entry.amount
            now_ms = entry.at_ms + self.window_ms
        return now_ms

    def seen(self, now_ms: int) -> tuple[int, int]:
        self.forget(now_ms)
        return self.total - self.reserved, self.reserved

    def clear(self, now_ms: int) -> None:
        self.forget(now_ms)
        for entry in self.entries:
            if not entry.reserved:
                entry.amount = 0
        self.entries = deque(entry for entry in self.entries if entry.reserved)
        self.total = self.reserved

    def is_idle(self, now_ms: int) -> bool:
        self.forget(now_ms)
        return not self.entries

    def state(self) -> str:
        return json.dumps([[entry.at_ms, entry.amount] for entry in self.entries if not entry.reserved])

    def restore(self, state: str) -> None:
        """What was taken at the same time becomes one entry: that is all `retake` can find it by."""
        amounts: dict[int, int] = {}
        for at_ms, amount in json.loads(state):
            amounts[at_ms] = amounts.get(at_ms, 0) + amount
        for at_ms, amount in amounts.items():
            self._insert(LogEntry(self, amount, at_ms, reserved=False))

    def retake(self, limit: PlannedLimit, amount: int, at_ms: int) -> Holding:
        if limit.is_firm:
            was_reset = LogEntry(self, 0, at_ms, reserved=False)
            return next((entry for entry in self.entries if entry.at_ms == at_ms and not entry.reserved), was_reset)
        entry = LogEntry(self, amount, at_ms, reserved=True)
        self._insert(entry)
        return entry

    def _insert(self, entry: LogEntry) -> None:
        insort(self.entries, entry, key=attrgetter("at_ms"))
        self.total += entry.amount
        if entry.reserved:
            self.reserved += entry.amount
