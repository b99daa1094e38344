"""Counters of GCRA limits: a level that drains. See core.algorithms."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from maas_ratelimit.adapters.memory.counters import NEVER, AnyFamily, Holding
from maas_ratelimit.core import algorithms

if TYPE_CHECKING:
    from maas_ratelimit.core.plans import PlannedLimit


class GcraCounter:
    """A level that drains."""

    __slots__ = ("at_ms", "end", "family", "level", "open", "rate", "subject", "told", "window_ms")

    def __init__(self, family: AnyFamily, subject: str) -> None:
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

    def retake(self, limit: PlannedLimit, amount: int, at_ms: int) -> Holding:
        self.open += 1
        return self
