"""What is said to a store of counters, and what it says.

Those of which one is made for every request are not frozen, only because that costs three times as much; nobody changes them. Tuples
of numbers have one for each limit of the plan, in its order.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import NamedTuple, TypeAlias

from maas_ratelimit.core.plans import Plan


class Account(NamedTuple):
    """Whose counters: the plan's limits, and whose each of them is."""

    plan: Plan
    tenant: str
    subjects: tuple[str, ...]


@dataclass(slots=True)
class Claim:
    """What a request asks for: of each limit as much as `takes`, and if that is not left, what is left, but no less than `leasts`."""

    rid: str
    account: Account
    takes: tuple[int, ...]
    """1 or more, and no more than the limit can ever hold."""
    leasts: tuple[int, ...]
    record: str
    """Who and what, for the usage event of a reservation that expires; opaque to stores."""


@dataclass(slots=True)
class Admission:
    """The answer to a claim: all was taken, or nothing."""

    refusing: tuple[int, ...]
    """Places in the plan of the limits that have not enough left; none when the claim was admitted."""
    left: tuple[int, ...]
    """What each limit has left after the claim. Below 0 where requests used more than they had reserved."""
    resets: tuple[int, ...]
    """When each limit is whole again if nothing else comes: a window's first second after it. Unix time; 0: it has no such time."""
    granted: tuple[int, ...]
    """What was taken of each limit."""
    now: float
    """The store's time, by which the above is right."""
    retry_at: float = 0.0
    """When the claim would pass if nothing else came and reservations were settled as reserved. 0: that can't be known."""
    throttled: tuple[int, ...] = ()
    """Places of soft limits whose second counter it was taken from."""
    exceeded: tuple[int, ...] = ()
    """Places of shadow limits that had not enough left."""
    is_repeat: bool = False
    """The request id holds a reservation already; nothing was taken again."""
    is_counted: bool = True
    """False: the store is away and the request is let through. Nothing was taken; `left` and `resets` are empty, for nobody knows."""


class CounterState(NamedTuple):
    """One limit as it stands."""

    used: int
    reserved: int
    left: int
    """Of the amount; below 0 where more was used."""
    reset: int
    """As in Admission."""


@dataclass(slots=True)
class Settlement:
    """How an admission ended: `used` takes the place of what was reserved, in the windows that the request was admitted in."""

    rid: str
    account: Account | None
    """Whose; None when it can't be told: then only a reservation can be settled, and what it held is charged as used nothing."""
    used: tuple[int, ...]
    """1 for each limit of requests, 0 for those of concurrency."""
    record: str
    """The usage event's text; opaque to stores. Empty: there is no event."""
    outcome: str = "measured"
    """Of the usage event: measured, estimated."""
    is_undone: bool = False
    """The request never came through: all it took is given back, and there is no event."""
    may_charge: bool = True
    """Whether to charge current windows when the request id holds no reservation."""

    @classmethod
    def undoing(cls, rid: str, account: Account | None) -> Settlement:
        """The end of an admission that never came through."""
        return cls(rid, account, (), "", is_undone=True, may_charge=False)


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
    QUEUED = auto()
    """The store is away: it is settled when the store is back."""


Operation: TypeAlias = Claim | Settlement
Outcome: TypeAlias = Admission | Settled | Exception
"""An exception is a DomainError that this one operation meets; nothing was taken by it."""


class CounterInfo(NamedTuple):
    """One live counter, for administrators."""

    counter: str
    """Which limit's: see core.plans.CounterName."""
    tenant: str
    subject: str
    used: int
    reserved: int
    reset: int


def shown(subject: str) -> str:
    """A counter's subject as people see it and ask for it: the values of combined scopes joined by +."""
    return subject.replace("\x1f", "+")


class CounterFilter(NamedTuple):
    """Which counters; an empty string is any."""

    tenant: str = ""
    limit_id: str = ""
    subject: str = ""
    """As shown. A user's id may have a + of its own: where two subjects look the same, both are meant."""

    def matches(self, tenant: str, counter: str, subject: str) -> bool:
        """Whether the counter is one of those; `counter` as in CounterInfo."""
        return (
            self.tenant in {"", tenant}
            and (not self.limit_id or counter.startswith(f"{self.limit_id}:"))
            and (not self.subject or shown(subject) == shown(self.subject))
        )
