"""What is particular to counters in memory: bounds, and how things leave."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest
from maas_common.errors import UnavailableError
from maas_ratelimit.adapters.memory import store as memory_store
from maas_ratelimit.adapters.memory.changes import Changes
from maas_ratelimit.adapters.memory.store import MemoryBounds, MemoryStore
from maas_ratelimit.adapters.memory.tidying import keep_tidy
from maas_ratelimit.core.counting import Account, Admission, Claim, CounterFilter, Settled, Settlement
from maas_ratelimit.core.plans import Plan
from structlog.testing import capture_logs

NOW = 1_800_000_030.0
MINUTE, HOUR = 1_800_000_060, 1_800_003_600
TWO = Plan.parse("1;r:requests:1000:1m:user;t:total_tokens:100000:1m:user")


def rid(number: int) -> str:
    return f"{number:032x}"


def account(user: str = "ann", plan: Plan = TWO) -> Account:
    return Account(plan, "default", (user,) * len(plan.limits))


def claim(number: int, user: str = "ann", plan: Plan = TWO, tokens: int = 10) -> Claim:
    takes = plan.capped((1, tokens, tokens, tokens, tokens, 1))
    return Claim(rid(number), account(user, plan), takes, takes, "")


def settlement(number: int, user: str = "ann", plan: Plan = TWO, tokens: int = 7) -> Settlement:
    return Settlement(rid(number), account(user, plan), plan.of_each((1, tokens, tokens, tokens, tokens, 0)), "")


def do(store: MemoryStore, operation: Claim | Settlement, now: float = NOW):
    """Its outcome; raised when it is an error."""
    (outcome,) = store.run([operation], now=now)
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def seen(store: MemoryStore, plan: Plan = TWO, now: float = NOW, user: str = "ann") -> list[tuple[int, int]]:
    """Used and reserved."""
    return [(state.used, state.reserved) for state in store.read(account(user, plan), now=now)]


def tidied(store: MemoryStore, now: float) -> int:
    """How many slices it took until nothing was left to do."""
    slices = 1
    while store.tidy(now):
        slices += 1
    return slices


def test_a_request_that_needs_more_counters_than_there_may_be_is_refused_and_takes_nothing():
    store = MemoryStore(MemoryBounds(max_counters=5))
    do(store, claim(1, "ann"), NOW)
    do(store, claim(2, "ben"), NOW)
    with pytest.raises(UnavailableError, match="holds 5 counters, as many as max_counters allows"):
        do(store, claim(3, "cem"), NOW)
    assert (store.live_counters, store.outstanding, store.turned_away) == (4, 2, 1)
    assert not do(store, claim(4, "ben"), NOW).refusing  # needs no new counter
    assert not do(store, claim(3, "cem"), MINUTE).refusing  # the others have ended


def test_there_is_room_again_as_soon_as_windows_have_ended_however_many_they_were():
    store = MemoryStore(MemoryBounds(max_counters=400))
    for number in range(200):
        do(store, claim(number, f"user{number}"), NOW)
    for number in range(200, 400):
        do(store, claim(number, f"user{number}"), MINUTE)
    assert store.live_counters <= 400


def test_a_counter_does_not_leave_while_a_request_makes_room_beside_it():
    steady = Plan.parse("1;steady:requests:1:gcra 1s:user")
    both = Plan.parse("1;steady:requests:1:gcra 1s:user;more:requests:5:1m:user")
    bursts = Plan.parse("1;bursts:total_tokens:1:gcra 1s burst 1000:user")
    store = MemoryStore(MemoryBounds(max_counters=200))
    for number in range(100):  # drained in a second
        do(store, claim(number, f"user{number}", steady))
        do(store, settlement(number, f"user{number}", steady))
    for number in range(100, 200):  # looked at in the same second, before those
        do(store, claim(number, f"user{number}", bursts, tokens=500))
    assert store.live_counters == 200
    claims = [claim(200, "user99", both), claim(201, "user99", steady), claim(202, "user99", steady)]
    outcomes = [store.run([each], now=NOW + 1.5)[0] for each in claims]
    assert [isinstance(each, Admission) and not each.refusing for each in outcomes].count(True) == 1


def test_a_settle_is_charged_even_when_there_may_be_no_more_counters():
    store = MemoryStore(MemoryBounds(max_counters=1))
    assert do(store, settlement(1), NOW) is Settled.LATE
    assert seen(store) == [(1, 0), (7, 0)]


def test_a_request_past_the_most_in_flight_is_refused_until_one_ends():
    store = MemoryStore(MemoryBounds(max_reservations=2))
    do(store, claim(1), NOW)
    do(store, claim(2), NOW)
    with pytest.raises(UnavailableError, match="holds 2 reservations, as many as max_reservations allows"):
        do(store, claim(3), NOW)
    do(store, settlement(1), NOW)
    assert not do(store, claim(3), NOW).refusing


def test_counters_leave_in_slices_when_their_windows_have_ended():
    store = MemoryStore(MemoryBounds())
    for number in range(100):
        do(store, claim(number, f"user{number}"), NOW)
    assert store.live_counters == 200
    assert tidied(store, MINUTE - 1) == 1
    assert store.live_counters == 200
    assert tidied(store, MINUTE) > 3
    assert store.live_counters == 0


def test_calls_alone_make_counters_leave_too():
    store = MemoryStore(MemoryBounds())
    for number in range(100):
        do(store, claim(number, f"user{number}"), NOW)
    for _ in range(5):
        store.read(account(), now=MINUTE)
    assert store.live_counters == 0


def test_reservations_leave_in_slices_when_their_time_is_over_and_are_counted():
    store = MemoryStore(MemoryBounds(reservation_ttl_s=10))
    for number in range(150):
        do(store, claim(number), NOW)
    assert tidied(store, NOW + 9) == 1
    assert store.outstanding == 150
    assert tidied(store, NOW + 10) == 3
    assert (store.outstanding, store.expired) == (0, 150)
    assert seen(store, now=NOW + 10) == [(150, 0), (0, 0)]


def test_settled_requests_are_forgotten_in_slices_after_their_time():
    store = MemoryStore(MemoryBounds(settled_ttl_s=10))
    for number in range(150):
        do(store, settlement(number), NOW)
    assert do(store, settlement(0), NOW + 9) is Settled.REPEATED
    assert tidied(store, NOW + 10) == 3
    assert do(store, settlement(0), NOW + 10) is Settled.LATE


def test_of_too_many_settled_requests_the_oldest_are_forgotten():
    store = MemoryStore(MemoryBounds(max_remembered=2))
    for number in range(3):
        do(store, settlement(number), NOW)
    assert [do(store, settlement(number), NOW) for number in (2, 1, 0)] == [Settled.REPEATED, Settled.REPEATED, Settled.LATE]


def test_it_knows_by_how_much_the_clock_was_set_back():
    store = MemoryStore(MemoryBounds())
    store.tidy(NOW)
    assert [store.ahead_of(NOW - 20), store.ahead_of(NOW), store.ahead_of(NOW + 20)] == [20, 0, 0]


def test_while_the_clock_is_set_back_windows_stand_still():
    store = MemoryStore(MemoryBounds())
    do(store, claim(1), MINUTE)
    admission = do(store, claim(2), NOW)
    assert (admission.now, admission.resets) == (MINUTE, (MINUTE + 60,) * 2)
    assert seen(store, now=NOW) == [(2, 0), (0, 20)]
    assert seen(store, now=MINUTE + 60) == [(0, 0), (0, 0)]


@pytest.mark.parametrize(
    ("limit", "idle_at"),
    [
        ("r:requests:60:gcra 1m burst 10:user", NOW + 1),
        ("t:total_tokens:60:gcra 1m burst 10:user", NOW + 10),
        ("r:requests:60:sliding-log 1m:user", NOW + 60),
        ("t:total_tokens:60:sliding-log 1m:user", NOW + 60),
        ("c:concurrency:60:-:user", NOW),
        ("r:requests:60:sliding 1m:user", MINUTE + 60),
    ],
)
def test_counters_without_an_end_leave_when_they_are_idle_and_not_before(limit, idle_at):
    plan, store = Plan.parse(f"1;{limit}"), MemoryStore(MemoryBounds())
    for number in range(200):
        do(store, claim(number, f"user{number}", plan))
        do(store, settlement(number, f"user{number}", plan, 10))
    tidied(store, max(NOW, idle_at - 1))
    assert store.live_counters == 200
    tidied(store, idle_at + 61)
    assert store.live_counters == 0
    assert store.list_counters(CounterFilter(), page_size=9, page_token="", now=idle_at + 61) == ([], "")


def test_a_limit_that_is_only_refused_leaves_after_a_rush_of_reservations_past_their_time():
    store = MemoryStore(MemoryBounds(reservation_ttl_s=10))
    refused = Plan.parse("1;short:requests:100:1s:user;long:requests:1:366d:user")
    do(store, claim(0, plan=refused))
    for number in range(1, 1000):
        do(store, claim(number))
    for second in range(5):  # they leave first, a few with each call
        assert do(store, claim(2000 + second, plan=refused), NOW + 12.5 + second).refusing == (1,)
    tidied(store, NOW + 20)
    assert store.outstanding == 0
    assert do(store, claim(3000, plan=refused), NOW + 20).left == (100, 0)


@pytest.mark.parametrize("window", ["-", "gcra 1s", "sliding-log 1s", "1s", "sliding 1s"])
def test_limits_that_nobody_uses_any_more_leave_nothing_behind(window):
    metric = "concurrency" if window == "-" else "total_tokens"
    store = MemoryStore(MemoryBounds())
    for number in range(50):
        plan = Plan.parse(f"1;old/{number}:{metric}:60:{window}:user")
        do(store, claim(number, "ann", plan))
        do(store, settlement(number, "ann", plan, 10))
    for passed in (200, 400):
        tidied(store, NOW + passed)
    assert store.families.all() == []


@pytest.mark.parametrize("window", ["-", "gcra 1s", "sliding-log 1s", "1s", "sliding 1s"])
def test_a_limit_that_leaves_while_it_is_asked_for_is_counted_in_one_place(window):
    metric = "concurrency" if window == "-" else "total_tokens"
    first, second = (Plan.parse(f"1;t:{metric}:{amount}:{window}:user") for amount in (1, 2))
    store = MemoryStore(MemoryBounds(max_counters=1))
    do(store, claim(1, "ann", first, 1))
    do(store, settlement(1, "ann", first, 1))
    later = NOW + 200  # ann's counter is over: there is room for one
    assert do(store, claim(2, "ben", first, 1), later).refusing == ()
    assert do(store, claim(3, "ben", second, 1), later).refusing == ()
    assert do(store, claim(4, "ben", second, 1), later).refusing == (0,)


@pytest.mark.parametrize("window", ["-", "gcra 1s", "sliding-log 1s", "1s", "sliding 1s"])
def test_a_counter_that_requests_in_flight_hold_does_not_leave_with_what_they_hold(window):
    metric = "concurrency" if window == "-" else "total_tokens"
    plan, store = Plan.parse(f"1;t:{metric}:60:{window}:user"), MemoryStore(MemoryBounds())
    do(store, claim(1, plan=plan))
    for later in range(1, 200, 20):
        tidied(store, NOW + later)
    assert do(store, settlement(1, plan=plan, tokens=30), NOW + 200) is Settled.REPLACED
    assert seen(store, plan, NOW + 200)[0][1] == 0
    assert not do(store, claim(2, plan=plan), NOW + 200).refusing


@pytest.mark.parametrize("window", ["1m", "sliding 1m", "sliding-log 1m", "gcra 1m", "-", "day"])
def test_a_limit_that_nobody_used_for_long_counts_again_from_nothing(window):
    metric = "concurrency" if window == "-" else "requests"
    plan, store = Plan.parse(f"1;r:{metric}:2:{window}:user"), MemoryStore(MemoryBounds())
    for day in range(3):
        now = NOW + day * 100_000
        admitted = [not do(store, claim(10 * day + number, plan=plan), now).refusing for number in range(3)]
        assert admitted == [True, True, False]
        for number in range(2):
            do(store, settlement(10 * day + number, plan=plan), now)
        tidied(store, now + 90_000)
        assert store.live_counters == 0


def test_a_plan_remembered_from_before_counts_where_a_new_one_does():
    """Its limits' counters left meanwhile, and came back for another plan."""
    mine, other = (Plan.parse(f"1;r:requests:{amount}:1m:user") for amount in (5, 9))
    store = MemoryStore(MemoryBounds())
    do(store, claim(1, plan=mine))
    tidied(store, NOW + 3600)
    do(store, claim(2, plan=other), NOW + 3600)
    do(store, claim(3, plan=mine), NOW + 3600)
    assert seen(store, mine, NOW + 3600) == seen(store, other, NOW + 3600) == [(2, 0)]


