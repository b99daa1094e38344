"""The plan string: what is written is read back, what is not of the grammar is refused with the reason."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from maas_common.limits import MAX_AMOUNT, Limit, Metric, Per, Window
from maas_common.plan import PlanError, format_plan, parse_plan

ids = st.text("abcz019._/-", min_size=1, max_size=128)
windows = st.builds(lambda n, unit: f"{n}{unit}", st.integers(1, 300), st.sampled_from("smhd")).map(Window.parse)
limits = st.builds(Limit, ids, st.sampled_from(Metric), st.integers(1, MAX_AMOUNT), windows, st.sampled_from(Per))


@given(st.lists(limits, max_size=8, unique_by=lambda limit: limit.id))
def test_a_plan_reads_back_to_its_limits_whatever_their_order(wanted):
    text = format_plan(wanted)
    assert list(parse_plan(text)) == sorted(wanted, key=lambda limit: limit.id)
    assert format_plan(reversed(wanted)) == text


def test_a_plan_without_limits_is_its_version():
    assert (format_plan([]), parse_plan("1")) == ("1", ())


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", 'plan version "" is not known'),
        ("2;a:requests:1:1m:user", 'plan version "2" is not known'),
        ("1;a:requests:1:1m", "want id:metric:amount:window:per"),
        ("1;A:requests:1:1m:user", "want 1 to 128 of"),
        ("1;a:requests:1:1m:user;a:requests:2:1h:user", "is there twice"),
        ("1;a:requests:0:1m:user", 'amount "0"'),
        ("1;a:requests:01:1m:user", 'amount "01"'),
        ("1;a:requests:9000000000000001:1m:user", "amount"),
        ("1;a:requests:1:1y:user", 'window "1y"'),
        ("1;a:requests:1:367d:user", "longer than 366 days"),
        ("1;a:coins:1:1m:user", "'coins' is not a valid Metric"),
        ("1;a:requests:1:1m:planet", "'planet' is not a valid Per"),
        ("1;", "want id:metric"),
    ],
)
def test_what_is_no_plan_is_refused_with_the_reason(text, complaint):
    with pytest.raises(PlanError, match=None) as caught:
        parse_plan(text)
    assert complaint in str(caught.value)


@given(st.text("1;:/.a9mreqstunoal_-", max_size=60))
def test_only_what_would_be_written_is_read(text):
    with suppress(PlanError):
        limits = parse_plan(text)
        assert sorted(text.split(";")[1:]) == sorted(format_plan(limits).split(";")[1:])


@pytest.mark.parametrize(
    ("text", "name", "seconds"), [("1m", "minute", 60), ("30s", "30 seconds", 30), ("1d", "day", 86400), ("5m", "5 minutes", 300)]
)
def test_windows_have_names_for_people_and_bounds_on_the_clock(text, name, seconds):
    window = Window.parse(text)
    assert (window.name, window.seconds) == (name, seconds)
    start, end = window.bounds(1_800_000_123.7)
    assert start <= 1_800_000_123 < end
    assert (start % seconds, end - start) == (0, seconds)
