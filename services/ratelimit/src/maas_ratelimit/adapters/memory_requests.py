"""Requests by id, in this process: the reservations of those in flight, and which ended not long ago."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from maas_ratelimit.adapters.memory_counters import Counter
from maas_ratelimit.core.plans import PlannedLimit


@dataclass(slots=True, eq=False)
class Reservation:
    """What one admitted request holds."""

    limits: tuple[PlannedLimit, ...]
    counters: Sequence[Counter]
    amounts: Sequence[int]
    """In each of the counters: tokens reserved, or the request counted."""
    deadline: float

    def release(self) -> None:
        """Give back the tokens reserved; the request stays counted."""
        for limit, counter, amount in zip(self.limits, self.counters, self.amounts, strict=True):
            if limit.counts_tokens:
                counter.reserved -= amount

    def replace(self, tokens: int) -> None:
        """Put what was used in the place of what was reserved."""
        for limit, counter, amount in zip(self.limits, self.counters, self.amounts, strict=True):
            if limit.counts_tokens:
                counter.reserved -= amount
                counter.used += tokens

    def undo(self) -> None:
        """Give back all, the request too."""
        for limit, counter, amount in zip(self.limits, self.counters, self.amounts, strict=True):
            if limit.counts_tokens:
                counter.reserved -= amount
            else:
                counter.used -= amount


class MemoryReservations:
    """Reservations in the order of their deadlines, which is that of their admissions."""

    def __init__(self) -> None:
        self._held: OrderedDict[str, Reservation] = OrderedDict()
        self.has = self._held.__contains__
        self.count = self._held.__len__

    def hold(self, rid: str, reservation: Reservation) -> None:
        """Keep a reservation; its deadline is not before that of any other."""
        self._held[rid] = reservation

    def take(self, rid: str) -> Reservation | None:
        """The request's reservation, no longer held."""
        return self._held.pop(rid, None)

    def take_overdue(self, now: float) -> tuple[str, Reservation] | None:
        """A reservation past its deadline, no longer held."""
        for rid, reservation in self._held.items():
            if reservation.deadline > now:
                break
            del self._held[rid]
            return rid, reservation
        return None


class RecentRids:
    """Request ids remembered for `ttl_s`, at most so many; the oldest leave first."""

    def __init__(self, ttl_s: float, at_most: int) -> None:
        self._until: OrderedDict[str, float] = OrderedDict()
        self._ttl_s = ttl_s
        self._at_most = at_most
        self.has = self._until.__contains__

    def add(self, rid: str, now: float) -> None:
        """Remember one."""
        if len(self._until) >= self._at_most:
            self._until.popitem(last=False)
        self._until[rid] = now + self._ttl_s

    def discard(self, rid: str) -> bool:
        """Forget one; whether it was remembered."""
        return self._until.pop(rid, None) is not None

    def drop_ended(self, now: float, at_most: int) -> bool:
        """Forget those whose time has ended; whether there are more."""
        while self._until and next(iter(self._until.values())) <= now:
            if not at_most:
                return True
            at_most -= 1
            self._until.popitem(last=False)
        return False
