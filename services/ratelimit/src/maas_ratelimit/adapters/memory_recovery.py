"""What a memory store writes down, and how it comes back from it."""

from __future__ import annotations

import json

from maas_ratelimit.adapters.journal import Batch, Recovered
from maas_ratelimit.adapters.memory_changes import Changes
from maas_ratelimit.adapters.memory_counters import NEVER, AnyCounter, Counter, Holding, SlidingCounter
from maas_ratelimit.adapters.memory_families import Family
from maas_ratelimit.adapters.memory_requests import Reservation
from maas_ratelimit.adapters.memory_store import MemoryStore
from maas_ratelimit.core.counting import Account
from maas_ratelimit.core.plans import CounterName, Plan, PlannedLimit


def collect(store: MemoryStore) -> Batch | None:
    """What has changed since the last time; None when nothing has. The store must have been made with Changes."""
    with store.lock:
        changes, gone = store.changes, store.families.gone
        if changes is None or not (changes or gone):
            return None
        store.changes, store.families.gone = Changes(), []
        counters = [
            (each.family.name, each.family.tenant, each.subject, _needed_until(each), each.state())
            for each in changes.touched
            if each.end != NEVER or each.family.counters.get(each.subject) is each
        ]
    opened = [(rid, held.deadline_ms, _body(held)) for rid, held in changes.opened.items()]
    return Batch(counters, gone, opened, changes.ended, changes.undone, changes.events)


def restore(store: MemoryStore, recovered: Recovered, now: float) -> None:
    """Go on where the process before has stopped. Before the first call."""
    with store.lock:
        for name, tenant, subject, until, state in sorted(recovered.counters, key=lambda row: row[3]):
            family = store.families.get(name, tenant, CounterName.parse(name).window, now)
            if (counter := _counter(store, family, subject, until - _overtime(family) if until else NEVER, now)) is not None:
                counter.restore(state)
        for rid, deadline_ms, body in recovered.opened:
            store.reservations.hold(rid, _reservation(store, body, deadline_ms, now))
        for rid, until_ms, is_expired in recovered.ended:
            (store.overdue if is_expired else store.settled).restore(rid, until_ms)


def _overtime(family: Family) -> int:
    """For so long after its end a bucket still counts as the older one."""
    return family.window_s if family.window.kind == "sliding" else 0


def _needed_until(counter: AnyCounter) -> int:
    return counter.end + _overtime(counter.family) if counter.end != NEVER else NEVER


def _counter(store: MemoryStore, family: Family, subject: str, end: int, now: float) -> AnyCounter | None:
    """The counter of that window; None when it is over."""
    if end == family.end:
        if (counter := family.counters.get(subject)) is None:
            store.families.keep(counter := family.fresh(subject), now)
        return counter
    if family.window.kind == "sliding" and end == family.end - family.window_s:
        if (counter := family.older.get(subject)) is None:
            counter = family.older[subject] = SlidingCounter(family, subject, None)
            counter.end = end
            store.families.live += 1
        return counter
    return None


def _body(held: Reservation) -> str:
    account = held.account
    is_second = [limit is not first for limit, first in zip(held.limits, account.plan.limits, strict=True)]
    ends = [holding.counter.end for holding in held.holdings]
    return json.dumps([account.plan.text, account.tenant, account.subjects, is_second, ends, held.granted, held.admitted_ms, held.record])


def _reservation(store: MemoryStore, body: str, deadline_ms: int, now: float) -> Reservation:
    text, tenant, subjects, is_second, ends, granted, admitted_ms, record = json.loads(body)
    plan = Plan.parse(text)
    limits = tuple(limit.second or limit if second else limit for limit, second in zip(plan.limits, is_second, strict=True))
    holdings = [
        _holding(store, limit, tenant, subject, end, taken, admitted_ms, now)
        for limit, subject, end, taken in zip(limits, subjects, ends, granted, strict=True)
    ]
    return Reservation(Account(plan, tenant, tuple(subjects)), limits, holdings, tuple(granted), admitted_ms, deadline_ms, record)


def _holding(  # noqa: PLR0913, PLR0917 - as many as there are things to know
    store: MemoryStore, limit: PlannedLimit, tenant: str, subject: str, end: int, taken: int, admitted_ms: int, now: float
) -> Holding:
    family = store.families.get(limit.counter, tenant, limit.window, now)
    counter = _counter(store, family, subject, end, now)
    return (counter or Counter(family, subject)).retake(limit, taken, admitted_ms)
