"""Every store against a model that keeps a list of all that ever happened and adds it up, over random calls and clock jumps."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from maas_common.errors import InvalidArgumentError
from maas_ratelimit.core.counting import Account, Admission, Claim, Settled, Settlement
from maas_ratelimit.core.headers import HeaderWriter
from maas_ratelimit.core.plans import Plan
from maas_ratelimit.ports import CounterStore

START = 1_800_000_000.25
RESERVED_S, REMEMBERED_S = 3600, 600
PLANS = [
    Plan.parse("1;a:requests:3:1m:user;b:total_tokens:100:1m:user;c:requests:8:2h:user;d:total_tokens:300:2h:user"),
    Plan.parse("1;a:requests:5:1m:user;d:total_tokens:200:2h:user"),  # shares two counters, with other amounts
    Plan.parse("1;a:requests:2:7s:user"),  # the same id, another window
]
RIDS = st.integers(0, 11).map(lambda number: f"{number:032x}")
ACCOUNTS = st.builds(Account, st.sampled_from(PLANS), st.just("default"), st.sampled_from(["ann", "ben"]))
ANN = Account(PLANS[0], "default", "ann")
TOKENS = st.integers(1, 120)


def resolved(answer):
    if not isinstance(answer, Coroutine):
        return answer

    async def wait():
        return await answer

    return asyncio.run(wait())


@dataclass
class Charge:
    """Something counted: on which counter, for whom, in which window."""

    counter: tuple[str, str, int]
    used: int = 0
    reserved: int = 0


@dataclass
class Held:
    """A request in flight."""

    since: float
    charges: dict[str, Charge]
    """By the limit's counter."""


@dataclass
class Model:
    """All charges ever made; nothing is cleaned up."""

    now: float = START
    charges: list[Charge] = field(default_factory=list)
    held: dict[str, Held] = field(default_factory=dict)
    settled: dict[str, float] = field(default_factory=dict)
    overdue: dict[str, float] = field(default_factory=dict)

    def pass_time(self, now: float) -> None:
        self.now = max(self.now, now)
        for rid, held in list(self.held.items()):
            if held.since + RESERVED_S <= self.now:
                for charge in self.held.pop(rid).charges.values():
                    charge.reserved = 0
                self.overdue[rid] = self.now + RESERVED_S
        self.settled = {rid: until for rid, until in self.settled.items() if until > self.now}
        self.overdue = {rid: until for rid, until in self.overdue.items() if until > self.now}

    def counter(self, limit, user: str) -> tuple[str, str, int]:
        return (limit.counter, user, limit.limit.window.bounds(self.now)[1])

    def used(self, limit, user: str) -> tuple[int, int]:
        mine = [charge for charge in self.charges if charge.counter == self.counter(limit, user)]
        return sum(charge.used for charge in mine), sum(charge.reserved for charge in mine)

    def wanted(self, limit, tokens: int) -> int:
        return min(tokens, limit.amount) if limit.counts_tokens else 1

    def left(self, account: Account) -> list[int]:
        return [limit.amount - sum(self.used(limit, account.user)) for limit in account.plan.limits]

    def admit(self, rid: str, account: Account, tokens: int) -> None:
        charges = {}
        for limit in account.plan.limits:
            amount = self.wanted(limit, tokens)
            used, reserved = (0, amount) if limit.counts_tokens else (amount, 0)
            charges[limit.counter] = Charge(self.counter(limit, account.user), used, reserved)
        self.held[rid] = Held(self.now, charges)
        self.charges.extend(charges.values())

    def settle(self, rid: str, account: Account | None, tokens: int) -> Settled:
        if rid in self.held:
            for charge in self.held.pop(rid).charges.values():
                charge.used += tokens if charge.reserved else 0
                charge.reserved = 0
        elif rid in self.settled:
            return Settled.REPEATED
        elif account is None:
            return Settled.UNKNOWN
        else:
            is_counted = self.overdue.pop(rid, None) is not None
            for limit in account.plan.limits:
                self.charges.append(Charge(self.counter(limit, account.user), tokens if limit.counts_tokens else int(not is_counted)))
            self.settled[rid] = self.now + REMEMBERED_S
            return Settled.LATE
        self.settled[rid] = self.now + REMEMBERED_S
        return Settled.REPLACED

    def undo(self, rid: str) -> Settled:
        if rid in self.held:
            for charge in self.held.pop(rid).charges.values():
                charge.used = charge.reserved = 0
            return Settled.REPLACED
        return Settled.REPEATED if rid in self.settled else Settled.UNKNOWN


