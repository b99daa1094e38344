"""Windows without a beginning: sliding in two buckets, sliding exactly, and the generic cell rate."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from maas_common.testing import FakeClock

from services.ratelimit.tests.contract.callers import MINUTE, NOW, Caller, in_ms

BEGIN = MINUTE - 60
ROLLING = ["sliding 1m", "sliding-log 1m", "gcra 1m", "gcra 1m burst 4"]


def test_a_sliding_window_counts_of_its_older_bucket_what_is_still_inside(ann, clock):
    caller = ann("1;r:requests:100:sliding 1m:user")
    caller.admitted(range(80))
    for after, left in [(0, 20), (15, 40), (30, 60), (45, 80), (59.97, 99), (60, 100)]:
        clock.time = MINUTE + after
        assert caller.left() == [left]


def test_a_sliding_window_counts_a_started_thousandth_whole(ann, clock):
    caller = ann("1;t:total_tokens:1000000:sliding 1m:user")
    caller.settle(1, tokens=777_777)
    clock.time = MINUTE + 0.001
    assert caller.left() == [1_000_000 - 777_777]
    clock.time = MINUTE + 0.0605
    assert caller.left() == [1_000_000 - 777_000]  # 777 * 999 + 776.223, rounded up


def test_a_sliding_window_is_exact_in_its_newer_bucket(ann, clock):
    caller = ann("1;r:requests:10:sliding 1m:user")
    clock.time = BEGIN
    assert caller.admitted(range(6)) == 6
    clock.time = MINUTE - 1
    assert caller.admitted(range(6, 20)) == 4


def test_a_sliding_window_miscounts_no_more_than_its_older_bucket(ann, clock):
    """At worst all of that came at its end, and half of it is taken to be gone when half of the time is."""
    caller = ann("1;r:requests:10:sliding 1m:user")
    clock.time = MINUTE - 1
    assert caller.admitted(range(20)) == 10
    clock.time = MINUTE + 30
    assert caller.admitted(range(20, 40)) == 5


def test_what_is_reserved_in_the_older_bucket_of_a_sliding_window_counts_too(ann, clock):
    caller = ann("1;t:total_tokens:1000:sliding 1m:user")
    caller.admit(1, tokens=400)
    caller.admit(2, tokens=400)
    caller.settle(2, tokens=200)
    clock.time = MINUTE + 30
    assert caller.left() == [700]
    caller.undo(1)
    assert caller.left() == [900]


def test_a_sliding_window_is_whole_again_two_buckets_on(ann, clock):
    caller = ann("1;r:requests:3:sliding 1m:user")
    assert caller.states()[0].reset == MINUTE
    assert caller.admit(1).resets == (MINUTE + 60,)
    clock.time = MINUTE
    assert caller.states()[0].reset == MINUTE + 60
    clock.time = MINUTE + 60
    assert caller.left() == [3]


@pytest.mark.parametrize(
    ("older", "newer", "retry_at"),
    [
        (3, 0, MINUTE + 20),  # a third of the time has to pass for one of three; 333 thousandths are not enough
        (3, 1, MINUTE + 40),
        (0, 3, MINUTE + 60 + 20),
    ],
)
def test_a_sliding_window_says_when_the_older_bucket_has_made_room(ann, clock, older, newer, retry_at):
    caller = ann("1;r:requests:3:sliding 1m:user")
    caller.admitted(range(older))
    clock.time = MINUTE
    for number in range(10, 10 + newer):
        caller.settle(number)
    refused = caller.admit(20)
    assert refused.refusing == (0,)
    assert 0 <= refused.retry_at - retry_at < 0.06 + 0.001
    clock.time = refused.retry_at - 0.0011
    assert caller.admit(20).refusing == (0,)
    clock.time = refused.retry_at + 0.0001
    assert caller.admit(20).refusing == ()


def test_a_sliding_log_forgets_each_admission_when_its_time_is_over(ann, clock):
    caller = ann("1;r:requests:3:sliding-log 1m:user")
    for number, after in enumerate([0, 10.001, 20]):
        clock.time = NOW + after
        assert caller.admit(number).refusing == ()
    refused = caller.admit(9)
    assert (refused.refusing, refused.retry_at, refused.resets) == ((0,), NOW + 60, (NOW + 80,))
    clock.time = NOW + 59.9995
    assert caller.admit(9).refusing == (0,)
    clock.time = NOW + 60
    assert caller.left() == [1]
    clock.time = NOW + 70.0005
    assert caller.left() == [1]
    clock.time = NOW + 70.0015
    assert caller.left() == [2]
    clock.time = NOW + 80
    assert caller.left() == [3]


def test_a_sliding_log_waits_for_as_many_admissions_as_the_take_needs(ann, clock):
    caller = ann("1;t:total_tokens:100:sliding-log 1m:user")
    for number, tokens in enumerate([10, 20, 70]):
        clock.time = NOW + number
        caller.admit(number, tokens=tokens)
    for tokens, retry_at in [(10, NOW + 60), (11, NOW + 61), (30, NOW + 61), (31, NOW + 62), (100, NOW + 62)]:
        assert caller.admit(9, tokens=tokens).retry_at == retry_at


def test_a_sliding_log_counts_an_ended_request_by_when_it_was_admitted(ann, clock):
    caller = ann("1;t:total_tokens:100:sliding-log 1m:user")
    caller.admit(1, tokens=60)
    clock.advance(30)
    caller.admit(2, tokens=40)
    caller.settle(1, tokens=80)
    assert (caller.used(), caller.left()) == ([(80, 40)], [-20])
    clock.advance(30)
    assert (caller.used(), caller.left()) == ([(0, 40)], [60])


def test_a_sliding_log_no_longer_counts_what_ends_after_its_time(ann, clock):
    caller = ann("1;t:total_tokens:100:sliding-log 1m:user")
    caller.admit(1, tokens=60)
    clock.advance(60)
    assert caller.used() == [(0, 0)]
    caller.settle(1, tokens=80)
    assert (caller.used(), caller.left()) == ([(0, 0)], [100])


@pytest.mark.parametrize("end", ["settle", "undo"])
def test_a_sliding_log_is_whole_when_what_came_last_used_nothing(ann, clock, end):
    caller = ann("1;t:total_tokens:100:sliding-log 1m:user")
    assert caller.states()[0].reset == NOW
    caller.admit(1)
    assert caller.states()[0].reset == NOW + 60
    clock.advance(5)
    getattr(caller, end)(1)
    assert caller.states()[0].reset == NOW + 5


def test_gcra_admits_a_burst_and_then_a_steady_rate(ann, clock):
    caller = ann("1;r:requests:60:gcra 1m burst 5:user")
    assert caller.admitted(range(20)) == 5
    for second in range(1, 10):
        clock.time = NOW + second - 0.0005
        assert caller.admit(100 + second).refusing == (0,)
        clock.time = NOW + second
        assert caller.admit(100 + second).refusing == ()
        assert caller.admit(200 + second).refusing == (0,)
    clock.advance(3600)
    assert caller.admitted(range(300, 320)) == 5


def test_gcra_without_a_burst_holds_the_amount(ann, clock):
    caller = ann("1;r:requests:3:gcra 1m:user")
    assert caller.admitted(range(9)) == 3
    clock.advance(20)
    assert caller.admitted(range(9, 20)) == 1


def test_gcra_says_when_the_level_has_drained_enough(ann, clock):
    caller = ann("1;t:total_tokens:600:gcra 1m burst 100:user")
    caller.admit(1, tokens=100)
    refused = caller.admit(2, tokens=25)
    assert (refused.left, refused.retry_at, refused.resets) == ((0,), NOW + 2.5, (NOW + 10,))
    clock.time = NOW + 2.5
    assert caller.admit(2, tokens=25).resets == (NOW + 13,)  # 12.5, rounded up
    assert caller.admit(3, tokens=100).retry_at == NOW + 12.5


def test_gcra_counts_started_requests_as_used(ann, clock):
    caller = ann("1;r:requests:60:gcra 1m burst 5:user")
    caller.admit(1)
    clock.advance(0.5)
    assert (caller.used(), caller.left()) == ([(1, 0)], [4])
    clock.advance(0.5)
    assert (caller.used(), caller.left()) == ([(0, 0)], [5])


def test_gcra_of_an_amount_that_divides_nothing_evenly_is_exact(ann, clock):
    caller = ann("1;r:requests:7:gcra 1m:user")
    caller.admitted(range(7))
    refused = caller.admit(8)
    assert round(refused.retry_at * 1000) == NOW * 1000 + 8572  # 60000 / 7, rounded up
    clock.time = in_ms(int(NOW * 1000) + 8571)
    assert caller.admit(8).refusing == (0,)
    clock.time = in_ms(int(NOW * 1000) + 8572)
    assert caller.admit(8).refusing == ()


HISTORY = st.lists(
    st.tuples(st.integers(1, 100), st.none() | st.integers(0, 200), st.integers(0, 40_000), st.integers(0, 2000) | st.just(0)), max_size=12
)
"""Requests: tokens reserved, tokens used if it has ended, milliseconds before it comes, and more of them before it ends."""
PLANS = st.lists(
    st.builds(
        "{}:{}:user{}".format,
        st.sampled_from(["requests:3", "requests:7", "total_tokens:100", "total_tokens:370"]),
        st.sampled_from(
            [
                "1m",
                "7s",
                "day in Europe/Berlin",
                "sliding 1m",
                "sliding 7s",
                "sliding-log 1m",
                "sliding-log 7s",
                "gcra 1m",
                "gcra 7s burst 100",
            ]
        ),
        st.sampled_from(["", "", ":soft 30"]),
    ),
    min_size=1,
    max_size=3,
).map(lambda limits: ";".join(["1", *[f"{number}:{limit}" for number, limit in enumerate(limits)]]))


@given(plan=PLANS, history=HISTORY, tokens=st.integers(1, 100), least=st.integers(1, 100))
@settings(max_examples=150, deadline=None)
def test_a_refused_request_passes_at_retry_at_and_no_millisecond_before(new_counting, plan, history, tokens, least):
    """If nothing else comes meanwhile, and what is in flight is settled as reserved."""
    clock = FakeClock(in_ms(int(NOW * 1000)))
    caller = Caller(new_counting(clock), plan)
    now_ms = int(NOW * 1000)
    in_flight = {}
    for number, (reserved, used, wait_ms, more_ms) in enumerate(history):
        now_ms += wait_ms
        clock.time = in_ms(now_ms)
        admission = caller.admit(number, tokens=reserved)
        if used is None and not admission.refusing:
            in_flight[number] = admission.granted
        elif not admission.refusing:
            now_ms += more_ms
            clock.time = in_ms(now_ms)
            caller.settle(number, tokens=used)
    refused = caller.admit(99, tokens=tokens, least=min(least, tokens))
    if not refused.refusing:
        return
    for number, granted in in_flight.items():
        caller.do(replace(caller.settlement(number), used=granted))
    clock.time = in_ms(round(refused.retry_at * 1000) - 1)
    assert caller.admit(99, tokens=tokens, least=min(least, tokens)).refusing
    clock.time = in_ms(round(refused.retry_at * 1000))
    assert not caller.admit(99, tokens=tokens, least=min(least, tokens)).refusing


@pytest.mark.parametrize("window", ROLLING)
def test_what_ends_below_its_reservation_makes_room_at_once(ann, window):
    caller = ann(f"1;t:total_tokens:4:{window}:user")
    caller.admit(1, tokens=4)
    assert caller.admit(2, tokens=1).refusing == (0,)
    caller.settle(1, tokens=3)
    assert caller.admit(2, tokens=1).refusing == ()
    assert caller.admit(3, tokens=1).refusing == (0,)
