"""Windows of a limit that have a beginning and an end: aligned to the clock, or to the calendar of a time zone."""

from __future__ import annotations

import pytest
from maas_common.windows import FOREVER

from services.ratelimit.tests.contract.callers import HOUR, MINUTE, NOW, at

FIXED = [
    ("1s", NOW, NOW + 1),
    ("7s", NOW, 1_800_000_034),
    ("30s", NOW, MINUTE),
    ("1m", NOW, MINUTE),
    ("5m", NOW, 1_800_000_300),
    ("1h", NOW, HOUR),
    ("6h", NOW, at("2027-01-15 12:00")),
    ("1d", NOW, at("2027-01-16 00:00")),
    ("7d", at("2027-01-20 23:59:59"), at("2027-01-21 00:00")),  # a Thursday, as 1 January 1970 was
    ("366d", NOW, at("2027-02-13 00:00")),
]
CALENDAR = [
    ("day", "2027-01-15 08:00:30", "2027-01-16 00:00"),
    ("day in Asia/Kathmandu", "2027-01-15 18:14:59", "2027-01-15 18:15"),
    ("day in Europe/Berlin", "2027-03-27 23:00", "2027-03-28 22:00"),  # 23 hours long: clocks go forward
    ("day in Europe/Berlin", "2027-10-30 22:00", "2027-10-31 23:00"),  # 25 hours long: clocks go back
    ("day in Europe/Berlin", "2027-10-31 22:59:59", "2027-10-31 23:00"),
    ("day in America/Santiago", "2027-09-05 03:59:59", "2027-09-05 04:00"),  # that day has no midnight: it begins at one
    ("week", "2027-01-15 08:00:30", "2027-01-18 00:00"),
    ("week", "2027-01-17 23:59:59", "2027-01-18 00:00"),
    ("week from sunday", "2027-01-15 08:00:30", "2027-01-17 00:00"),
    ("week from friday in America/New_York", "2027-01-15 04:59:59", "2027-01-15 05:00"),
    ("month", "2027-01-15 08:00:30", "2027-02-01 00:00"),
    ("month", "2027-12-31 23:59:59", "2028-01-01 00:00"),
    ("month in Pacific/Auckland", "2027-01-31 10:59:59", "2027-01-31 11:00"),
    ("month from 15", "2027-01-14 23:59:59", "2027-01-15 00:00"),
    ("month from 15", "2027-01-15 00:00", "2027-02-15 00:00"),
    ("month from 31", "2027-01-31 00:00", "2027-02-28 00:00"),  # day 31 is the last day
    ("month from 31", "2028-02-28 23:59:59", "2028-02-29 00:00"),  # of a leap year too
    ("month from 31", "2027-02-28 00:00", "2027-03-31 00:00"),
    ("month from 31", "2027-04-29 23:59:59", "2027-04-30 00:00"),
    ("month from 31", "2027-12-31 00:00", "2028-01-31 00:00"),
    ("month from 30 in Europe/Berlin", "2027-02-27 22:59:59", "2027-02-27 23:00"),
]
WINDOWS = FIXED + [(window, at(now), at(end)) for window, now, end in CALENDAR]


@pytest.mark.parametrize(("window", "now", "end"), WINDOWS)
def test_a_window_starts_anew_when_it_has_ended_and_no_millisecond_before(ann, clock, window, now, end):
    clock.time = now
    caller = ann(f"1;r:requests:3:{window}:user;t:total_tokens:1000:{window}:user")
    for number in range(3):
        caller.admit(number)
        caller.settle(number, tokens=100)
    refused = caller.admit(4)
    assert (refused.refusing, refused.resets, refused.retry_at) == ((0,), (end, end), end)
    clock.time = end - 0.0005
    assert caller.admit(4).refusing == (0,)
    assert caller.used() == [(3, 0), (300, 0)]
    clock.time = end
    admission = caller.admit(4)
    assert (admission.refusing, admission.left) == ((), (2, 900))
    assert min(admission.resets) > end


@pytest.mark.parametrize(("midnight", "hours"), [("2027-03-27 23:00", 23), ("2027-10-30 22:00", 25), ("2027-06-30 22:00", 24)])
def test_a_day_is_as_long_as_the_clocks_of_its_zone_make_it(ann, clock, midnight, hours):
    clock.time = at(midnight)
    caller = ann("1;r:requests:100:day in Europe/Berlin:user")
    for number in range(hours):
        caller.admit(number)
        clock.advance(3600)
        if number + 1 < hours:
            assert caller.used() == [(number + 1, 0)]
    assert caller.used() == [(0, 0)]


def test_windows_of_several_lengths_end_each_by_itself(ann, clock):
    caller = ann("1;a:requests:9:1m:user;b:requests:9:1h:user;c:requests:9:month in Europe/Berlin:user")
    caller.admit(1)
    clock.time = MINUTE
    assert caller.used() == [(0, 0), (1, 0), (1, 0)]
    clock.time = HOUR
    assert caller.used() == [(0, 0), (0, 0), (1, 0)]
    clock.time = at("2027-01-31 23:00")
    assert caller.used() == [(0, 0), (0, 0), (0, 0)]


def test_zones_have_days_of_their_own(ann, clock):
    plan = "1;a:requests:9:day:user;b:requests:9:day in Asia/Tokyo:user"
    caller = ann(plan)
    caller.admit(1)
    clock.time = at("2027-01-15 15:00")
    assert caller.used() == [(1, 0), (0, 0)]


def test_a_year_asleep_leaves_nothing(ann, clock):
    windows = ["1m", "month", "sliding 1h", "sliding-log 1h", "gcra 1d"]
    caller = ann(";".join(["1", *[f"{number}:requests:9:{window}:user" for number, window in enumerate(windows)]]))
    caller.admit(1)
    clock.advance(366 * 86400)
    assert caller.left() == [9] * 5
    assert caller.used() == [(0, 0)] * 5


def test_a_total_never_starts_anew(ann, clock):
    caller = ann("1;t:total_tokens:1000:total:key")
    caller.admit(1)
    caller.settle(1, tokens=1000)
    for later in (NOW, at("2027-02-01 00:00"), at("2099-12-31 00:00")):
        clock.time = later
        refused = caller.admit(2)
        assert (refused.refusing, refused.resets, refused.retry_at) == ((0,), (FOREVER,), FOREVER)
    assert caller.used() == [(1000, 0)]
