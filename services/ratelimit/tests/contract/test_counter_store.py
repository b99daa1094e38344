"""What every CounterStore does."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from threading import Barrier, Thread

import pytest
from maas_common.errors import InvalidArgumentError
from maas_ratelimit.core.counting import Account, Admission, Claim, CounterState, Settled, Settlement
from maas_ratelimit.core.plans import Plan

NOW = 1_800_000_030.0
MINUTE, HOUR = 1_800_000_060, 1_800_003_600
REQUESTS, TOKENS = "r:requests:3:1m:user", "t:total_tokens:1000:1h:user"
BOTH = Plan.parse(f"1;{REQUESTS};{TOKENS}")


def rid(number: int) -> str:
    return f"{number:032x}"


def account(plan: Plan = BOTH, user: str = "ann", tenant: str = "default") -> Account:
    return Account(plan, tenant, user)


class Caller:
    """Calls a store, whether it answers at once or later, with time and account given once."""

    def __init__(self, store, account=account(), now=NOW):  # noqa: B008 - a value
        self.store, self.account, self.now = store, account, now

    def at(self, now: float) -> Caller:
        return Caller(self.store, self.account, now)

    def of(self, account: Account) -> Caller:
        return Caller(self.store, account, self.now)

    def admit(self, number: int, tokens: int = 100) -> Admission:
        return resolved(self.store.admit(Claim(rid(number), self.account, tokens), now=self.now))

    def settle(self, number: int, tokens: int = 0) -> Settled:
        return resolved(self.store.settle(Settlement(rid(number), tokens, self.account), now=self.now))

    def settle_refused(self, number: int) -> Settled:
        return resolved(self.store.settle(Settlement(rid(number), 0, None), now=self.now))

    def undo(self, number: int) -> Settled:
        return resolved(self.store.settle(Settlement(rid(number), 0, None, is_undone=True), now=self.now))

    def used(self) -> list[tuple[int, int]]:
        """Used and reserved of each limit."""
        return [(state.used, state.reserved) for state in self.states()]

    def states(self) -> tuple[CounterState, ...]:
        return resolved(self.store.read(self.account, now=self.now))


def resolved(answer):
    if not isinstance(answer, Coroutine):
        return answer

    async def wait():
        return await answer

    return asyncio.run(wait())


@pytest.fixture
def ann(store) -> Caller:
    return Caller(store)


def test_nothing_is_used_at_first(ann):
    assert ann.states() == (CounterState(0, 0, MINUTE), CounterState(0, 0, HOUR))


def test_an_admission_counts_one_request_and_reserves_tokens(ann):
    assert ann.admit(1, tokens=100) == Admission((), (2, 900), (MINUTE, HOUR))
    assert ann.used() == [(1, 0), (0, 100)]


def test_exactly_as_many_requests_as_the_limit_allows_are_admitted(ann):
    assert [ann.admit(number).refusing for number in range(5)] == [(), (), (), (0,), (0,)]


def test_tokens_are_admitted_as_long_as_what_is_used_and_reserved_leaves_enough(ann):
    ann.admit(1, tokens=600)
    ann.settle(1, tokens=300)
    ann.admit(2, tokens=300)
    assert ann.admit(3, tokens=401) == Admission((1,), (1, 400), (MINUTE, HOUR))
    assert ann.admit(4, tokens=400) == Admission((), (0, 0), (MINUTE, HOUR))


def test_a_refused_request_takes_nothing_from_any_counter(ann):
    ann.admit(1, tokens=999)
    before = ann.states()
    assert ann.admit(2, tokens=2).refusing == (1,)
    assert ann.states() == before


def test_every_limit_that_refuses_is_named(ann):
    for number in range(3):
        ann.admit(number, tokens=333)
    assert ann.admit(4, tokens=2).refusing == (0, 1)


def test_a_claim_larger_than_a_limit_takes_all_of_it_and_no_more(ann):
    assert ann.admit(1, tokens=50_000) == Admission((), (2, 0), (MINUTE, HOUR))
    assert ann.used() == [(1, 0), (0, 1000)]


def test_a_settle_puts_what_was_used_in_place_of_the_reservation(ann):
    ann.admit(1, tokens=100)
    assert ann.settle(1, tokens=70) is Settled.REPLACED
    assert ann.used() == [(1, 0), (70, 0)]


def test_more_may_be_used_than_was_reserved_and_then_nothing_is_left(ann):
    ann.admit(1, tokens=100)
    ann.settle(1, tokens=1500)
    assert ann.used() == [(1, 0), (1500, 0)]
    assert ann.admit(2, tokens=1) == Admission((1,), (2, -500), (MINUTE, HOUR))


def test_a_second_settle_changes_nothing(ann):
    ann.admit(1)
    ann.settle(1, tokens=70)
    assert ann.settle(1, tokens=70) is Settled.REPEATED
    assert ann.undo(1) is Settled.REPEATED
    assert ann.used() == [(1, 0), (70, 0)]


def test_an_undone_admission_gives_back_tokens_and_request(ann):
    ann.admit(1)
    assert ann.undo(1) is Settled.REPLACED
    assert ann.undo(1) is Settled.UNKNOWN
    assert ann.used() == [(0, 0), (0, 0)]


def test_a_refused_requests_settle_changes_nothing(ann):
    ann.admit(1, tokens=1000)
    ann.admit(2)
    assert ann.settle_refused(2) is Settled.UNKNOWN
    assert ann.used() == [(1, 0), (0, 1000)]


def test_a_repeated_admission_takes_nothing_again(ann):
    first = ann.admit(1)
    assert ann.admit(1) == first._replace(is_repeat=True)
    assert ann.used() == [(1, 0), (0, 100)]


def test_a_repeated_admission_is_admitted_also_when_nothing_is_left(ann):
    ann.admit(1, tokens=1000)
    assert ann.admit(1, tokens=1000) == Admission((), (2, 0), (MINUTE, HOUR), is_repeat=True)


def test_an_id_that_has_ended_is_not_admitted_again(ann):
    ann.admit(1)
    ann.settle(1, tokens=70)
    with pytest.raises(InvalidArgumentError, match="has ended"):
        ann.admit(1)
    assert ann.used() == [(1, 0), (70, 0)]


def test_a_settle_of_an_unknown_request_is_charged_to_the_current_windows_once(ann):
    assert ann.settle(1, tokens=70) is Settled.LATE
    assert ann.settle(1, tokens=70) is Settled.REPEATED
    assert ann.used() == [(1, 0), (70, 0)]


def test_an_unknown_request_that_used_no_tokens_counts_as_a_request(ann):
    ann.settle(1)
    assert ann.used() == [(1, 0), (0, 0)]


def test_a_window_starts_anew_when_it_has_ended(ann):
    for number in range(3):
        ann.admit(number)
    assert ann.at(MINUTE - 0.001).admit(4).refusing == (0,)
    assert ann.at(MINUTE).admit(4) == Admission((), (2, 600), (MINUTE + 60, HOUR))


def test_what_was_used_is_charged_to_the_window_that_the_request_was_admitted_in(ann):
    ann.admit(1, tokens=900)
    later = ann.at(HOUR + 10)
    assert later.settle(1, tokens=900) is Settled.REPLACED
    assert later.used() == [(0, 0), (0, 0)]


def test_a_reservation_stays_in_the_window_that_it_was_made_in(ann):
    ann.admit(1, tokens=1000)
    assert ann.at(HOUR).admit(2, tokens=1000).refusing == ()


def test_a_reservation_ends_after_its_time_and_the_request_stays_counted(store):
    day = Caller(store, account(Plan.parse("1;r:requests:3:1d:user;t:total_tokens:1000:1d:user")))
    day.admit(1, tokens=1000)
    assert day.at(NOW + 3599).admit(2).refusing == (1,)
    assert day.at(NOW + 3600).used() == [(1, 0), (0, 0)]
    assert day.at(NOW + 3600).admit(2).refusing == ()


def test_a_settle_after_that_is_charged_its_tokens_alone_and_once(store):
    day = Caller(store, account(Plan.parse("1;r:requests:3:1d:user;t:total_tokens:1000:1d:user")))
    day.admit(1, tokens=1000)
    later = day.at(NOW + 3600)
    with pytest.raises(InvalidArgumentError, match="has ended"):
        later.admit(1)
    assert later.settle(1, tokens=70) is Settled.LATE
    assert later.settle(1, tokens=70) is Settled.REPEATED
    assert later.used() == [(1, 0), (70, 0)]


def test_users_and_tenants_are_counted_apart(ann):
    ann.admit(1)
    for other in (account(user="ben"), account(tenant="acme"), account(user="", tenant="defaultann")):
        assert ann.of(other).used() == [(0, 0), (0, 0)]


def test_raising_a_limit_keeps_what_was_used_and_another_limit_starts_fresh(ann):
    for number in range(3):
        ann.admit(number)
    raised = Plan.parse(f"1;r:requests:4:1m:user;{TOKENS}")
    other = Plan.parse(f"1;q:requests:4:1m:user;{TOKENS}")
    assert ann.of(account(raised)).used() == [(3, 0), (0, 300)]
    assert ann.of(account(raised)).admit(4).refusing == ()
    assert ann.of(account(other)).used() == [(0, 0), (0, 400)]


def test_a_plan_without_limits_admits_everything(ann):
    free = ann.of(account(Plan.parse("1")))
    assert free.admit(1) == Admission((), (), ())
    assert free.settle(1, tokens=10) is Settled.REPLACED
    assert free.states() == ()


def test_a_clock_set_back_gives_nothing_back(ann):
    for number in range(3):
        ann.at(MINUTE + 5).admit(number)
    assert ann.at(NOW).admit(3).refusing == (0,)
    assert ann.at(MINUTE + 59).admit(4).refusing == (0,)
    assert ann.at(MINUTE + 60).admit(5).refusing == ()


def test_threads_together_are_admitted_exactly_as_often_as_one(store):
    caller = Caller(store, account(Plan.parse("1;r:requests:1000:1d:user;t:total_tokens:100000:1d:user")))
    admitted, start = [], Barrier(8)

    def work(series: int) -> None:
        start.wait()
        admitted.extend(number for number in range(series, 4000, 8) if not caller.admit(number, tokens=10).refusing)

    threads = [Thread(target=work, args=(series,)) for series in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(admitted) == 1000
    assert caller.used() == [(1000, 0), (0, 10_000)]
