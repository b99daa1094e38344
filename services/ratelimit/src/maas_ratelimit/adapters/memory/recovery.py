"""What a memory store writes down, and how it comes back from it."""

from __future__ import annotations

import json
from hashlib import blake2b
from itertools import groupby
from operator import itemgetter

from maas_ratelimit.adapters.journal.journal import Batch, Recovered
from maas_ratelimit.adapters.memory.counters import NEVER, AnyCounter, AnyFamily, Counter, Holding, SlidingCounter
from maas_ratelimit.adapters.memory.families import Family
from maas_ratelimit.adapters.memory.requests import Reservation
from maas_ratelimit.adapters.memory.store import MemoryStore
from maas_ratelimit.core.counting import Account
from maas_ratelimit.core.plans import CounterName, PlannedLimit, Plans

_MOST_PARTIES = 100_000
_MOST_ENDS = 1000
_ALL_TOLD = 100


class Recorder:
    """Hands over what has changed. For one thread."""

    def __init__(self, store: MemoryStore, reservation_ttl_s: float) -> None:
        """The store must have been made with Changes."""
        self.dropped = 0
        """Usage events lost because too many came while they could not be handed over."""
        self._store = store
        self._ttl_ms = int(reservation_ttl_s * 1000)
        self._parties: dict[tuple[Account, str], tuple[int, str]] = {}
        """Of each party that was handed over: until when that will do, and how its bodies are written."""
        self._ends: dict[tuple[int, ...], str] = {}
        """As they are written: few windows are current, and writing numbers is what bodies cost most."""

    def collect(self) -> Batch | None:
        """What has changed since the last time; None when nothing has."""
        store = self._store
        with store.lock:
            changes, gone = store.changes, store.families.gone
            if changes is None or not (changes or gone):
                return None
            store.changes, store.families.gone = changes.empty(), []
            counters = [
                (each.family.name, each.family.tenant, each.subject, _needed_until(each), each.state())
                for each in changes.touched
                if each.end != NEVER or each.family.counters.get(each.subject) is each
            ]
        self.dropped += changes.dropped
        parties: list[tuple[str, int, str]] = []
        opened = [(rid, held.deadline_ms, self._body(held, parties)) for rid, held in changes.opened.items()]
        ended = [row for row in changes.ended if row[0] not in changes.opened]  # what is open again was forgotten since
        return Batch(counters, gone, opened, ended, list(changes.undone), list(changes.events), parties)

    def _body(self, held: Reservation, parties: list[tuple[str, int, str]]) -> str:
        """What is particular to the reservation; what others of its party have too is added to `parties` when it is due."""
        account = held.account
        will_do_until, form = self._parties.get((account, held.record), (0, ""))
        if will_do_until < held.deadline_ms:
            text = json.dumps([account.plan.text, account.tenant, account.subjects, held.record])
            party = int.from_bytes(blake2b(text.encode(), digest_size=12).digest())
            form = f"[{party},%d,%s,[{','.join(['%d'] * len(held.granted))}]%s]"
            will_do_until = held.deadline_ms + self._ttl_ms
            parties.append((str(party), will_do_until, text))
            if len(self._parties) >= _MOST_PARTIES:
                del self._parties[next(iter(self._parties))]
            self._parties[account, held.record] = will_do_until, form
        ends = tuple([holding.counter.end for holding in held.holdings])
        if (ends_text := self._ends.get(ends)) is None:
            if len(self._ends) >= _MOST_ENDS:
                self._ends.clear()
            ends_text = self._ends[ends] = json.dumps(ends)
        second = ""
        if held.limits is not account.plan.limits:
            is_second = [limit is not first for limit, first in zip(held.limits, account.plan.limits, strict=True)]
            second = f",{json.dumps(is_second)}"
        return form % (held.admitted_ms, ends_text, *held.granted, second)


def restore(store: MemoryStore, recovered: Recovered, now: float) -> None:
    """Go on where the process before has stopped. Before the first call."""
    plans = Plans()
    parties: dict[int, tuple[Account, str]] = {}
    for party, body in recovered.parties.items():
        text, tenant, subjects, record = json.loads(body)
        parties[int(party)] = Account(plans.get(text), tenant, tuple(subjects)), record
    with store.lock:
        by_window = itemgetter(3, 0, 1)
        for (until, name, tenant), counters in groupby(sorted(recovered.counters, key=by_window), key=by_window):
            family = store.families.get(name, tenant, CounterName.parse(name).window, now)
            end = until - _overtime(family) if until else NEVER
            for _, _, subject, _, state in counters:
                if (counter := _counter(store, family, subject, end, now)) is not None:
                    counter.restore(state)
        for rid, deadline_ms, body in recovered.opened:
            party, admitted_ms, ends, granted, *is_second = json.loads(body)
            account, record = parties[party]
            limits = account.plan.limits
            if is_second:
                limits = tuple(limit.second or limit if second else limit for limit, second in zip(limits, is_second[0], strict=True))
            holdings = [
                _holding(store, limit, account.tenant, subject, end, taken, admitted_ms, now)
                for limit, subject, end, taken in zip(limits, account.subjects, ends, granted, strict=True)
            ]
            store.reservations.hold(rid, Reservation(account, limits, holdings, tuple(granted), admitted_ms, deadline_ms, record))
        for rid, until_ms, is_expired in recovered.ended:
            (store.overdue if is_expired else store.settled).restore(rid, until_ms)


def _overtime(family: AnyFamily) -> int:
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


def _holding(  # noqa: PLR0913, PLR0917 - as many as there are things to know
    store: MemoryStore, limit: PlannedLimit, tenant: str, subject: str, end: int, taken: int, admitted_ms: int, now: float
) -> Holding:
    family = store.families.get(limit.counter, tenant, limit.window, now)
    counter = _counter(store, family, subject, end, now)
    if counter is None:  # its window is over: what comes of it must not be taken for the current one's
        counter = Counter(family, subject)
        counter.end, counter.told = end, _ALL_TOLD
    return counter.retake(limit, taken, admitted_ms)
