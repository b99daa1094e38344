"""The arithmetic of windows, against fractions and against walking through time."""

from __future__ import annotations

from fractions import Fraction
from math import ceil

from hypothesis import given
from hypothesis import strategies as st
from maas_common.limits import MAX_AMOUNT
from maas_ratelimit.core import algorithms

LENGTHS = st.integers(1, 366 * 86400).map(lambda seconds: seconds * 1000)
AMOUNTS = st.integers(0, MAX_AMOUNT)


@st.composite
def moments(draw):
    """When a newer bucket ends, its length, and a time inside it."""
    length = draw(LENGTHS)
    end = draw(st.integers(1, 10**6)) * length
    return end, length, end - draw(st.integers(1, length))


@given(moments())
def test_a_share_is_the_part_still_inside_in_thousandths_rounded_up(moment):
    end, length, now = moment
    share = algorithms.share_inside(end, now, length)
    assert share == ceil(Fraction(1000 * (end - now), length))
    assert 1 <= share <= 1000


@given(AMOUNTS, st.integers(0, 1000))
def test_the_older_bucket_counts_by_its_share_rounded_up(previous, share):
    assert algorithms.counted(previous, share) == ceil(Fraction(previous * share, 1000))


@given(AMOUNTS, st.integers(0, 1000))
def test_no_step_of_it_is_inexact_in_doubles(previous, share):
    thousands, rest = divmod(previous, 1000)
    in_doubles = float(thousands) * float(share) - -(float(rest) * float(share)) // 1000.0
    assert int(in_doubles) == algorithms.counted(previous, share)


@given(moments(), st.integers(1, 5000), st.data())
def test_a_sliding_window_says_the_earliest_time_at_which_a_claim_fits(moment, amount, data):
    end, length, now = moment
    take = data.draw(st.integers(1, amount))
    newer, older = data.draw(st.integers(0, 2 * amount)), data.draw(st.integers(0, 2 * amount))
    retry = algorithms.sliding_retry_ms(take=take, amount=amount, newer=newer, older=older, end_ms=end, length_ms=length)

    def fits(at_ms: int) -> bool:
        if at_ms >= end + length:
            return True
        buckets = (newer, older, end) if at_ms < end else (0, newer, end + length)
        return buckets[0] + take + algorithms.counted(buckets[1], algorithms.share_inside(buckets[2], at_ms, length)) <= amount

    if not fits(now):
        assert fits(retry)
        assert not fits(retry - 1)


@given(st.integers(0, algorithms.MAX_LEVEL), st.integers(1, 2**30), st.integers(0, 10**9))
def test_a_level_drains_evenly_and_not_below_nothing(level, amount, elapsed):
    assert algorithms.drained(level, amount, elapsed) == max(Fraction(0), level - Fraction(amount) * elapsed)


@given(LENGTHS, st.integers(1, 10**6), st.integers(1, 10**6), st.integers(0, 2 * 10**6), st.data())
def test_gcra_says_the_earliest_time_at_which_a_claim_fits(length, amount, burst, held, data):
    now = data.draw(st.integers(0, 10**13))
    level = held * length
    take = data.draw(st.integers(1, burst))
    retry = algorithms.gcra_retry_ms(take=take, burst=burst, amount=amount, level=level, now_ms=now, length_ms=length)

    def fits(at_ms: int) -> bool:
        return algorithms.drained(level, amount, at_ms - now) + take * length <= burst * length

    if not fits(now):
        assert retry == now + ceil(Fraction(level + (take - burst) * length, amount))
        assert fits(retry)
        assert not fits(retry - 1)
