"""Counters in memory: exact in one process, gone when it ends."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock
from typing import NoReturn

import structlog
from maas_common.errors import InvalidArgumentError, UnavailableError

from maas_ratelimit.adapters.memory_counters import Counter, CounterKey, MemoryCounters
from maas_ratelimit.adapters.memory_requests import MemoryReservations, RecentRids, Reservation
from maas_ratelimit.core.counting import Account, Admission, Claim, CounterState, Settled, Settlement

log = structlog.get_logger(__name__)

_SLICE = 64
"""How many things past their time leave at once, so that no call waits for more."""
_NO_COUNTER = Counter()
_TELL_FULL_EVERY_S = 10.0


@dataclass(frozen=True, slots=True)
class MemoryBounds:
    """How much is kept, and for how long."""

    reservation_ttl_s: float = 3600.0
    settled_ttl_s: float = 600.0
    """How long a second settle of a request is known for one."""
    max_counters: int = 1_000_000
    max_reservations: int = 1_000_000
    max_remembered: int = 200_000
    """Ids of settled requests, and as many of expired ones."""


class MemoryStore:
    """A CounterStore that answers at once, to any thread.

    Time never runs backwards here: when the clock is set back, the newest windows stay until it has caught up.
    """

    def __init__(self, bounds: MemoryBounds) -> None:
        self.expired = 0
        """Reservations that were released because no settle came in time."""
        self.turned_away = 0
        """Claims refused because a bound was reached."""
        self._bounds = bounds
        self._lock = Lock()
        self._now = 0.0
        self._tidy_from = 0
        self._told_full_at = 0.0
        self._counters = MemoryCounters()
        self._reservations = MemoryReservations()
        self._settled = RecentRids(bounds.settled_ttl_s, bounds.max_remembered)
        self._overdue = RecentRids(bounds.reservation_ttl_s, bounds.max_remembered)

    @property
    def live_counters(self) -> int:
        """Counters held, those of windows that have just ended included."""
        return len(self._counters)

    @property
    def outstanding(self) -> int:
        """Reservations held."""
        return self._reservations.count()

    def admit(self, claim: Claim, *, now: float) -> Admission:
        """See CounterStore. UnavailableError also at `max_counters` and `max_reservations`."""
        rid, (plan, tenant, user), tokens = claim
        find = self._counters.get
        counters: list[Counter] = []
        amounts: list[int] = []
        left: list[int] = []
        ends: list[int] = []
        refusing: list[int] = []
        with self._lock:
            now = self._advance(now)
            second = int(now)
            for limit in plan.limits:  # few calls in here: this is where the time goes
                end = second - second % limit.window_s + limit.window_s
                counter = find((limit.counter, tenant, user, end), _NO_COUNTER)
                most = limit.amount
                rest = most - counter.used - counter.reserved
                amount = (tokens if tokens < most else most) if limit.counts_tokens else 1  # noqa: FURB136 - min() is a call
                if amount > rest:
                    refusing.append(len(ends))
                counters.append(counter)
                amounts.append(amount)
                left.append(rest)
                ends.append(end)
            if self._reservations.has(rid):
                return Admission((), tuple(left), tuple(ends), is_repeat=True)
            if self._settled.has(rid) or self._overdue.has(rid):
                raise InvalidArgumentError(f"request {rid} has ended; an id admits once", reason="REQUEST_ENDED")
            if refusing:
                return Admission(tuple(refusing), tuple(left), tuple(ends))
            new_counters = counters.count(_NO_COUNTER)
            if new_counters or self._reservations.count() >= self._bounds.max_reservations:
                self._make_room(new_counters, now)
            for place, limit in enumerate(plan.limits):
                counter, amount = counters[place], amounts[place]
                if counter is _NO_COUNTER:
                    counter = counters[place] = self._counters.open((limit.counter, tenant, user, ends[place]))
                if limit.counts_tokens:
                    counter.reserved += amount
                else:
                    counter.used += amount
                left[place] -= amount
            self._reservations.hold(rid, Reservation(plan.limits, counters, amounts, now + self._bounds.reservation_ttl_s))
            return Admission((), tuple(left), tuple(ends))

    def settle(self, settlement: Settlement, *, now: float) -> Settled:
        """See CounterStore."""
        with self._lock:
            now = self._advance(now)
            reservation = self._reservations.take(settlement.rid)
            if reservation is not None:
                if settlement.is_undone:
                    reservation.undo()
                    return Settled.REPLACED
                reservation.replace(settlement.tokens)
            elif self._settled.has(settlement.rid):
                return Settled.REPEATED
            elif settlement.account is None:
                return Settled.UNKNOWN
            else:
                was_counted = self._overdue.discard(settlement.rid)
                self._charge(settlement.account, requests=0 if was_counted else 1, tokens=settlement.tokens, now=now)
            self._settled.add(settlement.rid, now)
            return Settled.LATE if reservation is None else Settled.REPLACED

    def read(self, account: Account, *, now: float) -> tuple[CounterState, ...]:
        """See CounterStore."""
        with self._lock:
            keys = _keys(account, self._advance(now))
            found = [(key, self._counters.get(key, _NO_COUNTER)) for key in keys]
            return tuple(CounterState(counter.used, counter.reserved, key[3]) for key, counter in found)

    def tidy(self, now: float) -> bool:
        """Let some of what is past its time leave; whether there is more."""
        with self._lock:
            self._now = max(self._now, now)
            return self._tidy(self._now)

    def ahead_of(self, now: float) -> float:
        """Seconds by which the clock has been set back."""
        return max(0.0, self._now - now)

    def _advance(self, now: float) -> float:
        self._now = now = max(now, self._now)
        if now >= self._tidy_from:
            second = int(now)
            self._tidy_from = second if self._tidy(now) else second + 1
        return now

    def _tidy(self, now: float) -> bool:
        for _ in range(_SLICE):
            overdue = self._reservations.take_overdue(now)
            if overdue is None:
                break
            rid, reservation = overdue
            reservation.release()
            self._overdue.add(rid, now)
            self.expired += 1
        else:
            return True
        more = [each.drop_ended(now, _SLICE) for each in (self._counters, self._settled, self._overdue)]
        return any(more)

    def _make_room(self, new_counters: int, now: float) -> None:
        """For one reservation and so many counters; UnavailableError when there is none."""
        if self._reservations.count() >= self._bounds.max_reservations:
            self._full("reservations", self._bounds.max_reservations, now)
        if new_counters and len(self._counters) + new_counters > self._bounds.max_counters:
            self._counters.drop_ended(now, _SLICE)
            if len(self._counters) + new_counters > self._bounds.max_counters:
                self._full("counters", self._bounds.max_counters, now)

    def _full(self, what: str, at_most: int, now: float) -> NoReturn:
        self.turned_away += 1
        if now >= self._told_full_at + _TELL_FULL_EVERY_S:
            self._told_full_at = now
            log.error("counter store is full", what=what, at_most=at_most)
        raise UnavailableError(f"the counter store holds {at_most} {what}, as many as max_{what} allows", reason="STORE_FULL")

    def _charge(self, account: Account, *, requests: int, tokens: int, now: float) -> None:
        """Add to current windows, whatever is left in them, and past max_counters too: what was used has to be counted."""
        for limit, key in zip(account.plan.limits, _keys(account, now), strict=True):
            if amount := tokens if limit.counts_tokens else requests:
                self._counters.open(key).used += amount


def _keys(account: Account, now: float) -> list[CounterKey]:
    """Of the current windows, in the plan's order."""
    return [(limit.counter, account.tenant, account.user, limit.limit.window.bounds(now)[1]) for limit in account.plan.limits]
