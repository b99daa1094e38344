"""What is particular to counters in memory: bounds, and how things leave."""

from __future__ import annotations

import asyncio

import pytest
from maas_common.errors import UnavailableError
from maas_ratelimit.adapters.memory_store import MemoryBounds, MemoryStore
from maas_ratelimit.adapters.memory_tidying import keep_tidy
from maas_ratelimit.core.counting import Account, Claim, CounterState, Settled, Settlement
from maas_ratelimit.core.plans import Plan
from structlog.testing import capture_logs

NOW = 1_800_000_030.0
MINUTE = 1_800_000_060
TWO = Plan.parse("1;r:requests:1000:1m:user;t:total_tokens:100000:1m:user")


def rid(number: int) -> str:
    return f"{number:032x}"


def claim(number: int, user: str = "ann", plan: Plan = TWO) -> Claim:
    return Claim(rid(number), Account(plan, "default", user), 10)


def settlement(number: int, user: str = "ann") -> Settlement:
    return Settlement(rid(number), 7, Account(TWO, "default", user))


def tidied(store: MemoryStore, now: float) -> int:
    """How many slices it took until nothing was left to do."""
    slices = 1
    while store.tidy(now):
        slices += 1
    return slices


def test_a_request_that_needs_more_counters_than_there_may_be_is_refused_and_takes_nothing():
    store = MemoryStore(MemoryBounds(max_counters=5))
    store.admit(claim(1, "ann"), now=NOW)
    store.admit(claim(2, "ben"), now=NOW)
    with pytest.raises(UnavailableError, match="holds 5 counters, as many as max_counters allows"):
        store.admit(claim(3, "cem"), now=NOW)
    assert (store.live_counters, store.outstanding, store.turned_away) == (4, 2, 1)
    assert not store.admit(claim(4, "ben"), now=NOW).refusing  # needs no new counter
    assert not store.admit(claim(3, "cem"), now=MINUTE).refusing  # the others have ended


def test_there_is_room_again_as_soon_as_windows_have_ended_however_many_they_were():
    store = MemoryStore(MemoryBounds(max_counters=400))
    for number in range(200):
        store.admit(claim(number, f"user{number}"), now=NOW)
    for number in range(200, 400):
        store.admit(claim(number, f"user{number}"), now=MINUTE)
    assert store.live_counters <= 400


def test_a_settle_is_charged_even_when_there_may_be_no_more_counters():
    store = MemoryStore(MemoryBounds(max_counters=1))
    assert store.settle(settlement(1), now=NOW) is Settled.LATE
    assert store.read(Account(TWO, "default", "ann"), now=NOW) == (CounterState(1, 0, MINUTE), CounterState(7, 0, MINUTE))


def test_a_request_past_the_most_in_flight_is_refused_until_one_ends():
    store = MemoryStore(MemoryBounds(max_reservations=2))
    store.admit(claim(1), now=NOW)
    store.admit(claim(2), now=NOW)
    with pytest.raises(UnavailableError, match="holds 2 reservations, as many as max_reservations allows"):
        store.admit(claim(3), now=NOW)
    store.settle(settlement(1), now=NOW)
    assert not store.admit(claim(3), now=NOW).refusing


def test_counters_leave_in_slices_when_their_windows_have_ended():
    store = MemoryStore(MemoryBounds())
    for number in range(100):
        store.admit(claim(number, f"user{number}"), now=NOW)
    assert store.live_counters == 200
    assert tidied(store, MINUTE - 1) == 1
    assert store.live_counters == 200
    assert tidied(store, MINUTE) > 3
    assert store.live_counters == 0


def test_calls_alone_make_counters_leave_too():
    store = MemoryStore(MemoryBounds())
    for number in range(100):
        store.admit(claim(number, f"user{number}"), now=NOW)
    for _ in range(5):
        store.read(Account(TWO, "default", "ann"), now=MINUTE)
    assert store.live_counters == 0


def test_reservations_leave_in_slices_when_their_time_is_over_and_are_counted():
    store = MemoryStore(MemoryBounds(reservation_ttl_s=10))
    for number in range(150):
        store.admit(claim(number), now=NOW)
    assert tidied(store, NOW + 9) == 1
    assert store.outstanding == 150
    assert tidied(store, NOW + 10) == 3
    assert (store.outstanding, store.expired) == (0, 150)
    assert store.read(Account(TWO, "default", "ann"), now=NOW + 10)[1].reserved == 0


def test_settled_requests_are_forgotten_in_slices_after_their_time():
    store = MemoryStore(MemoryBounds(settled_ttl_s=10))
    for number in range(150):
        store.settle(settlement(number), now=NOW)
    assert store.settle(settlement(0), now=NOW + 9) is Settled.REPEATED
    assert tidied(store, NOW + 10) == 3
    assert store.settle(settlement(0), now=NOW + 10) is Settled.LATE


def test_of_too_many_settled_requests_the_oldest_are_forgotten():
    store = MemoryStore(MemoryBounds(max_remembered=2))
    for number in range(3):
        store.settle(settlement(number), now=NOW)
    assert [store.settle(settlement(number), now=NOW) for number in (2, 1, 0)] == [Settled.REPEATED, Settled.REPEATED, Settled.LATE]


def test_it_knows_by_how_much_the_clock_was_set_back():
    store = MemoryStore(MemoryBounds())
    store.tidy(NOW)
    assert [store.ahead_of(NOW - 20), store.ahead_of(NOW), store.ahead_of(NOW + 20)] == [20, 0, 0]


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
        store.admit(claim(number, f"user{number}"), now=NOW)
    with pytest.raises(EndOfTimeError):
        asyncio.run(keep_tidy(store, ClockUntil(MINUTE, lambda: store.live_counters == 0)))


def test_a_clock_that_was_set_back_is_told():
    store = MemoryStore(MemoryBounds())
    for number in range(500):
        store.admit(claim(number, f"user{number}"), now=NOW)
    store.tidy(MINUTE)
    with capture_logs() as logs, pytest.raises(EndOfTimeError):
        asyncio.run(keep_tidy(store, ClockUntil(MINUTE - 20, lambda: logs)))
    assert [(log["log_level"], log["behind_s"]) for log in logs] == [("warning", 20)]
