"""A store with a clock of its own goes by that one, whatever the caller's clock says."""

from __future__ import annotations

import pytest
from maas_ratelimit.core.counting import CounterState, Settled

from services.ratelimit.tests.contract.callers import NOW, in_ms
from services.ratelimit.tests.contract.stores import STORES

DAY_S = 86_400


@pytest.fixture(params=["redis", "redis-cluster"])
def new_counting(request):
    return STORES[request.param]


@pytest.mark.parametrize(
    "window", ["1m", "day", "day in Asia/Kathmandu", "week from sunday", "month from 31 in Europe/Berlin", "sliding 1h"]
)
@pytest.mark.parametrize("ahead_s", [-400 * DAY_S, -DAY_S, -60, 60, DAY_S, 400 * DAY_S])
def test_bounds_are_those_of_the_stores_time(ann, counting, window, ahead_s):
    caller = ann(f"1;r:requests:2:{window}:user")
    end = caller.plan.limits[0].window.bounds(NOW)[1]
    first = counting.store.run([caller.claim(1)], now=NOW + ahead_s)[0]
    second = counting.store.run([caller.claim(2)], now=NOW)[0]
    third = counting.store.run([caller.claim(3)], now=NOW - ahead_s)[0]
    assert [first.left, second.left, third.refusing] == [(1,), (0,), (0,)]
    assert (first.now, first.resets, third.now) == (NOW, second.resets, NOW)
    assert counting.store.read(caller.account, now=NOW + ahead_s) == (CounterState(2, 0, 0, second.resets[0]),)
    assert third.retry_at >= end


def test_a_calendar_window_that_ends_meanwhile_is_worked_out_anew(ann, counting, clock):
    caller = ann("1;r:requests:2:day:user;t:total_tokens:1000:month:user")
    end = caller.plan.limits[0].window.bounds(NOW)[1]
    clock.time = end - 600
    caller.admit(1)
    clock.time = in_ms(end * 1000)
    before = in_ms(end * 1000 - 1)
    (admission,) = counting.store.run([caller.claim(2)], now=before)
    assert (admission.left, admission.resets[0]) == ((1, 800), end + DAY_S)
    (settled,) = counting.store.run([caller.settlement(1, tokens=70)], now=before)
    assert settled is Settled.REPLACED
    assert caller.used() == [(1, 0), (70, 100)]


def test_several_calendar_windows_of_one_call_are_all_worked_out_anew(ann, counting):
    plans = ["1;r:requests:2:day:user", "1;s:requests:2:week in Asia/Tokyo:user", "1;t:requests:2:month from 15:user"]
    callers = [ann(plan) for plan in plans]
    claims = [caller.claim(number) for number, caller in enumerate(callers)]
    outcomes = counting.store.run(claims, now=NOW - 40 * DAY_S)
    assert [outcome.resets[0] for outcome in outcomes] == [caller.plan.limits[0].window.bounds(NOW)[1] for caller in callers]
    assert [caller.used() for caller in callers] == [[(1, 0)]] * 3
