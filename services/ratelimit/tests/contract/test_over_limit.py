"""What happens past the amount: soft limits go on more slowly, shadow limits only report."""

from __future__ import annotations

import pytest

from services.ratelimit.tests.contract.callers import HOUR, MINUTE, NOW

WINDOWS = ["1m", "day", "sliding 1m", "sliding-log 1m", "gcra 1m"]


@pytest.mark.parametrize("window", WINDOWS)
def test_past_a_soft_limit_a_second_counter_of_the_throttle_percentage_takes_over(ann, window):
    caller = ann(f"1;r:requests:10:{window}:user:soft 30")
    admissions = [caller.admit(number) for number in range(15)]
    assert [admission.refusing for admission in admissions] == [()] * 13 + [(0,)] * 2
    assert [admission.throttled for admission in admissions] == [()] * 10 + [(0,)] * 3 + [()] * 2
    assert [admission.left for admission in admissions] == [(left,) for left in range(9, -1, -1)] + [(0,)] * 5
    assert caller.used() == [(10, 0)]


@pytest.mark.parametrize(("amount", "throttle", "more"), [(10, 30, 3), (10, 1, 1), (3, 50, 1), (10, 100, 10), (100, 99, 99)])
def test_the_second_counter_holds_the_percentage_rounded_down_but_at_least_one(ann, amount, throttle, more):
    assert ann(f"1;r:requests:{amount}:1m:user:soft {throttle}").admitted(range(300)) == amount + more


def test_what_was_throttled_settles_on_the_second_counter(ann):
    caller = ann("1;t:total_tokens:1000:1h:user:soft 50")
    caller.admit(1, tokens=900)
    first = caller.admit(2, tokens=200)
    assert (first.throttled, first.granted, first.left) == ((0,), (200,), (100,))
    caller.settle(2, tokens=450)
    assert caller.used() == [(0, 900)]
    assert caller.admit(3, tokens=100).throttled == ()
    last = caller.admit(4, tokens=50)
    assert (last.throttled, last.left) == ((0,), (0,))
    assert caller.admit(5, tokens=1).refusing == (0,)
    caller.undo(4)
    assert caller.admit(5, tokens=50).throttled == (0,)


def test_a_soft_limit_that_has_room_again_is_taken_from_first(ann):
    caller = ann("1;t:total_tokens:1000:1h:user:soft 50")
    caller.admit(1, tokens=1000)
    assert caller.admit(2, tokens=100).throttled == (0,)
    caller.settle(1, tokens=600)
    after = caller.admit(3, tokens=100)
    assert (after.throttled, after.left) == ((), (300,))


def test_a_claim_larger_than_the_second_counter_takes_all_of_that_and_no_more(ann):
    caller = ann("1;t:total_tokens:1000:1h:user:soft 20")
    caller.admit(1, tokens=1000)
    admission = caller.admit(2, tokens=700)
    assert (admission.throttled, admission.granted) == ((0,), (200,))
    assert caller.admit(3, tokens=1).refusing == (0,)


def test_a_strict_claim_takes_what_the_second_counter_has_left(ann):
    caller = ann("1;t:total_tokens:1000:1h:user:soft 50")
    caller.admit(1, tokens=1000)
    caller.admit(2, tokens=300)
    assert caller.admit(3, tokens=400, least=201).refusing == (0,)
    admission = caller.admit(3, tokens=400, least=200)
    assert (admission.throttled, admission.granted) == ((0,), (200,))


def test_a_strict_claim_takes_what_the_first_counter_has_left_before_the_second(ann):
    caller = ann("1;t:total_tokens:1000:1h:user:soft 50")
    caller.admit(1, tokens=900)
    admission = caller.admit(2, tokens=400, least=100)
    assert (admission.throttled, admission.granted, admission.left) == ((), (100,), (0,))


