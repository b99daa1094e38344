"""Windows: how they are written, and when they begin and end."""

from __future__ import annotations

from calendar import monthrange
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from maas_common.windows import FOREVER, CalendarWindow, FixedWindow, Gcra, NoWindow, SlidingLog, SlidingWindow, TotalWindow, Window

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
ODD_ZONES = (
    "Africa/Cairo",  # skips midnight
    "America/Asuncion",  # skips midnight
    "America/Goose_Bay",  # until 2011 back from 00:01 to 23:01: a day that begins twice
    "America/Havana",  # skips midnight, and repeats it
    "America/New_York",
    "America/Santiago",  # skips midnight, back from midnight to 23:00
    "America/Sao_Paulo",  # skipped midnight
    "America/St_Johns",  # as Goose_Bay
    "Antarctica/Casey",  # jumped three hours
    "Antarctica/Troll",  # two hours of daylight saving
    "Asia/Beirut",  # skips midnight
    "Asia/Gaza",
    "Asia/Kathmandu",
    "Asia/Pyongyang",  # jumped from 23:30
    "Asia/Tehran",  # skipped midnight
    "Atlantic/Azores",  # skips midnight
    "Australia/Lord_Howe",  # half an hour of daylight saving
    "Europe/Berlin",
    "Pacific/Apia",  # had no 30 December 2011
    "Pacific/Chatham",
    "Pacific/Kwajalein",  # had no 21 August 1993
)
NO_ZONES = ("posix", "right", "localtime", "Factory")
ZONES = sorted(zone for zone in available_timezones() if not zone.startswith(NO_ZONES))

durations = st.tuples(st.integers(1, 366), st.sampled_from("smhd")).map(lambda parts: f"{parts[0]}{parts[1]}")
periods = st.one_of(
    st.just("day"),
    st.just("week"),
    st.sampled_from(WEEKDAYS[1:]).map("week from {}".format),
    st.just("month"),
    st.integers(2, 31).map("month from {}".format),
)
zones = st.one_of(st.sampled_from(ODD_ZONES), st.sampled_from(ZONES)).map(lambda zone: "" if zone == "UTC" else f" in {zone}")
calendars = st.builds("{}{}".format, periods, st.one_of(st.just(""), zones))
texts = st.one_of(
    durations,
    calendars,
    durations.map("sliding {}".format),
    durations.map("sliding-log {}".format),
    durations.map("gcra {}".format),
    st.builds("gcra {} burst {}".format, durations, st.integers(1, 10**15)),
    st.just("total"),
    st.just("-"),
)
moments = st.floats(86400 * 40, 4_102_444_800)


def at(text: str, zone: str = "UTC") -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp())


@given(texts)
def test_a_window_is_written_as_it_was_read(text):
    window = Window.parse(text)
    assert window.text == text
    assert window == Window.parse(text)
    assert hash(window) == hash(Window.parse(text))


@given(st.text("0123456789smhd -wekfromontdaysliggcrbut/_EUTCBin", max_size=40))
def test_what_is_read_at_all_is_canonical(text):
    with suppress(ValueError):
        assert Window.parse(text).text == text


@pytest.mark.parametrize(
    ("text", "kind", "name", "length_s"),
    [
        ("1m", "bucket", "minute", 60),
        ("60s", "bucket", "minute", 60),
        ("30s", "bucket", "30 seconds", 30),
        ("90s", "bucket", "90 seconds", 90),
        ("5m", "bucket", "5 minutes", 300),
        ("24h", "bucket", "day", 86400),
        ("366d", "bucket", "366 days", 366 * 86400),
        ("day", "bucket", "day", 86400),
        ("week from sunday", "bucket", "week", 7 * 86400),
        ("month", "bucket", "month", 28 * 86400),
        ("month in Europe/Berlin", "bucket", "month", 28 * 86400 - 7200),
        ("sliding 1h", "sliding", "hour", 3600),
        ("sliding-log 10s", "log", "10 seconds", 10),
        ("gcra 1m burst 20", "gcra", "minute", 60),
        ("total", "bucket", "total", FOREVER),
        ("-", "held", "moment", 0),
    ],
)
def test_windows_have_a_kind_a_name_for_people_and_a_length(text, kind, name, length_s):
    window = Window.parse(text)
    assert (window.kind, window.name, window.length_s) == (kind, name, length_s)


def test_what_a_window_says_is_in_its_parts():
    assert Window.parse("1m") == FixedWindow("1m", 60)
    assert Window.parse("sliding 1m") == SlidingWindow("sliding 1m", 60)
    assert Window.parse("sliding-log 1m") == SlidingLog("sliding-log 1m", 60)
    assert Window.parse("gcra 1m") == Gcra("gcra 1m", 60, None)
    assert Window.parse("gcra 1m burst 20") == Gcra("gcra 1m burst 20", 60, 20)
    assert Window.parse("month from 15 in Asia/Tokyo") == CalendarWindow("month from 15 in Asia/Tokyo", "month", 15, "Asia/Tokyo")
    assert Window.parse("week from sunday") == CalendarWindow("week from sunday", "week", 6, "UTC")
    assert Window.parse("total") == TotalWindow("total")
    assert Window.parse("-") == NoWindow("-")