def test_a_second_counter_counts_among_the_counters_there_may_be():
    plan, store = Plan.parse("1;r:requests:1:1m:user:soft 100"), MemoryStore(MemoryBounds(max_counters=1))
    assert not do(store, claim(1, plan=plan)).throttled
    with pytest.raises(UnavailableError, match="holds 1 counters"):
        do(store, claim(2, plan=plan))
    assert (store.live_counters, store.outstanding) == (1, 1)


def test_one_claim_that_fails_does_not_stop_those_it_came_with():
    store = MemoryStore(MemoryBounds(max_counters=2))
    outcomes = store.run([claim(1, "ann"), claim(2, "ben"), claim(3, "ann"), settlement(1, "ann")], now=NOW)
    assert [type(outcome) for outcome in outcomes] == [Admission, UnavailableError, Admission, Settled]


def test_many_counters_are_listed_page_by_page_each_once():
    store = MemoryStore(MemoryBounds())
    users = [f"user{number:03}" for number in range(250)]
    for number, user in enumerate(users):
        do(store, claim(number, user))
    found, token, pages = [], "", 0
    while token or not pages:
        page, token = store.list_counters(CounterFilter(), page_size=64, page_token=token, now=NOW)
        assert len(page) <= 64
        found += page
        pages += 1
    assert [(each.counter, each.subject) for each in found] == sorted((limit.counter, user) for limit in TWO.limits for user in users)
    assert pages == 8


