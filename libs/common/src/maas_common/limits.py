"""Limits: how much of something may be used within a window, by whom, and what happens past it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from maas_common.windows import Gcra, NoWindow, SlidingLog, Window

MAX_AMOUNT = 9 * 10**15
"""Amounts stay exact as JSON numbers and as doubles."""
MAX_LOGGED = 10_000
"""Most that a limit with a sliding log may have: every admission is kept."""
MAX_GCRA = 2**52
"""Most that the amount, and the burst, times the window's milliseconds may be: their product is counted, exactly."""
_ID_LENGTH = 63
_SOFT = re.compile(r"soft ([1-9][0-9]?|100)")


class Metric(StrEnum):
    """What is counted. Cost is in micro-dollars."""

    REQUESTS = "requests"
    TOTAL_TOKENS = "total_tokens"
    INPUT_TOKENS = "input_tokens"
    OUTPUT_TOKENS = "output_tokens"
    COST = "cost"
    CONCURRENCY = "concurrency"


class Scope(StrEnum):
    """Of what a counter is. `policy`: all that the limit applies to share one."""

    KEY = "key"
    USER = "user"
    TEAM = "team"
    TIER = "tier"
    TENANT = "tenant"
    MODEL = "model"
    POLICY = "policy"


@dataclass(frozen=True, slots=True)
class Per:
    """Who shares one counter: those with the same key, user, team …; of several scopes, those who share them all."""

    scopes: tuple[Scope, ...]

    @classmethod
    def parse(cls, text: str) -> Per:
        """Read `user`, `user+model`; ValueError says what would be right. Scopes are in the order of Scope, each once."""
        try:
            scopes = tuple(map(Scope, text.split("+")))
        except ValueError:
            raise ValueError(f'per "{text[:100]}": want one of {", ".join(Scope)}, or several joined by + like user+model') from None
        ordered = tuple(scope for scope in Scope if scope in scopes)
        if scopes != ordered:
            raise ValueError(f'per "{text[:100]}": write it as "{"+".join(ordered)}"')
        return cls(scopes)

    @property
    def text(self) -> str:
        """As people write it."""
        return "+".join(self.scopes)


PER_USER = Per((Scope.USER,))


@dataclass(frozen=True, slots=True)
class OverLimit:
    """What happens past the amount.

    hard     The request is refused.
    soft     A second counter, of `throttle` percent of the amount, takes over; past it the request is refused.
    shadow   The request goes on, and is reported.
    """

    kind: Literal["hard", "soft", "shadow"]
    throttle: int = 0

    @classmethod
    def parse(cls, text: str) -> OverLimit:
        """Read `hard`, `soft 20` or `shadow`; ValueError says what would be right."""
        if text == "hard":
            return HARD
        if text == "shadow":
            return SHADOW
        if match := _SOFT.fullmatch(text):
            return cls("soft", int(match[1]))
        raise ValueError(f'over "{text[:100]}": want hard, shadow, or soft and the percentage of the amount that is left past it: soft 20')

    @property
    def text(self) -> str:
        """As people write it."""
        return f"soft {self.throttle}" if self.kind == "soft" else self.kind


HARD = OverLimit("hard")
SHADOW = OverLimit("shadow")


def default_id(metric: str, window: str) -> str:
    """The id of a limit that is given none: `requests-1m`, `cost-month-in-europe-berlin`, `concurrency`; at most 63 characters.

    A burst is an amount, so it is no part of it.
    """
    words = f"{metric} {window.partition(' burst ')[0]}".lower()
    return re.sub(r"[^a-z0-9]+", "-", words)[:_ID_LENGTH].rstrip("-")


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `amount` of `metric` in `window`, counted per `per`. `id` names its counters.

    ValueError when the parts don't go together; the message begins with the part that is wrong.
    """

    id: str
    metric: Metric
    amount: int
    window: Window
    per: Per = PER_USER
    over: OverLimit = HARD
    notify: tuple[int, ...] = ()
    """Percentages of the amount whose first use in a window is told; ascending."""

    @classmethod
    def parse(  # noqa: PLR0913 - a limit's parts
        cls,
        *,
        id: str,  # noqa: A002 - the field's name
        metric: str,
        amount: int,
        window: str = "",
        per: str = "",
        over: str = "",
        notify: tuple[int, ...] = (),
    ) -> Limit:
        """A limit of what people write; where they write nothing `per` is user, `over` is hard and there is no window."""
        if metric not in set(Metric):
            raise ValueError(f'metric "{metric[:100]}": want one of {", ".join(Metric)}')
        read = Window.parse(window or "-"), Per.parse(per or "user"), OverLimit.parse(over or "hard")
        return cls(id, Metric(metric), amount, *read, notify)

    def __post_init__(self) -> None:
        if not 1 <= self.amount <= MAX_AMOUNT:
            raise ValueError(f"amount {self.amount}: want a whole number from 1 to {MAX_AMOUNT}")
        if self.metric is Metric.CONCURRENCY and not isinstance(self.window, NoWindow):
            raise ValueError(f'window "{self.window.text}": concurrency has none; leave it out, or write "-"')
        if isinstance(self.window, NoWindow) and self.metric is not Metric.CONCURRENCY:
            raise ValueError(f'window "-": only concurrency has none; {self.metric} want one, like 1m, month or sliding 1h')
        if isinstance(self.window, SlidingLog) and self.amount > MAX_LOGGED:
            raise ValueError(f"amount {self.amount}: a sliding log holds at most {MAX_LOGGED}; for more use sliding")
        if isinstance(self.window, Gcra):
            most = MAX_GCRA // (self.window.seconds * 1000)
            if self.amount > most:
                raise ValueError(f"amount {self.amount}: {self.window.text} counts exactly up to {most}; for more use sliding")
            if (self.window.burst or 0) > most:
                raise ValueError(f'window "{self.window.text}": want a burst of at most {most}, up to which it counts exactly')
        if self.notify and (list(self.notify) != sorted(set(self.notify)) or not 1 <= self.notify[0] <= self.notify[-1] <= 100):  # noqa: PLR2004 - percent
            raise ValueError(f"notify {'/'.join(map(str, self.notify))}: want percentages from 1 to 100, ascending")
        if self.notify and self.window.kind != "bucket":
            raise ValueError(f'notify: window "{self.window.text}" has no end at which it would start anew; want a fixed or calendar one')
