"""The rules of counting in their plainest form, for stores to be compared with: as slow as it likes, and nothing ever leaves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from maas_common.errors import InvalidArgumentError
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
from maas_ratelimit.core.plans import CounterName, PlannedLimit

from services.ratelimit.tests.contract.plain_ledger import NEVER, Entry, Ledger


@dataclass
class Place:
    """A limit of a request's plan, as it is counted: its first counter, or its second."""

    limit: PlannedLimit
    tenant: str
    subject: str
    ledger: Ledger


@dataclass
class Taken:
    """What a request in flight holds of one counter."""

    place: Place
    amount: int
    entry: Entry


@dataclass
class Reservation:
    """A request in flight."""

    since_ms: int
    taken: list[Taken]
    record: str


class PlainModel:
    """A CounterStore and CounterAdmin; `lines` is its outbox."""

    waits = False

    def __init__(self, reservation_ttl_s: int, settled_ttl_s: int) -> None:
        self.now_ms = 0
        self.lines: list[str] = []
        self.ledgers: dict[tuple[str, str, str], Ledger] = {}
        self.limits: dict[str, PlannedLimit] = {}
        self.held: dict[str, Reservation] = {}
        self.settled: dict[str, int] = {}
        """Until when they are known."""
        self.expired: dict[str, int] = {}
        self._reservation_ttl_ms = reservation_ttl_s * 1000
        self._settled_ttl_ms = settled_ttl_s * 1000

    def run(self, operations: Sequence[Operation], *, now: float) -> list[Outcome]:
        self.pass_time(now)
        return [self._admit(each) if isinstance(each, Claim) else self._settle(each) for each in operations]

    def read(self, account: Account, *, now: float) -> tuple[CounterState, ...]:
        self.pass_time(now)
        return tuple(self._state(place) for place in self._places(account))

    def list_counters(self, which: CounterFilter, *, page_size: int, page_token: str, now: float) -> tuple[list[CounterInfo], str]:
        self.pass_time(now)
        every = [
            CounterInfo(counter, tenant, subject, *ledger.seen(limit, self.now_ms), ledger.reset(limit, self.now_ms))
            for (counter, tenant, subject), ledger in sorted(self._matching(which))
            for limit in [self.limits[counter]]
        ]
        live = [info for info in every if info.used or info.reserved]
        begin = int(page_token or 0)
        end = begin + page_size
        return live[begin:end], str(end) if end < len(live) else ""

    def reset_counters(self, which: CounterFilter, *, now: float) -> int:
        self.pass_time(now)
        live, _ = self.list_counters(which, page_size=len(self.ledgers), page_token="", now=now)
        for _, ledger in self._matching(which):
            ledger.forget()
        return len(live)

    def pass_time(self, now: float) -> None:
        """Time never runs backwards. Reservations past their time are released."""
        self.now_ms = now_ms = max(self.now_ms, int(now * 1000))
        for rid, reservation in list(self.held.items()):
            if now_ms >= reservation.since_ms + self._reservation_ttl_ms:
                del self.held[rid]
                for taken in reservation.taken:
                    self._replace(taken, taken.amount if taken.place.limit.is_firm else 0)
                self.expired[rid] = now_ms + self._reservation_ttl_ms
                if reservation.record:
                    self.lines.append(usage_line(rid, "expired", reservation.since_ms, now_ms, reservation.record))
        for known in (self.settled, self.expired):
            for rid in [rid for rid, until in known.items() if until <= now_ms]:
                del known[rid]

    def _admit(self, claim: Claim) -> Admission | InvalidArgumentError:
        places = self._places(claim.account)
        if claim.rid in self.held:
            granted = tuple(taken.amount for taken in self.held[claim.rid].taken)
            return Admission((), self._left(places), self._resets(places), granted, self.now_ms / 1000, is_repeat=True)
        if claim.rid in self.settled or claim.rid in self.expired:
            return InvalidArgumentError(f"request {claim.rid} has ended", reason="REQUEST_ENDED")
        taking: list[tuple[Place, int]] = []
        left, refusing, throttled, exceeded = list(self._left(places)), [], [], []
        retries = []
        for number, (place, take, least) in enumerate(zip(places, claim.takes, claim.leasts, strict=True)):
            limit, second = place.limit, self._second(place)
            if granted := self._fitting(place, take, least):
                taking.append((place, granted))
                left[number] -= granted
            elif limit.is_shadow:
                taking.append((place, take))
                left[number] -= take
                exceeded.append(number)
            elif second is not None and (granted := self._fitting(second, *_at_most(second, take, least))):
                taking.append((second, granted))
                throttled.append(number)
            else:
                refusing.append(number)
                retries.append(min(self._retry_ms(each, least) for each in (place, second) if each is not None))
        if refusing:
            retry = max(retries)
            retry_at = 0.0 if retry == NEVER else retry / 1000
            return Admission(
                tuple(refusing), self._left(places), self._resets(places), (), self.now_ms / 1000, retry_at, (), tuple(exceeded)
            )
        self.held[claim.rid] = Reservation(self.now_ms, [self._take(place, amount) for place, amount in taking], claim.record)
        amounts = tuple(amount for _, amount in taking)
        resets = self._resets(places)
        return Admission((), tuple(left), resets, amounts, self.now_ms / 1000, 0.0, tuple(throttled), tuple(exceeded))

    def _settle(self, settlement: Settlement) -> Settled:
        rid, now_ms = settlement.rid, self.now_ms
        reservation = self.held.pop(rid, None)
        if reservation is not None:
            used: Sequence[int | None] = [None] * len(reservation.taken)
            if settlement.used and not settlement.is_undone:
                used = settlement.used
            for taken, each in zip(reservation.taken, used, strict=True):
                firm = taken.amount if taken.place.limit.is_firm and not settlement.is_undone else 0
                self._replace(taken, firm if each is None else each)
                self._tell(taken.place, taken.entry.end)
            if settlement.is_undone:
                return Settled.REPLACED
        elif rid in self.settled:
            return Settled.REPEATED
        elif settlement.account is None or settlement.is_undone or not settlement.may_charge:
            return Settled.UNKNOWN
        else:
            was_counted = self.expired.pop(rid, None) is not None
            for place, each in zip(self._places(settlement.account), settlement.used, strict=True):
                if not (place.limit.is_firm and was_counted):
                    place.ledger.charge(place.limit, each, now_ms)
                    self._tell(place, place.limit.window.bounds(now_ms // 1000)[1])
        self.settled[rid] = now_ms + self._settled_ttl_ms
        if settlement.record:
            since_ms = 0 if reservation is None else reservation.since_ms
            self.lines.append(usage_line(rid, settlement.outcome, since_ms, now_ms, settlement.record))
        return Settled.LATE if reservation is None else Settled.REPLACED

    def _fitting(self, place: Place, take: int, least: int) -> int:
        """How much of it fits; 0 when nothing does."""
        rest = place.ledger.rest(place.limit, self.now_ms)
        return take if rest >= take else rest if rest >= least else 0

    def _retry_ms(self, place: Place, least: int) -> float:
        return place.ledger.retry_ms(place.limit, *_at_most(place, least), self.now_ms)

    def _take(self, place: Place, amount: int) -> Taken:
        entry = place.ledger.take(place.limit, amount, self.now_ms)
        if place.limit.is_firm:
            self._tell(place, entry.end)
        return Taken(place, amount, entry)

    def _replace(self, taken: Taken, used: int) -> None:
        taken.place.ledger.settle(taken.place.limit, taken.entry, used - taken.amount, used, self.now_ms)

    def _tell(self, place: Place, end: int) -> None:
        """That thresholds were passed in the window that ends at `end`."""
        limit, ledger = place.limit, place.ledger
        used = sum(entry.used for entry in ledger.entries if entry.end == end)
        for percent, least in limit.thresholds:
            if used >= least and percent > ledger.told.get(end, 0):
                ledger.told[end] = percent
                self.lines.append(
                    budget_line(BudgetPassed(place.tenant, limit.counter, place.subject, percent, used, limit.amount, end, self.now_ms))
                )

    def _state(self, place: Place) -> CounterState:
        ledger, limit, now_ms = place.ledger, place.limit, self.now_ms
        return CounterState(*ledger.seen(limit, now_ms), ledger.rest(limit, now_ms), ledger.reset(limit, now_ms))

    def _left(self, places: list[Place]) -> tuple[int, ...]:
        return tuple(place.ledger.rest(place.limit, self.now_ms) for place in places)

    def _resets(self, places: list[Place]) -> tuple[int, ...]:
        return tuple(place.ledger.reset(place.limit, self.now_ms) for place in places)

    def _places(self, account: Account) -> list[Place]:
        pairs = zip(account.plan.limits, account.subjects, strict=True)
        return [self._place(limit, account.tenant, subject) for limit, subject in pairs]

    def _second(self, place: Place) -> Place | None:
        second = place.limit.second
        return None if second is None else self._place(second, place.tenant, place.subject)

    def _place(self, limit: PlannedLimit, tenant: str, subject: str) -> Place:
        self.limits[limit.counter] = limit
        return Place(limit, tenant, subject, self.ledgers.setdefault((limit.counter, tenant, subject), Ledger()))

    def _matching(self, which: CounterFilter) -> list[tuple[tuple[str, str, str], Ledger]]:
        return [
            (key, ledger)
            for key, ledger in self.ledgers.items()
            if which.tenant in {"", key[1]}
            and which.limit_id in {"", CounterName.parse(key[0]).limit_id}
            and (not which.subject or key[2].replace("\x1f", "+") == which.subject.replace("\x1f", "+"))
        ]


def _at_most(place: Place, *amounts: int) -> tuple[int, ...]:
    """No more than the counter can ever hold: what is past it can't be taken from there."""
    return tuple(min(amount, place.limit.capacity) for amount in amounts)
