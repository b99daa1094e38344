"""How long a key lives, as people write it: `30d`, `12h`, `90m`, or until when: `2027-01-31`, `2027-01-31T12:00:00Z`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from maas_common.errors import InvalidArgumentError

_SPAN = re.compile(r"([1-9][0-9]{0,7})([smhd])")
_UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?([Zz]|[+-][0-9]{2}:[0-9]{2})")
_WANT = "want 30d, 12h, 90m or 45s, or until when: 2027-01-31, 2027-01-31T12:00:00Z"


@dataclass(frozen=True, slots=True)
class Lifetime:
    """So many seconds; `text` is how it was written."""

    text: str
    seconds: int

    @classmethod
    def parse(cls, text: str) -> Lifetime:
        """Read `<n>s|m|h|d`, or `0`; ValueError says what is wrong."""
        if text == "0":
            return cls(text, 0)
        match = _SPAN.fullmatch(text)
        if not match:
            raise ValueError("want a whole number from 1 and one of s, m, h, d, like 30d, 12h or 90m")
        return cls(text, int(match[1]) * _UNIT_S[match[2]])


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """What is given when nobody says, and at most."""

    default: Lifetime
    longest: Lifetime


def ends_at(expires_in: str, lifetimes: Lifetimes, now: float) -> int:
    """When a key ends that is given this lifetime now, Unix seconds; a date is meant with all of its last day, in UTC.

    InvalidArgumentError when the text is malformed, in the past, or past the longest allowed.
    """
    if not expires_in:
        return int(now) + lifetimes.default.seconds
    end = _end(expires_in, now)
    if end is None:
        raise InvalidArgumentError.of("expires_in", f'"{expires_in}": {_WANT}')
    latest = int(now) + lifetimes.longest.seconds
    if end > latest:
        raise InvalidArgumentError.of(
            "expires_in", f"{expires_in} is longer than a key may live here; at most {lifetimes.longest.text}, until {_written(latest)}"
        )
    if end <= now:
        raise InvalidArgumentError.of("expires_in", f"{expires_in} has passed; want a time within {lifetimes.longest.text} from now")
    return end


def grace_s(grace: str, lifetimes: Lifetimes) -> int:
    """How long an old secret still works; InvalidArgumentError when the text is malformed or past the longest allowed."""
    if not grace:
        return lifetimes.default.seconds
    try:
        asked = Lifetime.parse(grace)
    except ValueError:
        raise InvalidArgumentError.of("grace", f'"{grace}": want 24h, 90m or 45s, or 0 for not at all') from None
    if asked.seconds > lifetimes.longest.seconds:
        raise InvalidArgumentError.of("grace", f"{grace} is longer than an old secret may work here; at most {lifetimes.longest.text}")
    return asked.seconds


def _end(text: str, now: float) -> int | None:
    if match := _SPAN.fullmatch(text):
        return int(now) + int(match[1]) * _UNIT_S[match[2]]
    try:
        if _DATE.fullmatch(text):
            return int(datetime.combine(date.fromisoformat(text), time(), UTC).timestamp()) + _UNIT_S["d"]
        if _TIME.fullmatch(text):
            return int(datetime.fromisoformat(text.upper()).timestamp())
    except (ValueError, OverflowError):
        pass
    return None


def _written(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