class Calls(RuleBasedStateMachine):
    """Random calls on a store, each compared with the model."""

    def __init__(self, new_store) -> None:
        super().__init__()
        self.store = new_store()
        self.model = Model()
        self.clock = START

    @rule(seconds=st.sampled_from([1, 3, 7, 30, 60, 599, 600, 3599, 3600, 7200]) | st.integers(-300, 4000))
    def the_clock_jumps(self, seconds: int) -> None:
        self.clock += seconds
        self.model.pass_time(self.clock)

    @rule(rid=RIDS, account=ACCOUNTS, tokens=TOKENS)
    def a_request_arrives(self, rid: str, account: Account, tokens: int) -> None:
        model = self.model
        left = model.left(account)
        try:
            admission = resolved(self.store.admit(Claim(rid, account, tokens), now=self.clock))
        except InvalidArgumentError:
            assert rid not in model.held
            assert rid in model.settled or rid in model.overdue
            return
        assert admission.ends == tuple(model.counter(limit, account.user)[2] for limit in account.plan.limits)
        assert admission.is_repeat == (rid in model.held)
        if not admission.is_repeat:
            assert rid not in model.settled
            assert rid not in model.overdue
            wanted = [model.wanted(limit, tokens) for limit in account.plan.limits]
            assert admission.refusing == tuple(place for place, want in enumerate(wanted) if want > left[place])
            if not admission.refusing:
                model.admit(rid, account, tokens)
        assert admission.left == tuple(model.left(account))

    @rule(rid=RIDS, account=ACCOUNTS | st.none(), tokens=st.integers(0, 150))
    def a_request_ends(self, rid: str, account: Account | None, tokens: int) -> None:
        settled = resolved(self.store.settle(Settlement(rid, tokens, account), now=self.clock))
        assert settled is self.model.settle(rid, account, tokens)

    @precondition(lambda self: self.model.held)
    @rule(data=st.data(), tokens=st.integers(0, 150))
    def a_request_in_flight_ends(self, data, tokens: int) -> None:
        self.a_request_ends(data.draw(st.sampled_from(sorted(self.model.held))), None, tokens)

    @rule(rid=RIDS)
    def an_admission_is_undone(self, rid: str) -> None:
        settled = resolved(self.store.settle(Settlement(rid, 0, None, is_undone=True), now=self.clock))
        assert settled is self.model.undo(rid)

    @invariant()
    def counters_agree(self) -> None:
        for plan in PLANS:
            for user in ("ann", "ben"):
                states = resolved(self.store.read(Account(plan, "default", user), now=self.clock))
                assert [(state.used, state.reserved) for state in states] == [self.model.used(limit, user) for limit in plan.limits]


def test_a_store_agrees_with_a_list_of_all_that_happened(new_store):
    run_state_machine_as_test(lambda: Calls(new_store), settings=settings(max_examples=150, stateful_step_count=40, deadline=None))


HISTORY = st.lists(st.tuples(st.integers(1, 100), st.none() | st.integers(0, 200), st.integers(0, 90)), max_size=40)
"""Requests: tokens reserved, tokens used if it has ended, seconds before it comes."""


@dataclass
class Past:
    """A store after a history of requests by one user."""

    store: CounterStore
    now: float = START
    admissions: list[Admission] = field(default_factory=list)
    in_flight: list[Settlement] = field(default_factory=list)
    """To be settled as reserved."""

    def after(self, history) -> Past:
        for number, (tokens, used, wait) in enumerate(history):
            self.now += wait
            rid = f"{number:032x}"
            admission = resolved(self.store.admit(Claim(rid, ANN, tokens), now=self.now))
            if admission.refusing:
                continue
            self.admissions.append(admission)
            if used is None:
                self.in_flight.append(Settlement(rid, tokens, ANN))
            else:
                resolved(self.store.settle(Settlement(rid, used, ANN), now=self.now))
        return self


@given(history=HISTORY)
@settings(deadline=None)
def test_no_window_ever_admits_more_requests_than_its_limit(history, new_store):
    admissions = Past(new_store()).after(history).admissions
    windows = Counter((place, admission.ends[place]) for admission in admissions for place in ANN.plan.requests)
    assert all(number <= ANN.plan.limits[place].amount for (place, _), number in windows.items())
    assert all(min(admission.left) >= 0 for admission in admissions)


def encoded(name: str, value: str) -> bytes:
    return f"{name} {value}".encode()


@given(history=HISTORY, tokens=st.integers(1, 100), early=st.floats(0, 1))
@settings(deadline=None)
def test_a_refused_request_passes_after_retry_after_and_not_before_its_windows_end(history, tokens, early, new_store):
    """If nothing else comes meanwhile, and what is in flight is settled as reserved."""

    def again(when) -> bool | None:
        past = Past(new_store()).after(history)
        claim = Claim("f" * 32, ANN, tokens)
        refusal = resolved(past.store.admit(claim, now=past.now))
        if not refusal.refusing:
            return None
        for settlement in past.in_flight:
            resolved(past.store.settle(settlement, now=past.now))
        retry_after = int(HeaderWriter((), encoded).refused(ANN.plan, refusal, past.now).removeprefix(b"retry-after "))
        return not resolved(past.store.admit(claim, now=when(past.now, retry_after))).refusing

    assert again(lambda now, retry_after: now + retry_after) in {True, None}
    # START lies a quarter into a second and waits are whole: rounding Retry-After up has added a quarter.
    assert again(lambda now, retry_after: now + early * (retry_after - 0.25 - 0.001)) in {False, None}
