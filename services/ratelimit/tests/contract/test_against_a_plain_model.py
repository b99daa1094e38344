"""Every store against the plain model, over random calls and jumps of the clock: outcomes, counters and events have to be equal."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from itertools import groupby
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from maas_common.testing import FakeClock
from maas_common.windows import Window
from maas_ratelimit.core.counting import Admission, CounterFilter, Settlement
from maas_ratelimit.core.events import BudgetPassed, Usage

from services.ratelimit.tests.contract.callers import Caller, at, in_ms, rid, usage_record
from services.ratelimit.tests.contract.plain_model import PlainModel
from services.ratelimit.tests.contract.stores import RESERVATION_TTL_S, Counting, counting_plainly, counting_with_a_journal

START_MS = int(at("2027-10-30 21:59:30") * 1000)
"""Just before the longest day of the year in Berlin."""
LONG_S = 3600


class Kind(NamedTuple):
    """Limits of one counter: plans have them with one of the amounts."""

    id: str
    metric: str
    amounts: tuple[int, ...]
    window: str
    per: str
    notify: str = ""


KINDS = [
    Kind("a", "requests", (3, 5), "1m", "user"),
    Kind("b", "requests", (2,), "7s", "user+model"),
    Kind("c", "requests", (8, 12), "day in Europe/Berlin", "tier", "50/100"),
    Kind("d", "requests", (20,), "month from 31", "key"),
    Kind("e", "requests", (3, 4), "sliding 1m", "user"),
    Kind("f", "requests", (3, 4), "sliding-log 1m", "user"),
    Kind("g", "requests", (5,), "gcra 1m burst 3", "user"),
    Kind("h", "total_tokens", (300, 500), "1h", "user", "50/80/100"),
    Kind("i", "cost", (400, 1000), "week from sunday in America/New_York", "team", "10/50"),
    Kind("j", "total_tokens", (300, 1000), "sliding 2h", "user"),
    Kind("k", "input_tokens", (300, 400), "sliding-log 1h", "model"),
    Kind("l", "output_tokens", (600,), "gcra 2h burst 300", "user"),
    Kind("m", "concurrency", (2, 3), "-", "user"),
    Kind("n", "total_tokens", (900,), "1h", "policy"),
    Kind("o", "cost", (9 * 10**15,), "sliding 1m", "tenant"),
    Kind("p", "requests", (4,), "sliding-log 3h", "user"),
]
LONG_KINDS = [kind for kind in KINDS if kind.window == "-" or Window.parse(kind.window).length_s >= LONG_S]
OVERS = st.sampled_from(["hard", "hard", "hard", "soft 50", "soft 10", "shadow"])
BEN = {"user": "ben", "key": "ben-key", "model": "large"}
ACME = {"tenant": "acme"}
RIDS = st.integers(0, 11)
TOKENS = st.integers(1, 250) | st.just(9 * 10**15)
STEPS_MS = (
    st.integers(1, 3000)
    | st.integers(1, 90_000)
    | st.sampled_from([1000 * seconds for seconds in (7, 60, 599, 600, 1800, 3599, 3600, 7200, 86_400, 45 * 86_400)])
)


@st.composite
def plans(draw, kinds) -> str:
    """One to four limits, each as its kind is."""
    written = []
    for kind in draw(st.lists(st.sampled_from(kinds), min_size=1, max_size=4, unique=True)):
        limit = f"{kind.id}:{kind.metric}:{draw(st.sampled_from(kind.amounts))}:{kind.window}:{kind.per}"
        over = draw(OVERS)
        if kind.notify:
            limit += f":{over}:{kind.notify}"
        elif over != "hard":
            limit += f":{over}"
        written.append(limit)
    return ";".join(["1", *sorted(written)])


class Calls(RuleBasedStateMachine):
    """Random calls on a store and on the model."""

    kinds = KINDS

    def __init__(self, new_counting) -> None:
        super().__init__()
        self.clock = FakeClock(in_ms(START_MS))
        self.counting: Counting = new_counting(self.clock)
        self.plain = counting_plainly(self.clock)
        self.model: PlainModel = self.plain.store
        self.callers: dict[int, Caller] = {}
        """Whose each request id was last."""
        self.before_reset: set[str] = set()
        """In flight at a reset: stores may take what these give back from what came since."""
        self.now_ms = START_MS
        every = [f"{kind.id}:{kind.metric}:{kind.amounts[0]}:{kind.window}:{kind.per}" for kind in self.kinds]
        self.go_to(START_MS)
        self.everybody = [Caller(self.counting, ";".join(["1", *every]), **who) for who in ({}, BEN, ACME)]

    def go_to(self, now_ms: int) -> None:
        self.now_ms = now_ms
        self.clock.time = in_ms(now_ms)
        self.counting.sweep()
        self.plain.sweep()

    def do(self, *operations) -> None:
        outcomes = self.counting.store.run(operations, now=self.clock.now())
        expected = self.model.run(operations, now=self.clock.now())
        assert [comparable(outcome) for outcome in outcomes] == [comparable(outcome) for outcome in expected]

    def caller(self, number: int, data) -> Caller:
        """Who has it in flight; else somebody new at times."""
        if number not in self.callers or (rid(number) not in self.model.held and data.draw(st.integers(0, 3)) == 0):
            who = ACME if number % 4 == 0 else data.draw(st.sampled_from([{}, BEN]))  # an id is always the same tenant's
            self.callers[number] = Caller(self.counting, data.draw(plans(self.kinds)), **who)
        return self.callers[number]

    @rule(step_ms=STEPS_MS)
    def time_passes(self, step_ms: int) -> None:
        self.go_to(self.now_ms + step_ms)

    @rule()
    def it_is_tidied_up(self) -> None:
        self.counting.tidy()

    @rule(back_ms=st.integers(1, 400_000))
    def the_clock_is_set_back(self, back_ms: int) -> None:
        self.go_to(self.now_ms - back_ms)

    @rule(data=st.data(), before_ms=st.sampled_from([0, 0, 1]))
    def a_window_is_about_to_end(self, data, before_ms: int) -> None:
        window = Caller(self.counting, data.draw(plans(self.kinds))).plan.limits[0].window
        end = window.bounds(self.model.now_ms // 1000)[1]
        if end:
            self.go_to(max(self.now_ms, end * 1000 - before_ms))

    @precondition(lambda self: self.model.held)
    @rule(data=st.data(), before_ms=st.sampled_from([0, 0, 1]))
    def a_reservation_is_about_to_expire(self, data, before_ms: int) -> None:
        held = self.model.held[data.draw(st.sampled_from(sorted(self.model.held)))]
        self.go_to(max(self.now_ms, held.since_ms + RESERVATION_TTL_S * 1000 - before_ms))

    @rule(data=st.data(), number=RIDS, tokens=TOKENS, least=st.none() | st.integers(1, 100))
    def a_request_arrives(self, data, number: int, tokens: int, least: int | None) -> None:
        self.do(self.caller(number, data).claim(number, tokens, least=None if least is None else min(least, tokens)))

    @rule(data=st.data(), first=RIDS, many=st.integers(2, 9), tokens=st.integers(1, 200))
    def somebody_sends_many_and_one_ends_in_one_call(self, data, first: int, many: int, tokens: int) -> None:
        caller = self.caller(first, data)
        numbers = range(first, first + many * 4, 4)
        for number in numbers:
            if rid(number) not in self.model.held:
                self.callers[number] = caller
        operations = [self.callers[number].claim(number, tokens) for number in numbers]
        self.do(*operations, self.settlement(first, tokens // 2), self.settlement(first, tokens))

    @precondition(lambda self: self.model.held)
    @rule(data=st.data(), tokens=st.integers(0, 400), is_estimated=st.booleans(), has_record=st.booleans())
    def a_request_in_flight_ends(self, data, tokens: int, *, is_estimated: bool, has_record: bool) -> None:
        number = int(data.draw(st.sampled_from(sorted(self.model.held))), 16)
        settlement = self.settlement(number, tokens, has_record=has_record)
        self.do(replace(settlement, outcome="estimated" if is_estimated else "measured"))

    @rule(data=st.data(), number=RIDS, tokens=st.integers(0, 400) | st.just(10**14), may_charge=st.sampled_from([True, True, False]))
    def a_request_ends(self, data, number: int, tokens: int, *, may_charge: bool) -> None:
        self.caller(number, data)
        self.do(replace(self.settlement(number, tokens), may_charge=may_charge))

    def settlement(self, number: int, tokens: int, *, has_record: bool = True) -> Settlement:
        caller = self.callers[number]
        return caller.settlement(number, tokens, record=usage_record(number, caller.account.tenant) if has_record else "")

    @rule(data=st.data(), number=RIDS)
    def a_request_that_was_refused_ends(self, data, number: int) -> None:
        self.do(Settlement(rid(number), self.caller(number, data).account, (), "", may_charge=False))

    @precondition(lambda self: set(self.model.held) - self.before_reset)
    @rule(data=st.data())
    def a_request_in_flight_is_undone(self, data) -> None:
        number = int(data.draw(st.sampled_from(sorted(set(self.model.held) - self.before_reset))), 16)
        self.undo(self.callers[number], number)

    @rule(data=st.data(), number=RIDS)
    def any_request_is_undone(self, data, number: int) -> None:
        if rid(number) not in self.before_reset:
            self.undo(self.caller(number, data), number)

    def undo(self, caller: Caller, number: int) -> None:
        self.do(Settlement(rid(number), caller.account, (), "", is_undone=True, may_charge=False))

    @rule(
        kind=st.sampled_from(["", *[kind.id for kind in KINDS]]),
        subject=st.sampled_from(["", "", "ann"]),
        tenant=st.sampled_from(["", "acme"]),
    )
    def counters_are_reset(self, kind: str, subject: str, tenant: str) -> None:
        for admin in (self.counting.admin, self.plain.admin):
            admin.reset_counters(CounterFilter(tenant, kind, subject), now=self.clock.now())
        self.before_reset |= set(self.model.held)

    @precondition(lambda self: self.now_ms >= self.model.now_ms)
    @rule(subject=st.sampled_from(["", "ann"]), page_size=st.integers(1, 20))
    def counters_are_listed(self, subject: str, page_size: int) -> None:
        assert self.listed(self.counting, subject, page_size) == self.listed(self.plain, subject, 1000)

    def listed(self, counting: Counting, subject: str, page_size: int) -> list[tuple]:
        found, token = [], None
        while token != "":
            page, token = counting.admin.list_counters(
                CounterFilter("", "", subject), page_size=page_size, page_token=token or "", now=self.clock.now()
            )
            found += page
        return sorted(info[:5] for info in found if info.used or info.reserved)

    @invariant()
    def counters_agree(self) -> None:
        for caller in self.everybody:
            counters = [limit.counter for limit in caller.plan.limits]
            expected = self.model.read(caller.account, now=self.clock.now())
            assert dict(zip(counters, caller.states(), strict=True)) == dict(zip(counters, expected, strict=True))

    @invariant()
    def events_agree(self) -> None:
        assert told(self.counting) == told(self.plain)


class CallsAndKills(Calls):
    """With windows of an hour or more alone: others may be forgotten when the process ends."""

    kinds = LONG_KINDS

    def __init__(self, new_counting) -> None:
        super().__init__(new_counting)
        self.written = deepcopy(self.model)

    @rule()
    def what_has_changed_is_written(self) -> None:
        self.counting.store.write()
        self.written = deepcopy(self.model)

    @rule(is_told=st.booleans())
    def the_process_ends_and_another_begins(self, *, is_told: bool) -> None:
        self.go_to(max(self.now_ms, self.model.now_ms))
        if is_told:
            self.what_has_changed_is_written()
        self.counting.store.kill()
        self.model = deepcopy(self.written)
        self.plain = counting_plainly(self.clock, self.model)
        self.go_to(self.now_ms)


def comparable(outcome) -> object:
    """Time to the millisecond; errors by their reasons; of a repeat to somebody else not what it was granted then."""
    if isinstance(outcome, Exception):
        return type(outcome), outcome.reason
    if isinstance(outcome, Admission):
        return replace(outcome, now=int(outcome.now * 1000 + 0.25), retry_at=round(outcome.retry_at * 1000))
    return outcome


def told(counting: Counting) -> dict[str, list[object]]:
    """By tenant, each in its order; of reservations that expire together any is that.

    Stores may or may not tell that a window's threshold was passed after it had ended: then nobody is over it any more.
    """
    by_tenant: dict[str, list[object]] = {}
    for each in counting.events():
        if not (isinstance(each, BudgetPassed) and each.end * 1000 <= each.at_ms):
            by_tenant.setdefault(each.tenant, []).append(each)
    return {tenant: [each for _, those in groupby(events, expired_at) for each in sorted(those)] for tenant, events in by_tenant.items()}


def expired_at(event: object) -> object:
    """Those that expired together have this in common; any other event has it for itself."""
    return event.ended_ms if isinstance(event, Usage) and event.outcome == "expired" else event


@pytest.mark.parametrize(("new_counting", "examples"), [("memory", 90), ("redis", 40), ("redis-cluster", 30)], indirect=["new_counting"])
def test_a_store_agrees_with_the_plain_model(new_counting, examples):
    check(lambda: Calls(new_counting), examples)


def test_a_process_goes_on_where_the_one_before_was_when_it_last_wrote():
    check(lambda: CallsAndKills(counting_with_a_journal), examples=70)


def check(machine: Callable[[], Calls], examples: int) -> None:
    """Failures are shown as they were found: to shrink one would take minutes."""
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=30,
            deadline=None,
            phases=[Phase.reuse, Phase.generate],
            report_multiple_bugs=False,
            suppress_health_check=[*HealthCheck],
        ),
    )
