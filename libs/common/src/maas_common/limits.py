"""Limits: how much of something fits into a window."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

_WINDOW = re.compile(r"([1-9][0-9]{0,7})([smhd])")
_UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_UNIT_NAME = {"s": "second", "m": "minute", "h": "hour", "d": "day"}
MAX_WINDOW_S = 366 * 86400
MAX_AMOUNT = 9 * 10**15
"""Amounts stay exact as JSON numbers and as doubles."""


class Metric(StrEnum):
    """What is counted."""

    REQUESTS = "requests"
    TOTAL_TOKENS = "total_tokens"


class Per(StrEnum):
    """Who shares one counter."""

    USER = "user"


@dataclass(frozen=True, slots=True)
class Window:
    """A fixed window of `seconds`, aligned to the Unix epoch. `text` is how people write it: `1m`."""

    text: str
    seconds: int

    @classmethod
    def parse(cls, text: str) -> Window:
        """Read `<n>s|m|h|d`, at most 366 days; ValueError says what is wrong."""
        match = _WINDOW.fullmatch(text)
        if not match:
            raise ValueError(f'window "{text}": want a whole number from 1 and one of s, m, h, d, like 1m or 30s')
        seconds = int(match[1]) * _UNIT_S[match[2]]
        if seconds > MAX_WINDOW_S:
            raise ValueError(f'window "{text}": longer than 366 days')
        return cls(text, seconds)

    @property
    def name(self) -> str:
        """As in "per …": minute, hour, 30 seconds."""
        count, unit = int(self.text[:-1]), _UNIT_NAME[self.text[-1]]
        return unit if count == 1 else f"{count} {unit}s"

    def bounds(self, now: float) -> tuple[int, int]:
        """First second of the window that `now` lies in, and first second after it; Unix seconds."""
        start = int(now) // self.seconds * self.seconds
        return start, start + self.seconds


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `amount` of `metric` in `window`, counted per `per`. `id` names its counters."""

    id: str
    metric: Metric
    amount: int
    window: Window
    per: Per = Per.USER
