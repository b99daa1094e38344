from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from maas_authz.core.budget import TokenBucket
from maas_authz.core.confirmation import Confirmation


def test_a_bucket_is_full_at_first_and_refills_with_time():
    bucket = TokenBucket(burst=2, per_s=0.5)
    assert [bucket.take(100) for _ in range(3)] == [True, True, False]
    assert not bucket.take(101)
    assert bucket.take(102)
    assert not bucket.take(102)


def test_what_is_given_back_can_be_taken_again_but_never_more_than_the_burst():
    bucket = TokenBucket(burst=1, per_s=0.001)
    bucket.give_back()
    assert [bucket.take(5), bucket.take(5)] == [True, False]
    bucket.give_back()
    bucket.give_back()
    assert [bucket.take(5), bucket.take(5)] == [True, False]


@given(st.lists(st.floats(-10, 10), max_size=200), st.integers(1, 20), st.floats(0.01, 5))
def test_no_more_is_taken_than_burst_and_time_allow_even_if_the_clock_jumps(steps, burst, per_s):
    bucket = TokenBucket(burst=burst, per_s=per_s)
    now, forward, taken = 1000.0, 0.0, 0
    for step in steps:
        now += step
        forward += max(0.0, step)
        taken += bucket.take(now)
    assert taken <= burst + forward * per_s + 1e-6


def test_what_was_never_confirmed_is_not_fresh_and_what_was_is_for_so_long():
    confirmation = Confirmation(stale_after_s=300)
    assert not confirmation.is_fresh(0)
    confirmation.confirm(7, 1000)
    assert confirmation.revision == 7
    assert confirmation.is_fresh(1300)
    assert not confirmation.is_fresh(1300.1)
