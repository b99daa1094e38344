"""Counters in this process, one class for each kind of window.

All have: `rest`, what is left of an amount; `take`, which gives what is to be settled later; `reset` and `retry_ms` as in Admission;
`used` and `held` for people. Times in milliseconds.
"""

from __future__ import annotations

import json
from bisect import insort
from collections import deque
from operator import attrgetter
from typing import TYPE_CHECKING, Protocol, TypeAlias

from maas_ratelimit.core import algorithms

if TYPE_CHECKING:
    from maas_ratelimit.adapters.memory_families import Family
    from maas_ratelimit.core.plans import PlannedLimit

NEVER = 0


class Holding(Protocol):
    """What one admission took of one counter."""

    @property
    def counter(self) -> AnyCounter:
        """Where it was taken."""
        ...

    def settle(self, limit: PlannedLimit, taken: int, used: int, now_ms: int) -> None:
        """Put what was used in the place of what was taken."""
        ...


class Counter:
    """One bucket: of a fixed or calendar window, or of what is held now."""

    __slots__ = ("end", "family", "reserved", "subject", "told", "used")

    def __init__(self, family: Family, subject: str) -> None:
        self.family = family
        self.subject = subject
        self.end = family.end
        self.used = 0
        self.reserved = 0
        self.told = 0
        """The highest percentage of the amount that was told."""

    @property
    def counter(self) -> Counter:
        """Itself: a bucket need not tell one admission from another."""
        return self

    def rest(self, limit: PlannedLimit, now_ms: int) -> int:  # noqa: ARG002 - others need the time
        return limit.amount - self.used - self.reserved

    def take(self, limit: PlannedLimit, amount: int, now_ms: int) -> Holding:  # noqa: ARG002 - as above
        if limit.is_firm:
            self.used += amount
        else:
            self.reserved += amount
        return self

    def settle(self, limit: PlannedLimit, taken: int, used: int, now_ms: int) -> None:  # noqa: ARG002 - as above
        if limit.is_firm:
            self.used = max(0, self.used + used - taken)  # it may have been reset since
        else:
            self.reserved -= taken
            self.used += used

    def charge(self, limit: PlannedLimit, used: int, now_ms: int) -> None:  # noqa: ARG002 - as above
        self.used += used

    def reset(self, limit: PlannedLimit, now_ms: int) -> int:  # noqa: ARG002 - as above
        return self.end

    def retry_ms(self, limit: PlannedLimit, take: int, now_ms: int) -> int:  # noqa: ARG002 - as above
        return self.end * 1000

    def seen(self, now_ms: int) -> tuple[int, int]:  # noqa: ARG002 - as above
        """Used and reserved."""
        return self.used, self.reserved

    def clear(self, now_ms: int) -> None:  # noqa: ARG002 - as above
        """Forget what was used."""
        self.used = 0

    def is_idle(self, now_ms: int) -> bool:
        """Whether it may leave: it holds nothing, and its time is over."""
        return not self.reserved and (self.end == NEVER or self.end * 1000 <= now_ms)

    def state(self) -> str:
        """For `restore`; what is reserved comes back with the reservations."""
        return f"[{self.used},{self.told}]"

    def restore(self, state: str) -> None:
        self.used, self.told = json.loads(state)

    def retake(self, limit: PlannedLimit, amount: int, at_ms: int) -> Holding:  # noqa: ARG002 - as above
        """Hold again what a reservation of the process before held; what is firm is in `state` already."""
        if not limit.is_firm:
            self.reserved += amount
        return self


