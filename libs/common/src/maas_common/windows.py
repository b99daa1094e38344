"""Windows: the stretch of time within which a limit's amount may be used, and how it is measured.

fixed         `1m`                                  clock-aligned, counted from 1 January 1970 UTC
calendar      `month from 15 in Europe/Berlin`      day, week or month in a time zone
sliding       `sliding 1m`                          two buckets: the last one counts in proportion to what of it is still inside
sliding log   `sliding-log 1m`                      exact: every admission counts for as long as the window is long
GCRA          `gcra 1m burst 20`                    a steady rate of amount per window, and at most `burst` at once
total         `total`                               once and for all: what is used up stays so
none          `-`                                   for what is held, not used up: concurrency
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from calendar import monthrange
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cached_property, lru_cache
from typing import ClassVar, Literal, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_DAY_S = 86400
_SAVED_S = 2 * 3600
"""The most that clocks go forward (Antarctica/Troll)."""
MAX_WINDOW_S = 366 * _DAY_S
FOREVER = 2**33
"""The end of a window that has none, Unix seconds: in the year 2242."""
_DURATION = re.compile(r"([1-9][0-9]{0,7})([smhd])")
_UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": _DAY_S}
_UNIT_NAME = {"s": "second", "m": "minute", "h": "hour", "d": "day"}
_CALENDAR = re.compile(r"(day|week|month)(?: from ([a-z]+|[1-9][0-9]?))?(?: in ([A-Za-z0-9_+/-]{1,64}))?")
_GCRA = re.compile(r"gcra ([0-9a-z]+)(?: burst ([1-9][0-9]{0,15}))?")
_NO_ZONES = ("posix/", "right/", "posixrules", "localtime", "Factory")
"""Lie among the zones, but count leap seconds or differ from machine to machine."""
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_WANT = (
    "want one of: 1m (also 30s, 6h, 7d) · day, week from sunday, month from 15, each with in <time zone> · sliding 1m · sliding-log 1m · "
    "gcra 1m burst 20 · total · - (for concurrency)"
)

Kind: TypeAlias = Literal["bucket", "sliding", "log", "gcra", "held"]
"""How a store counts it: in one bucket between two moments, in two, entry by entry, as a level that drains, or as what is held now."""


@dataclass(frozen=True)
class Window(ABC):
    """One of the kinds below. `text` is how people write it, and equal windows have equal texts."""

    text: str
    kind: ClassVar[Kind]

    @staticmethod
    def parse(text: str) -> Window:
        """Read a window; ValueError says what would be right. What this accepts is canonical: `parse(t).text == t`."""
        return _parse(text)

    @property
    @abstractmethod
    def name(self) -> str:
        """As in "per …": minute, 30 seconds, month."""

    @property
    @abstractmethod
    def length_s(self) -> int:
        """Seconds from begin to end; of a calendar window the fewest that daylight saving leaves. 0 when there is no window."""

    def bounds(self, now: float) -> tuple[int, int]:  # noqa: ARG002 - these have none
        """First second of the window (of a sliding one: of its newer bucket) that `now` lies in, and first second after it; Unix time.

        (0, 0) for windows that have no bounds.
        """
        return 0, 0


@dataclass(frozen=True)
class _Timed(Window):
    seconds: int

    @property
    def name(self) -> str:
        return _duration_name(self.seconds)

    @property
    def length_s(self) -> int:
        return self.seconds


@dataclass(frozen=True)
class _Aligned(_Timed):
    def bounds(self, now: float) -> tuple[int, int]:
        start = int(now) // self.seconds * self.seconds
        return start, start + self.seconds


@dataclass(frozen=True)
class FixedWindow(_Aligned):
    """`seconds` long, aligned to the Unix epoch."""

    kind = "bucket"


@dataclass(frozen=True)
class SlidingWindow(_Aligned):
    """The last `seconds`, estimated from two buckets.

    What the older bucket counted is taken to have come evenly. So at most that share of it is miscounted which came unevenly: never
    more than the older bucket's count, and nothing at the newer bucket's end.
    """

    kind = "sliding"


@dataclass(frozen=True)
class SlidingLog(_Timed):
    """The last `seconds`, exactly."""

    kind = "log"


@dataclass(frozen=True)
class Gcra(_Timed):
    """The generic cell rate algorithm: the limit's amount drains every `seconds`, evenly; at most `burst` at once, None: the amount."""

    burst: int | None
    kind = "gcra"


@dataclass(frozen=True)
class TotalWindow(Window):
    """All time: nothing is given back by waiting."""

    kind = "bucket"

    @property
    def name(self) -> str:
        """See Window."""
        return self.text

    @property
    def length_s(self) -> int:
        """See Window."""
        return FOREVER

    def bounds(self, now: float) -> tuple[int, int]:  # noqa: ARG002 - always the same
        """See Window."""
        return 0, FOREVER


@dataclass(frozen=True)
class NoWindow(Window):
    """Nothing is used up: what is held is given back."""

    kind = "held"

    @property
    def name(self) -> str:
        """See Window."""
        return "moment"

    @property
    def length_s(self) -> int:
        """See Window."""
        return 0


