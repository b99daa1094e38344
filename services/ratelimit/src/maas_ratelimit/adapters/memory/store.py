"""Counters in memory: exact in one process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import nsmallest
from math import inf
from operator import itemgetter
from threading import Lock

import structlog
from maas_common.errors import DomainError, InvalidArgumentError, UnavailableError

from maas_ratelimit.adapters.memory.changes import Changes
from maas_ratelimit.adapters.memory.counters import NEVER, AnyCounter, Holding, SlidingCounter
from maas_ratelimit.adapters.memory.families import Families
from maas_ratelimit.adapters.memory.granting import Line, grant, retry_at
from maas_ratelimit.adapters.memory.requests import MemoryReservations, RecentRids, Reservation
from maas_ratelimit.core.counting import (
    Account,
    Admission,
    Claim,
    CounterFilter,
    CounterInfo,
    CounterState,
    Operation,
    Outcome,
    Settled,
    Settlement,
)
from maas_ratelimit.core.events import BudgetPassed, budget_line, usage_line
from maas_ratelimit.core.plans import Plan, PlannedLimit

log = structlog.get_logger(__name__)

_SLICE = 64
"""How many things past their time leave at once, so that no call waits for more."""
_RESET_SLICE = 1000
_TELL_FULL_EVERY_S = 10.0
_PARTED_BY = "\x1e"
"""Parts of page tokens; the last, a subject, may have it in it."""
_MOST_PLANS = 8192
_REPLACED = Settled.REPLACED
"""Asking the enumeration for a member takes as long as a call."""
_NO_LINES: tuple[float, tuple[Line, ...]] = (0, ())


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
    """A CounterStore that answers at once, to any thread, and a CounterAdmin.

    Time never runs backwards here: when the clock is set back, the newest windows stay until it has caught up.
    """

    waits = False

    def __init__(self, bounds: MemoryBounds, changes: Changes | None = None) -> None:
        """What is to be kept elsewhere is added to `changes`, which somebody has to collect; None: nothing is."""
        self.expired = 0
        """Reservations that were released because no settle came in time."""
        self.turned_away = 0
        """Claims refused because a bound was reached."""
        self.lock = Lock()
        """Held while anything here changes."""
        self.changes = changes
        self.families = Families()
        self.reservations = MemoryReservations()
        self.settled = RecentRids(int(bounds.settled_ttl_s * 1000), bounds.max_remembered)
        self.overdue = RecentRids(int(bounds.reservation_ttl_s * 1000), bounds.max_remembered)
        self._bounds = bounds
        self._ttl_ms = int(bounds.reservation_ttl_s * 1000)
        self._now = 0.0
        self._tidy_from = 0
        self._told_full_at = 0.0
        self._lines: dict[tuple[Plan, str], tuple[float, tuple[Line, ...]]] = {}
        """Of each plan in a tenant, and until when the first of its windows lasts."""

    @property
    def live_counters(self) -> int:
        """Counters held, those of windows that have just ended included."""
        return self.families.live

    @property
    def outstanding(self) -> int:
        """Reservations held."""
        return self.reservations.count()

    def run(self, operations: Sequence[Operation], *, now: float) -> list[Outcome]:
        """See CounterStore. UnavailableError also at `max_counters` and `max_reservations`."""
        outcomes: list[Outcome] = []
        with self.lock:
            now = self._advance(now)
            now_ms = int(now * 1000)
            for operation in operations:
                try:
                    if type(operation) is Claim:
                        outcomes.append(self._admit(operation, now, now_ms))
                    else:
                        outcomes.append(self._settle(operation, now, now_ms))  # type: ignore[arg-type] # the other of the two
                except DomainError as error:
                    outcomes.append(error)
        return outcomes

    def read(self, account: Account, *, now: float) -> tuple[CounterState, ...]:
        """See CounterStore."""
        with self.lock:
            now = self._advance(now)
            now_ms = int(now * 1000)
            states = []
            for (limit, family, _), subject in zip(self._lines_of(account, now), account.subjects, strict=True):
                counter = family.look(subject)
                used, reserved = counter.seen(now_ms)
                states.append(CounterState(used, reserved, counter.rest(limit, now_ms), counter.reset(limit, now_ms)))
            return tuple(states)

    def list_counters(self, which: CounterFilter, *, page_size: int, page_token: str, now: float) -> tuple[list[CounterInfo], str]:
        """See CounterAdmin. In the order of counter, tenant and subject."""
        after = tuple(page_token.split(_PARTED_BY, 2)) if page_token else ()
        keys = (((each.family.name, each.family.tenant, each.subject), each) for each in self._matching(which, now))
        page = nsmallest(page_size + 1, (pair for pair in keys if pair[0] > after), key=itemgetter(0))
        token = _PARTED_BY.join(page[page_size - 1][0]) if len(page) > page_size else ""
        now_ms = int(self._now * 1000)
        with self.lock:
            return [CounterInfo(*key, *each.seen(now_ms), each.end) for key, each in page[:page_size]], token

    def reset_counters(self, which: CounterFilter, *, now: float) -> int:
        """See CounterAdmin. A few at a time, so that nobody waits for all."""
        found = self._matching(which, now, and_older=True)
        for begin in range(0, len(found), _RESET_SLICE):
            with self.lock:
                for counter in found[begin : begin + _RESET_SLICE]:
                    counter.clear(int(self._now * 1000))
                    self._touch(counter)
                    if isinstance(counter, SlidingCounter) and counter.older is not None:
                        self._touch(counter.older)
        return len(found)

    def tidy(self, now: float) -> bool:
        """Let some of what is past its time leave; whether there is more."""
        with self.lock:
            self._now = max(self._now, now)
            return self._tidy(self._now)

    def ahead_of(self, now: float) -> float:
        """Seconds by which the clock has been set back."""
        return max(0.0, self._now - now)

    def _matching(self, which: CounterFilter, now: float, *, and_older: bool = False) -> list[AnyCounter]:
        """`and_older`: also those older buckets of sliding windows that have no newer one.

        What sorts and sifts does it on a copy: nobody has to wait for it.
        """
        with self.lock:
            now = self._advance(now)
            families = [
                self.families.get(family.name, family.tenant, family.window, now)
                for family in self.families.all()
                if which._replace(subject="").matches(family.tenant, family.name, "")
            ]
            copies = [list(family.counters.values()) for family in families]
            if and_older:
                copies += [[each for each in family.older.values() if each.subject not in family.counters] for family in families]
        return [
            counter for copy in copies for counter in copy if which.matches(counter.family.tenant, counter.family.name, counter.subject)
        ]

    def _admit(self, claim: Claim, now: float, now_ms: int) -> Admission:  # noqa: C901 - few calls: the time of a request goes here
        rid, account, takes = claim.rid, claim.account, claim.takes
        if (held := self.reservations.get(rid)) is not None:
            return self._repeated(account, held, now, now_ms)
        if self.settled.has(rid) or self.overdue.has(rid):
            raise InvalidArgumentError(f"request {rid} has ended; an id admits once", reason="REQUEST_ENDED")
        lines = self._lines_of(account, now)
        counters: list[AnyCounter] = []
        fresh: list[AnyCounter] = []
        left: list[int] = []
        any_short = False
        for (limit, family, _), subject, take in zip(lines, account.subjects, takes):  # noqa: B905 - few calls, none strict: the time goes here
            counter = family.counters.get(subject)
            if counter is None:
                fresh.append(counter := family.fresh(subject))
            counters.append(counter)
            rest = counter.rest(limit, now_ms) - take
            left.append(rest)
            if rest < 0:
                any_short = True
        limits, holders = account.plan.limits, counters
        throttled: tuple[int, ...] = ()
        exceeded: tuple[int, ...] = ()
        if any_short:
            granted = grant(claim, lines, counters, left, fresh, now_ms)
            throttled, exceeded = tuple(granted.throttled), tuple(granted.exceeded)
            if granted.refusing:
                at = retry_at(claim, granted.refusing, lines, now_ms)
                rests = tuple([rest + take for rest, take in zip(left, takes, strict=True)])
                return Admission(tuple(granted.refusing), rests, _resets(lines, counters, now_ms), (), now, at, (), exceeded)
            limits, holders, takes, left = granted.limits, granted.counters, granted.takes, granted.left
        if fresh or self.reservations.count() >= self._bounds.max_reservations:
            self._make_room(fresh, now)
        holdings: list[Holding] = []
        resets: list[int] = []
        changes = self.changes
        for limit, counter, take in zip(limits, holders, takes):  # noqa: B905 - as above
            holdings.append(counter.take(limit, take, now_ms))
            resets.append(counter.reset(limit, now_ms))
            if changes is not None and counter.family.is_long:
                changes.touched.add(counter)
            if limit.thresholds and limit.is_firm:
                self._tell(limit, counter, now_ms)
        reservation = Reservation(account, limits, holdings, takes, now_ms, now_ms + self._ttl_ms, claim.record)
        self.reservations.hold(rid, reservation)
        if changes is not None:
            changes.opened[rid] = reservation
            changes.undone.discard(rid)
        of_first = _resets(lines, counters, now_ms) if throttled else tuple(resets)
        return Admission((), tuple(left), of_first, takes, now, 0.0, throttled, exceeded)

    def _repeated(self, account: Account, held: Reservation, now: float, now_ms: int) -> Admission:
        counters = [
            (limit, family.look(subject))
            for (limit, family, _), subject in zip(self._lines_of(account, now), account.subjects, strict=True)
        ]
        left = tuple([counter.rest(limit, now_ms) for limit, counter in counters])
        resets = tuple([counter.reset(limit, now_ms) for limit, counter in counters])
        return Admission((), left, resets, held.granted, now, is_repeat=True)

    def _settle(self, settlement: Settlement, now: float, now_ms: int) -> Settled:
        rid, used, is_undone = settlement.rid, settlement.used, settlement.is_undone
        held = self.reservations.take(rid)
        if held is not None:
            self._replace(held, used, now_ms, is_undone=is_undone)
            if is_undone:
                if self.changes is not None and self.changes.opened.pop(rid, None) is None:
                    self.changes.undone.add(rid)
            else:
                self._end(rid, settlement.outcome, held.admitted_ms, now_ms, settlement.record)
            return _REPLACED
        if self.settled.has(rid):
            return Settled.REPEATED
        account = settlement.account
        if is_undone or not settlement.may_charge or account is None:
            return Settled.UNKNOWN
        self._charge(account, used, counts_firm=not self.overdue.discard(rid), now=now, now_ms=now_ms)
        self._end(rid, settlement.outcome, 0, now_ms, settlement.record)
        return Settled.LATE

    def _replace(self, held: Reservation, used: tuple[int, ...], now_ms: int, *, is_undone: bool) -> None:
        changes = self.changes
        if is_undone or len(used) != len(held.limits):
            used = tuple([taken if limit.is_firm and not is_undone else 0 for limit, taken in zip(held.limits, held.granted, strict=True)])
        for limit, holding, taken, spent in zip(held.limits, held.holdings, held.granted, used):  # noqa: B905 - as above
            holding.settle(limit, taken, spent, now_ms)
            counter = holding.counter
            if changes is not None and counter.family.is_long:
                changes.touched.add(counter)
            if limit.thresholds:
                self._tell(limit, counter, now_ms)

    def _end(self, rid: str, outcome: str, admitted_ms: int, now_ms: int, record: str) -> None:
        until = self.settled.add(rid, now_ms)
        if (changes := self.changes) is not None:
            changes.opened.pop(rid, None)
            changes.ended.append((rid, until, False))
            if record:
                changes.tell(usage_line(rid, outcome, admitted_ms, now_ms, record))

    def _charge(self, account: Account, used: tuple[int, ...], *, counts_firm: bool, now: float, now_ms: int) -> None:
        """Add to current windows, whatever is left in them, and past max_counters too: what was used has to be counted."""
        for (limit, family, _), subject, amount in zip(self._lines_of(account, now), account.subjects, used, strict=True):
            if not amount or (limit.is_firm and not counts_firm):
                continue
            if (counter := family.counters.get(subject)) is None:
                self.families.keep(counter := family.fresh(subject), now)
            counter.charge(limit, amount, now_ms)
            self._touch(counter)
            if limit.thresholds:
                self._tell(limit, counter, now_ms)

    def _tell(self, limit: PlannedLimit, counter: AnyCounter, now_ms: int) -> None:
        """Have it told when the counter has passed another of the limit's thresholds."""
        used = counter.seen(now_ms)[0]
        for percent, passed_from in limit.thresholds:
            if counter.told < percent and used >= passed_from:
                counter.told = percent
                if self.changes is not None:
                    family = counter.family
                    passed = BudgetPassed(family.tenant, family.name, counter.subject, percent, used, limit.amount, counter.end, now_ms)
                    self.changes.tell(budget_line(passed))

    def _touch(self, counter: AnyCounter) -> None:
        if self.changes is not None and counter.family.is_long:
            self.changes.touched.add(counter)

    def _lines_of(self, account: Account, now: float) -> tuple[Line, ...]:
        """Where the account's counters are, all in their current windows."""
        plan, tenant, _ = account
        until, lines = self._lines.get((plan, tenant), _NO_LINES)
        return self._locate(plan, tenant, now) if until <= now else lines

    def _locate(self, plan: Plan, tenant: str, now: float) -> tuple[Line, ...]:
        get = self.families.get
        lines = tuple(
            Line(
                limit,
                get(limit.counter, tenant, limit.window, now),
                None if limit.second is None else get(limit.second.counter, tenant, limit.window, now),
            )
            for limit in plan.limits
        )
        ends = [family.end for _, *both in lines for family in both if family is not None and family.end != NEVER]
        self._lines[plan, tenant] = (min(ends, default=inf), lines)
        if len(self._lines) > _MOST_PLANS:
            self._lines.clear()
        return lines

    def _advance(self, now: float) -> float:
        self._now = now = max(now, self._now)
        if now >= self._tidy_from:
            second = int(now)
            self._tidy_from = second if self._tidy(now) else second + 1
        return now

    def _tidy(self, now: float) -> bool:
        now_ms = int(now * 1000)
        for _ in range(_SLICE):
            overdue = self.reservations.take_overdue(now_ms)
            if overdue is None:
                break
            self._expire(*overdue, now_ms)
        else:
            return True
        more = self.families.drop_ended(now, _SLICE)
        if self.families.has_forgotten:
            self.families.has_forgotten = False
            self._lines.clear()
        return any([more, self.settled.drop_ended(now_ms, _SLICE), self.overdue.drop_ended(now_ms, _SLICE)])

    def _expire(self, rid: str, held: Reservation, now_ms: int) -> None:
        for limit, holding, taken in zip(held.limits, held.holdings, held.granted, strict=True):
            if not limit.is_firm:
                holding.settle(limit, taken, 0, now_ms)
                self._touch(holding.counter)
        until = self.overdue.add(rid, now_ms)
        self.expired += 1
        if self.changes is not None:
            self.changes.opened.pop(rid, None)
            self.changes.ended.append((rid, until, True))
            if held.record:
                self.changes.tell(usage_line(rid, "expired", held.admitted_ms, now_ms, held.record))

    def _make_room(self, fresh: list[AnyCounter], now: float) -> None:
        """Keep these counters, and have room for one reservation; UnavailableError when there is none."""
        if self.reservations.count() >= self._bounds.max_reservations:
            raise self._full("reservations", self._bounds.max_reservations, now)
        if self.families.live + len(fresh) > self._bounds.max_counters:
            self.families.drop_over(_SLICE)
            if self.families.live + len(fresh) > self._bounds.max_counters:
                raise self._full("counters", self._bounds.max_counters, now)
        for counter in fresh:
            self.families.keep(counter, now)

    def _full(self, what: str, at_most: int, now: float) -> UnavailableError:
        self.turned_away += 1
        if now >= self._told_full_at + _TELL_FULL_EVERY_S:
            self._told_full_at = now
            log.error("counter store is full", what=what, at_most=at_most)
        return UnavailableError(f"the counter store holds {at_most} {what}, as many as max_{what} allows", reason="STORE_FULL")


def _resets(lines: tuple[Line, ...], counters: list[AnyCounter], now_ms: int) -> tuple[int, ...]:
    return tuple([counter.reset(line.limit, now_ms) for line, counter in zip(lines, counters, strict=True)])