def test_pages_go_on_where_they_were_while_counters_come_and_go():
    store = MemoryStore(MemoryBounds())
    plan = Plan.parse("1;r:requests:9:1m:user")
    for number in range(0, 20, 2):
        do(store, claim(number, f"user{number:02}", plan))
    first, token = store.list_counters(CounterFilter(), page_size=5, page_token="", now=NOW)
    for number in range(1, 20, 2):
        do(store, claim(number, f"user{number:02}", plan))
    second, _ = store.list_counters(CounterFilter(), page_size=50, page_token=token, now=NOW)
    assert [each.subject for each in first] == [f"user{number:02}" for number in range(0, 10, 2)]
    assert [each.subject for each in second] == [f"user{number:02}" for number in range(9, 20)]


@pytest.mark.parametrize("window", ["1h", "sliding 1h", "sliding-log 1h", "gcra 1h"])
def test_many_counters_are_reset_at_once_and_what_is_in_flight_stays_held(window):
    plan, store = Plan.parse(f"1;t:total_tokens:100:{window}:user"), MemoryStore(MemoryBounds(), Changes())
    for number in range(2500):
        do(store, claim(number, f"user{number}", plan))
        do(store, settlement(number, f"user{number}", plan))
    do(store, claim(5000, "user0", plan))
    assert store.reset_counters(CounterFilter(), now=NOW) == 2500
    assert seen(store, plan, user="user1") == [(0, 0)]
    held = [(0, 0)] if window.startswith("gcra") else [(0, 10)]  # a level does not tell who raised it
    assert seen(store, plan, user="user0") == held
    assert store.changes is not None
    assert len(store.changes.touched) == 2500


