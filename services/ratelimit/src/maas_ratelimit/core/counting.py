"""What is said to a store of counters, and what it says.

NamedTuples, not dataclasses: several are made for every request, and these cost a third.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import NamedTuple

from maas_ratelimit.core.plans import Plan


class Account(NamedTuple):
    """Whose counters: the plan's limits for one user of one tenant."""

    plan: Plan
    tenant: str
    user: str


class Claim(NamedTuple):
    """What a request asks for: one of each request limit, and `tokens` of each token limit, but no more than it can ever hold."""

    rid: str
    account: Account
    tokens: int
    """At least 1, or a request would pass a limit with nothing left."""


class Admission(NamedTuple):
    """The answer to a claim: all was taken, or nothing."""

    refusing: tuple[int, ...]
    """Places in the plan of the limits that have not enough left; none when the claim was admitted."""
    left: tuple[int, ...]
    """What the current window of each limit has left after the claim. Below 0 where requests used more than they had reserved."""
    ends: tuple[int, ...]
    """First second after the current window of each limit, Unix time."""
    is_repeat: bool = False
    """The request id holds a reservation already; nothing was taken again."""


class CounterState(NamedTuple):
    """One limit's current window."""

    used: int
    reserved: int
    end: int
    """First second after the window, Unix time."""


class Settlement(NamedTuple):
    """How an admission ended."""

    rid: str
    tokens: int
    """What was used; charged in place of the reservation, in the windows that the request was admitted in."""
    account: Account | None
    """What to charge when the request id holds no reservation; None: nothing."""
    is_undone: bool = False
    """The request never came through, so it does not count as one either: `tokens` is 0 and `account` None."""


class Settled(Enum):
    """What became of a settlement."""

    REPLACED = auto()
    """A reservation by what was used, or undone."""
    LATE = auto()
    """There was no reservation (any more): current windows were charged."""
    REPEATED = auto()
    """Settled before: nothing changed."""
    UNKNOWN = auto()
    """No reservation, and nothing to charge."""