WANT = "want one of: 1m (also 30s, 6h, 7d)"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", WANT),
        ("minute", WANT),
        ("0m", WANT),
        ("01m", WANT),
        ("1m ", WANT),
        ("1m\n", WANT),
        ("٣m", WANT),
        ("1y", WANT),
        ("1w", WANT),
        ("999999999s", WANT),
        ("sliding", WANT),
        ("sliding ", WANT),
        ("sliding month", WANT),
        ("sliding  1m", WANT),
        ("sliding-log", WANT),
        ("gcra", WANT),
        ("gcra month", WANT),
        ("gcra 1m burst", WANT),
        ("gcra 1m burst 0", WANT),
        ("gcra 1m burst 020", WANT),
        ("month from 0", WANT),
        ("year", WANT),
        ("day in ../Berlin", WANT),
        ("x" * 5000, WANT),
        ("367d", "longer than 366 days"),
        ("sliding 367d", "longer than 366 days"),
        ("gcra 9000h", "longer than 366 days"),
        ("day from 2", "from 2: a day begins at midnight: leave out from"),
        ("day from monday", "from monday: a day begins at midnight: leave out from"),
        ("week from 1", "from 1: want one of monday, tuesday"),
        ("week from someday", "from someday: want one of monday, tuesday"),
        ("month from monday", "from monday: want a day of the month, 1 to 31"),
        ("month from 32", "from 32: want a day of the month, 1 to 31"),
        ("day in Berlin", 'time zone "Berlin" is not known; want an IANA name like Europe/Berlin'),
        ("day in Europe", 'time zone "Europe" is not known'),
        ("day in europe/nowhere", 'time zone "europe/nowhere" is not known'),
        ("day in /etc/localtime", 'time zone "/etc/localtime" is not known'),
        ("day in right/Europe/Berlin", 'time zone "right/Europe/Berlin" is not known'),
        ("day in localtime", 'time zone "localtime" is not known'),
        ("day in UTC", 'write it as "day"; one window has one name'),
        ("week from monday", 'write it as "week"'),
        ("month from 1", 'write it as "month"'),
        ("month from 1 in Europe/Berlin", 'write it as "month in Europe/Berlin"'),
    ],
)
def test_what_is_no_window_is_refused_with_what_would_be_right(text, complaint):
    with pytest.raises(ValueError, match=r'^window "') as caught:
        Window.parse(text)
    assert complaint in str(caught.value)
    assert len(str(caught.value)) < 400


@given(durations, moments)
def test_fixed_and_sliding_windows_are_on_the_clock(duration, now):
    for window in (Window.parse(duration), Window.parse(f"sliding {duration}")):
        start, end = window.bounds(now)
        assert start <= now < end
        assert (start % window.length_s, end - start) == (0, window.length_s)


@pytest.mark.parametrize("text", ["sliding-log 1m", "gcra 1m", "-"])
def test_the_others_have_no_bounds(text):
    assert Window.parse(text).bounds(1e9) == (0, 0)


def is_renewal(window: CalendarWindow, day: date) -> bool:
    if window.period == "month":
        return day.day == min(window.day, monthrange(day.year, day.month)[1])
    return window.period == "day" or day.weekday() == window.day


def dates_between(after: date, until: date) -> list[date]:
    return [after + timedelta(days=days) for days in range(1, (until - after).days + 1)]


@given(calendars.map(Window.parse), moments, st.integers(0, 999))
@example(Window.parse("day in America/St_Johns"), at("2010-11-06T23:30:00", "America/St_Johns") + 3600.0, 999)
@example(Window.parse("week from sunday in America/Goose_Bay"), at("2009-10-31T23:59:59", "America/Goose_Bay") + 1800.0, 0)
@example(Window.parse("month from 30 in Pacific/Apia"), at("2011-12-31T00:00:00", "Pacific/Apia") + 0.0, 500)
@example(Window.parse("day in Africa/Cairo"), at("2024-04-26T01:00:00", "Africa/Cairo") + 0.0, 500)
@example(Window.parse("day in Asia/Pyongyang"), at("2018-05-05T00:00:00", "Asia/Pyongyang") - 1.0, 500)
def test_a_calendar_window_holds_its_moment_and_begins_where_the_one_before_ends(window, now, permille):
    start, end = window.bounds(now)
    assert start <= now < end
    inside = start + (end - start) * permille // 1000
    assert window.bounds(inside) == window.bounds(start) == window.bounds(end - 1) == (start, end)
    assert window.bounds(start - 1)[1] == start
    assert window.bounds(end)[0] == end

    def day_of(moment: int) -> date:
        return datetime.fromtimestamp(moment, ZoneInfo(window.zone)).date()

    assert any(is_renewal(window, day) for day in dates_between(day_of(start - 1), day_of(start))), "begins at its day's first second"
    assert not any(is_renewal(window, day) for day in dates_between(day_of(start), day_of(end - 1))), "and goes on to the next such day"