def test_a_reset_of_one_leaves_the_others():
    store = MemoryStore(MemoryBounds())
    for number, user in enumerate(["ann", "ben"]):
        do(store, claim(number, user))
        do(store, settlement(number, user))
    assert store.reset_counters(CounterFilter("default", "t", "ann"), now=NOW) == 1
    assert (seen(store), seen(store, user="ben")) == ([(1, 0), (0, 0)], [(1, 0), (7, 0)])
    assert store.reset_counters(CounterFilter("acme"), now=NOW) == 0


def test_of_too_many_plans_all_are_forgotten_and_counted_on(monkeypatch):
    monkeypatch.setattr(memory_store, "_MOST_PLANS", 2)
    store = MemoryStore(MemoryBounds())
    for number in range(9):
        do(store, claim(number, plan=Plan.parse(f"1;r:requests:{100 + number}:1m:user")))
    assert store.read(account(plan=Plan.parse("1;r:requests:1:1m:user")), now=NOW)[0].used == 9


def test_threads_count_together_exactly():
    store, threads = MemoryStore(MemoryBounds()), 8
    plan = Plan.parse("1;r:requests:500:1h:user;c:concurrency:9000:-:user")

    def client(series: int) -> int:
        outcomes = [do(store, claim(number, plan=plan)) for number in range(series, 1000, threads)]
        return sum(not outcome.refusing for outcome in outcomes)

    with ThreadPoolExecutor(threads) as pool:
        assert sum(pool.map(client, range(threads))) == 500
    assert seen(store, plan) == [(500, 0), (0, 500)]


class EndOfTimeError(Exception):
    pass


class ClockUntil:
    """A clock that stands still until something is so, and then ends the task that asks it."""

    def __init__(self, now: float, is_so) -> None:
        self._now, self._is_so = now, is_so

    def now(self) -> float:
        if self._is_so():
            raise EndOfTimeError
        return self._now


def test_everything_leaves_also_when_nobody_calls():
    store = MemoryStore(MemoryBounds())
    for number in range(500):
        do(store, claim(number, f"user{number}"), NOW)
    with pytest.raises(EndOfTimeError):
        asyncio.run(keep_tidy(store, ClockUntil(MINUTE, lambda: store.live_counters == 0)))


def test_a_clock_that_was_set_back_is_told():
    store = MemoryStore(MemoryBounds())
    for number in range(500):
        do(store, claim(number, f"user{number}"), NOW)
    store.tidy(MINUTE)
    with capture_logs() as logs, pytest.raises(EndOfTimeError):
        asyncio.run(keep_tidy(store, ClockUntil(MINUTE - 20, lambda: logs)))
    assert [(log["log_level"], log["behind_s"]) for log in logs] == [("warning", 20)]
