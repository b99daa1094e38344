"""Counters in this process: what all kinds have in common, and those of fixed, calendar and sliding windows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Protocol

from maas_ratelimit.core import algorithms

if TYPE_CHECKING:
    from maas_common.windows import Window

    from maas_ratelimit.core.plans import PlannedLimit

NEVER = 0
"""The end of what has none."""


class AnyFamily(Protocol):
    """One limit's counters in one tenant: families."""

    name: str
    tenant: str
    window: Window
    window_s: int
    is_long: bool
    """Its counters are worth keeping through a restart."""
    end: int
    """Of the current window."""
    counters: dict[str, AnyCounter]
    """Of the current window, by subject."""


class Holding(Protocol):
    """What one admission took of one counter."""

    @property
    def counter(self) -> AnyCounter:
        """Where it was taken."""
        ...

    def settle(self, limit: PlannedLimit, taken: int, used: int, now_ms: int) -> None:
        """Put what was used in the place of what was taken."""
        ...


class AnyCounter(Protocol):
    """One limit's counter of one subject. Times in milliseconds, but for `end` and `reset`, Unix seconds."""

    family: AnyFamily
    subject: str
    end: int
    """Of its window; NEVER where it has none."""
    told: int
    """The highest percentage of the amount that was told."""

    def rest(self, limit: PlannedLimit, now_ms: int) -> int:
        """What is left of the amount."""
        ...

    def take(self, limit: PlannedLimit, amount: int, now_ms: int) -> Holding:
        """Use (if the limit is firm) or reserve so much."""
        ...

    def retake(self, limit: PlannedLimit, amount: int, at_ms: int) -> Holding:
        """Hold again what a reservation of the process before held; what is firm is in `state` already."""
        ...

    def charge(self, limit: PlannedLimit, used: int, now_ms: int) -> None:
        """Use so much, whatever is left."""
        ...

    def reset(self, limit: PlannedLimit, now_ms: int) -> int:
        """When it is whole again if nothing else comes; 0 where that can't be known."""
        ...

    def retry_ms(self, limit: PlannedLimit, take: int, now_ms: int) -> int:
        """When so much can be taken if nothing else comes."""
        ...

    def seen(self, now_ms: int) -> tuple[int, int]:
        """Used and reserved."""
        ...

    def clear(self, now_ms: int) -> None:
        """Forget what was used."""
        ...

    def is_idle(self, now_ms: int) -> bool:
        """Whether it may leave: it holds nothing, and its time is over."""
        ...

    def state(self) -> str:
        """For `restore`; what is reserved comes back with the reservations."""
        ...

    def restore(self, state: str) -> None:
        """Go on from a state."""
        ...


class Counter:
    """One bucket: of a fixed or calendar window, or of what is held now."""

    __slots__ = ("end", "family", "reserved", "subject", "told", "used")

    def __init__(self, family: AnyFamily, subject: str) -> None:
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

    def rest(self, limit: PlannedLimit, now_ms: int) -> int:
        return limit.amount - self.used - self.reserved

    def take(self, limit: PlannedLimit, amount: int, now_ms: int) -> Holding:
        if limit.is_firm:
            self.used += amount
        else:
            self.reserved += amount
        return self

    def settle(self, limit: PlannedLimit, taken: int, used: int, now_ms: int) -> None:
        if limit.is_firm:
            self.used = max(0, self.used + used - taken)  # it may have been reset since
        else:
            self.reserved -= taken
            self.used = min(self.used + used, algorithms.MAX_LEVEL)

    def charge(self, limit: PlannedLimit, used: int, now_ms: int) -> None:
        self.used = min(self.used + used, algorithms.MAX_LEVEL)

    def reset(self, limit: PlannedLimit, now_ms: int) -> int:
        return self.end

    def retry_ms(self, limit: PlannedLimit, take: int, now_ms: int) -> int:
        return self.end * 1000

    def seen(self, now_ms: int) -> tuple[int, int]:
        """Used and reserved."""
        return self.used, self.reserved

    def clear(self, now_ms: int) -> None:
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

    def retake(self, limit: PlannedLimit, amount: int, at_ms: int) -> Holding:
        """Hold again what a reservation of the process before held; what is firm is in `state` already."""
        if not limit.is_firm:
            self.reserved += amount
        return self


class SlidingCounter(Counter):
    """The newer of two buckets, and the older one."""

    __slots__ = ("older",)

    def __init__(self, family: AnyFamily, subject: str, older: Counter | None) -> None:
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

    def reset(self, limit: PlannedLimit, now_ms: int) -> int:
        return self.end + limit.window_s if self.used + self.reserved else self.end

    def retry_ms(self, limit: PlannedLimit, take: int, now_ms: int) -> int:
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
