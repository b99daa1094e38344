"""Requests by id, in this process: the reservations of those in flight, and which ended not long ago."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from maas_ratelimit.adapters.memory.counters import Holding
from maas_ratelimit.core.counting import Account
from maas_ratelimit.core.plans import PlannedLimit


@dataclass(slots=True, eq=False)
class Reservation:
    """What one admitted request holds: of each limit, or its second counter, so much."""

    account: Account
    limits: tuple[PlannedLimit, ...]
    holdings: list[Holding]
    granted: tuple[int, ...]
    admitted_ms: int
    deadline_ms: int
    record: str


class MemoryReservations:
    """Reservations in the order of their deadlines, which is that of their admissions."""

    def __init__(self) -> None:
        self._held: OrderedDict[str, Reservation] = OrderedDict()
        self.get = self._held.get
        self.count = self._held.__len__

    def hold(self, rid: str, reservation: Reservation) -> None:
        """Keep a reservation; its deadline is not before that of any other."""
        self._held[rid] = reservation

    def take(self, rid: str) -> Reservation | None:
        """The request's reservation, no longer held."""
        return self._held.pop(rid, None)

    def take_overdue(self, now_ms: int) -> tuple[str, Reservation] | None:
        """A reservation past its deadline, no longer held."""
        for rid, reservation in self._held.items():
            if reservation.deadline_ms > now_ms:
                break
            del self._held[rid]
            return rid, reservation
        return None


class RecentRids:
    """Request ids remembered for `ttl_ms`, at most so many; the oldest leave first."""

    def __init__(self, ttl_ms: int, at_most: int) -> None:
        self._until: OrderedDict[str, int] = OrderedDict()
        self._ttl_ms = ttl_ms
        self._at_most = at_most
        self.has = self._until.__contains__

    def add(self, rid: str, now_ms: int) -> int:
        """Remember one; until when."""
        until = now_ms + self._ttl_ms
        self.restore(rid, until)
        return until

    def restore(self, rid: str, until_ms: int) -> None:
        """Remember one until then, which is not before any other."""
        if len(self._until) >= self._at_most:
            self._until.popitem(last=False)
        self._until[rid] = until_ms

    def discard(self, rid: str) -> bool:
        """Forget one; whether it was remembered."""
        return self._until.pop(rid, None) is not None

    def drop_ended(self, now_ms: int, at_most: int) -> bool:
        """Forget those whose time has ended; whether there are more."""
        while self._until and next(iter(self._until.values())) <= now_ms:
            if not at_most:
                return True
            at_most -= 1
            self._until.popitem(last=False)
        return False