def test_a_soft_limit_may_be_tried_again_when_the_earlier_of_its_counters_has_room(ann, clock):
    caller = ann("1;t:total_tokens:100:sliding-log 1m:user:soft 50")
    caller.admit(1, tokens=100)
    clock.advance(10)
    caller.admit(2, tokens=50)
    refused = caller.admit(3, tokens=10)
    assert refused.retry_at == NOW + 60
    clock.time = NOW + 60
    caller.admit(4, tokens=100)
    clock.advance(1)
    assert caller.admit(5, tokens=10).retry_at == NOW + 70


def test_a_soft_limit_that_is_refused_by_another_takes_nothing(ann):
    caller = ann("1;a:requests:1:1m:user:soft 100;b:requests:1:1h:user")
    caller.admit(1)
    refused = caller.admit(2)
    assert (refused.refusing, refused.retry_at, refused.throttled) == ((1,), HOUR, ())
    raised = ann("1;a:requests:1:1m:user:soft 100;b:requests:9:1h:user")
    assert raised.admit(3).throttled == (0,)
    assert raised.admit(4).refusing == (0,)


def test_a_soft_limit_of_concurrency_lends_more_at_once(ann):
    caller = ann("1;c:concurrency:2:-:user:soft 50")
    assert caller.admitted(range(5)) == 3
    caller.settle(0)
    assert caller.used() == [(0, 1)]
    assert caller.admit(6).throttled == ()
    caller.settle(2)
    assert caller.admit(7).throttled == (0,)


@pytest.mark.parametrize("over", ["soft 50", "shadow"])
def test_a_late_settle_is_charged_to_the_amount_itself(ann, over):
    caller = ann(f"1;t:total_tokens:1000:1h:user:{over}")
    caller.settle(1, tokens=900)
    caller.settle(2, tokens=900)
    assert caller.states()[0][:3] == (1800, 0, -800)


@pytest.mark.parametrize("window", WINDOWS)
def test_a_shadow_limit_counts_and_reports_and_never_refuses(ann, window):
    caller = ann(f"1;r:requests:3:{window}:user:shadow;q:requests:9:1h:user")
    admissions = [caller.admit(number) for number in range(6)]
    assert [admission.refusing for admission in admissions] == [()] * 6
    assert [admission.exceeded for admission in admissions] == [()] * 3 + [(0,)] * 3
    assert [admission.left for admission in admissions] == [(left, left + 6) for left in range(2, -4, -1)]
    assert caller.used() == [(6, 0), (6, 0)]


@pytest.mark.parametrize("window", WINDOWS)
def test_past_a_shadow_limit_all_that_was_asked_for_is_taken(ann, window):
    caller = ann(f"1;t:total_tokens:1000:{window}:user:shadow")
    caller.admit(1, tokens=900)
    admission = caller.admit(2, tokens=300, least=200)
    assert (admission.exceeded, admission.granted, admission.left) == ((0,), (300,), (-200,))
    caller.settle(2, tokens=250)
    assert caller.left() == [-150]


def test_a_shadow_limit_reports_but_takes_nothing_when_another_refuses(ann):
    caller = ann("1;a:requests:1:1m:user:shadow;b:requests:1:1h:user")
    caller.admit(1)
    refused = caller.admit(2)
    assert (refused.refusing, refused.exceeded) == ((1,), (0,))
    assert caller.used() == [(1, 0), (1, 0)]


def test_a_shadow_limit_of_concurrency_reports(ann):
    caller = ann("1;c:concurrency:1:-:user:shadow")
    caller.admit(1)
    assert caller.admit(2).exceeded == (0,)
    assert caller.used() == [(0, 2)]
    caller.settle(1)
    caller.settle(2)
    assert caller.used() == [(0, 0)]


def test_a_limit_that_becomes_hard_keeps_what_was_used(ann):
    ann("1;r:requests:3:1m:user:shadow").admitted(range(5))
    hard = ann("1;r:requests:3:1m:user")
    assert hard.left() == [-2]
    assert hard.admit(9).refusing == (0,)


def test_windows_of_both_counters_of_a_soft_limit_start_anew(ann, clock):
    caller = ann("1;r:requests:2:1m:user:soft 50")
    assert caller.admitted(range(9)) == 3
    clock.time = MINUTE
    assert caller.admitted(range(10, 19)) == 3