@dataclass(frozen=True)
class CalendarWindow(Window):
    """A day, week or month in a time zone.

    `day`: the weekday (0 is Monday) or day of the month it begins on; past a month's end its last.
    """

    period: str
    day: int
    zone: str
    kind = "bucket"

    @property
    def name(self) -> str:
        """See Window."""
        return self.period

    @property
    def length_s(self) -> int:
        """See Window."""
        days = {"day": 1, "week": 7, "month": 28}[self.period]
        return days * _DAY_S - (0 if self.zone == "UTC" else _SAVED_S)

    @cached_property
    def _zone_info(self) -> ZoneInfo:
        return ZoneInfo(self.zone)

    def bounds(self, now: float) -> tuple[int, int]:
        """See Window."""
        today = datetime.fromtimestamp(int(now), self._zone_info).date()
        first, after = self._dates(today)
        end = _begin_of(after, self.zone)
        if now >= end:  # clocks went back from past midnight: the new day, once begun, goes on
            first, after = self._dates(after)
            end = _begin_of(after, self.zone)
        return _begin_of(first, self.zone), end

    def _dates(self, today: date) -> tuple[date, date]:
        """First date of the window, and first after it."""
        if self.period == "day":
            return today, today + timedelta(days=1)
        if self.period == "week":
            first = today - timedelta(days=(today.weekday() - self.day) % 7)
            return first, first + timedelta(days=7)
        this = _renewal(today.year, today.month, self.day)
        if today >= this:
            return this, _renewal(*_month_after(today.year, today.month), self.day)
        before = date(today.year, today.month, 1) - timedelta(days=1)
        return _renewal(before.year, before.month, self.day), this


def _parse(text: str) -> Window:  # noqa: PLR0911 - one for each kind
    if text == "-":
        return NoWindow(text)
    if text == "total":
        return TotalWindow(text)
    if text.startswith("sliding "):
        return SlidingWindow(text, _seconds(text, text.removeprefix("sliding ")))
    if text.startswith("sliding-log "):
        return SlidingLog(text, _seconds(text, text.removeprefix("sliding-log ")))
    if match := _GCRA.fullmatch(text):
        return Gcra(text, _seconds(text, match[1]), int(match[2]) if match[2] else None)
    if match := _CALENDAR.fullmatch(text):
        return _calendar(text, match[1], match[2], match[3])
    return FixedWindow(text, _seconds(text, text))


def _seconds(text: str, duration: str) -> int:
    match = _DURATION.fullmatch(duration)
    if not match:
        raise ValueError(f'window "{text[:100]}": {_WANT}')
    seconds = int(match[1]) * _UNIT_S[match[2]]
    if seconds > MAX_WINDOW_S:
        raise ValueError(f'window "{text}": longer than 366 days')
    return seconds


def _calendar(text: str, period: str, renewal: str | None, zone: str | None) -> CalendarWindow:
    day = 0 if period == "week" else 1
    if renewal is not None:
        if period == "week" and renewal in _WEEKDAYS:
            day = _WEEKDAYS.index(renewal)
        elif period == "month" and renewal.isdecimal() and int(renewal) <= 31:  # noqa: PLR2004 - days of a month
            day = int(renewal)
        else:
            wanted = {"day": "a day begins at midnight: leave out from", "week": f"want one of {', '.join(_WEEKDAYS)}"}
            raise ValueError(f'window "{text}": from {renewal}: {wanted.get(period, "want a day of the month, 1 to 31")}')
    zone = zone or "UTC"
    if not _is_zone(zone):
        raise ValueError(f'window "{text}": time zone "{zone}" is not known; want an IANA name like Europe/Berlin')
    canonical = period
    if (period, day) not in {("day", 1), ("week", 0), ("month", 1)}:
        canonical += f" from {_WEEKDAYS[day] if period == 'week' else day}"
    if zone != "UTC":
        canonical += f" in {zone}"
    if text != canonical:
        raise ValueError(f'window "{text}": write it as "{canonical}"; one window has one name')
    return CalendarWindow(text, period, day, zone)


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return not name.startswith(_NO_ZONES)


def _renewal(year: int, month: int, day: int) -> date:
    return date(year, month, min(day, monthrange(year, month)[1]))


def _month_after(year: int, month: int) -> tuple[int, int]:
    return (year + 1, 1) if month == 12 else (year, month + 1)  # noqa: PLR2004 - December


@lru_cache(maxsize=4096)
def _begin_of(day: date, zone: str) -> int:
    """The first second in a zone that is of that date or a later one: where clocks skip midnight, the second after the skip."""
    zone_info = ZoneInfo(zone)
    midnight = datetime.combine(day, time(), zone_info)
    late = int(midnight.timestamp())
    if datetime.fromtimestamp(late, zone_info).replace(tzinfo=None) == midnight.replace(tzinfo=None):
        return late
    early = int(midnight.replace(fold=1).timestamp()) - 1
    while early + 1 < late:
        middle = (early + late) // 2
        if datetime.fromtimestamp(middle, zone_info).date() < day:
            early = middle
        else:
            late = middle
    return late


def _duration_name(seconds: int) -> str:
    unit = next(unit for unit in "dhms" if seconds % _UNIT_S[unit] == 0)
    count = seconds // _UNIT_S[unit]
    return _UNIT_NAME[unit] if count == 1 else f"{count} {_UNIT_NAME[unit]}s"