class SlidingCounter(Counter):
    """The newer of two buckets, and the older one."""

    __slots__ = ("older",)

    def __init__(self, family: Family, subject: str, older: Counter | None) -> None:
        super().__init__(family, subject)
        if isinstance(older, SlidingCounter):
            older.older = None
        self.older: Counter | None = older

    def _older(self) -> int:
        return self.older.used + self.older.reserved if self.older is not None else 0

    def rest(self, limit: PlannedLimit, now_ms: int) -> int:
        rest = limit.amount - self.used - self.reserved
        if self.older is None:
            return rest
        return rest - algorithms.counted(self._older(), algorithms.share_inside(self.end * 1000, now_ms, limit.window_s * 1000))

    def reset(self, limit: PlannedLimit, now_ms: int) -> int:  # noqa: ARG002 - as above
        return self.end + limit.window_s if self.used + self.reserved else self.end

    def retry_ms(self, limit: PlannedLimit, take: int, now_ms: int) -> int:  # noqa: ARG002 - as above
        return algorithms.sliding_retry_ms(
            take=take,
            amount=limit.amount,
            newer=self.used + self.reserved,
            older=self._older(),
            end_ms=self.end * 1000,
            length_ms=limit.window_s * 1000,
        )

    def clear(self, now_ms: int) -> None:
        super().clear(now_ms)
        if self.older is not None:
            self.older.used = 0


class GcraCounter:
    """A level that drains."""

    __slots__ = ("at_ms", "end", "family", "level", "open", "rate", "subject", "told", "window_ms")

    def __init__(self, family: Family, subject: str) -> None:
        self.family = family
        self.subject = subject
        self.end = NEVER
        self.window_ms = family.window_s * 1000
        self.level = 0
        self.rate = 0
        self.at_ms = 0
        self.open = 0
        """Reservations not settled yet: what they used beyond them is still to come."""
        self.told = 0

    @property
    def counter(self) -> GcraCounter:
        return self

    def _now(self, limit: PlannedLimit, now_ms: int) -> int:
        return algorithms.drained(self.level, limit.amount, now_ms - self.at_ms)

    def _set(self, limit: PlannedLimit, level: int, now_ms: int) -> None:
        self.level, self.at_ms, self.rate = max(0, min(level, algorithms.MAX_LEVEL)), now_ms, limit.amount

    def rest(self, limit: PlannedLimit, now_ms: int) -> int:
        return (limit.capacity * self.window_ms - self._now(limit, now_ms)) // self.window_ms

    def take(self, limit: PlannedLimit, amount: int, now_ms: int) -> Holding:
        self._set(limit, self._now(limit, now_ms) + amount * self.window_ms, now_ms)
        self.open += 1
        return self

    def settle(self, limit: PlannedLimit, taken: int, used: int, now_ms: int) -> None:
        self.open -= 1
        self.charge(limit, used - taken, now_ms)

    def charge(self, limit: PlannedLimit, used: int, now_ms: int) -> None:
        self._set(limit, self._now(limit, now_ms) + used * self.window_ms, now_ms)

    def reset(self, limit: PlannedLimit, now_ms: int) -> int:
        return -(-(now_ms - -self._now(limit, now_ms) // limit.amount) // 1000)

    def retry_ms(self, limit: PlannedLimit, take: int, now_ms: int) -> int:
        return algorithms.gcra_retry_ms(
            take=take,
            burst=limit.capacity,
            amount=limit.amount,
            level=self._now(limit, now_ms),
            now_ms=now_ms,
            length_ms=self.window_ms,
        )

    def seen(self, now_ms: int) -> tuple[int, int]:
        return -(-algorithms.drained(self.level, self.rate, now_ms - self.at_ms) // self.window_ms), 0

    def clear(self, now_ms: int) -> None:
        self.level, self.at_ms = 0, now_ms

    def is_idle(self, now_ms: int) -> bool:
        return not self.open and not algorithms.drained(self.level, self.rate, now_ms - self.at_ms)

    def state(self) -> str:
        return f"[{self.level},{self.at_ms},{self.rate}]"

    def restore(self, state: str) -> None:
        self.level, self.at_ms, self.rate = json.loads(state)

    def retake(self, limit: PlannedLimit, amount: int, at_ms: int) -> Holding:  # noqa: ARG002 - the level has it already
        self.open += 1
        return self


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

    def __init__(self, family: Family, subject: str) -> None:
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

    def charge(self, limit: PlannedLimit, used: int, now_ms: int) -> None:  # noqa: ARG002 - as all have it
        self.forget(now_ms)
        self.entries.append(LogEntry(self, used, now_ms, reserved=False))
        self.total += used

    def reset(self, limit: PlannedLimit, now_ms: int) -> int:  # noqa: ARG002 - as all have it
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


AnyCounter: TypeAlias = Counter | GcraCounter | LogCounter