@pytest.mark.parametrize("zone", ODD_ZONES)
@pytest.mark.parametrize("text", ["day", "week from sunday", "month from 31"])
def test_calendar_windows_tile_the_years_without_a_gap(text, zone):
    window = Window.parse(f"{text} in {zone}")
    start, end = window.bounds(at("2009-01-01T00:00:00"))
    while end < at("2013-01-01T00:00:00"):
        following = window.bounds(end)
        assert following[0] == end
        assert window.bounds(end - 1) == (start, end)
        start, end = following


@pytest.mark.parametrize("zone", ODD_ZONES)
def test_no_calendar_window_is_shorter_than_its_length(zone):
    for text in ("day", "week", "month from 31"):
        window = Window.parse(f"{text} in {zone}")
        start, end = window.bounds(at("2023-01-01T00:00:00"))
        while end < at("2027-01-01T00:00:00"):
            assert end - start >= window.length_s
            start, end = window.bounds(end)


@pytest.mark.parametrize(
    ("text", "now", "first", "after", "hours"),
    [
        ("day", "2026-03-01T00:00:00", "2026-03-01", "2026-03-02", 24),
        ("day in Europe/Berlin", "2026-03-29T12:00:00", "2026-03-29", "2026-03-30", 23),
        ("day in Europe/Berlin", "2026-10-25T12:00:00", "2026-10-25", "2026-10-26", 25),
        ("day in Australia/Lord_Howe", "2026-10-04T12:00:00", "2026-10-04", "2026-10-05", 23.5),
        ("day in Antarctica/Troll", "2026-03-29T12:00:00", "2026-03-29", "2026-03-30", 22),
        ("day in America/Havana", "2026-11-01T00:30:00", "2026-11-01", "2026-11-02", 25),
        ("week", "2026-03-04T00:00:00", "2026-03-02", "2026-03-09", 168),
        ("week", "2026-03-02T00:00:00", "2026-03-02", "2026-03-09", 168),
        ("week from sunday", "2026-03-07T23:59:59", "2026-03-01", "2026-03-08", 168),
        ("week from sunday in America/New_York", "2026-03-08T12:00:00", "2026-03-08", "2026-03-15", 167),
        ("month", "2026-12-31T23:59:59", "2026-12-01", "2027-01-01", 744),
        ("month", "2024-02-29T12:00:00", "2024-02-01", "2024-03-01", 696),
        ("month from 15", "2026-01-14T23:59:59", "2025-12-15", "2026-01-15", 744),
        ("month from 15", "2026-01-15T00:00:00", "2026-01-15", "2026-02-15", 744),
        ("month from 31", "2026-02-27T23:59:59", "2026-01-31", "2026-02-28", 672),
        ("month from 31", "2026-02-28T00:00:00", "2026-02-28", "2026-03-31", 744),
        ("month from 31", "2026-04-30T00:00:00", "2026-04-30", "2026-05-31", 744),
        ("month from 31", "2024-02-29T00:00:00", "2024-02-29", "2024-03-31", 744),
        ("month from 30", "2023-02-28T00:00:00", "2023-02-28", "2023-03-30", 720),
        ("month from 29", "2100-02-28T00:00:00", "2100-02-28", "2100-03-29", 696),
        ("month in Europe/Berlin", "2026-03-10T00:00:00", "2026-03-01", "2026-04-01", 743),
    ],
)
def test_days_weeks_and_months_are_as_the_calendar_has_them(text, now, first, after, hours):
    window = Window.parse(text)
    zone = text.partition(" in ")[2] or "UTC"
    start, end = window.bounds(at(now, zone))
    assert (start, end) == (at(f"{first}T00:00:00", zone), at(f"{after}T00:00:00", zone))
    assert end - start == hours * 3600


@pytest.mark.parametrize(
    ("zone", "day", "begins"),
    [
        ("Africa/Cairo", "2024-04-26", "2024-04-25T22:00:00"),  # at 00:00 it is 01:00
        ("America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00:00"),
        ("America/Asuncion", "2023-10-01", "2023-10-01T04:00:00"),
        ("Asia/Pyongyang", "2018-05-05", "2018-05-04T15:00:00"),  # at 23:30 it was 00:00
        ("America/Toronto", "1919-03-31", "1919-03-31T04:30:00"),  # at 23:30 it was 00:30
        ("America/St_Johns", "2010-11-07", "2010-11-07T02:30:00"),  # and again from 23:01 at 00:01
        ("America/Havana", "2026-11-01", "2026-11-01T04:00:00"),  # the first of two
        ("Pacific/Apia", "2011-12-31", "2011-12-30T10:00:00"),
    ],
)
def test_a_day_begins_with_its_first_second_where_midnight_is_skipped_or_comes_twice(zone, day, begins):
    noon = at(f"{day}T12:00:00", zone)
    start, _ = Window.parse(f"day in {zone}").bounds(noon)
    assert datetime.fromtimestamp(start, UTC).replace(tzinfo=None) == datetime.fromisoformat(begins)
