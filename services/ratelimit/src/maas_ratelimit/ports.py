"""What the servicers need from outside."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, Protocol, TypeAlias, TypeVar

from maas_ratelimit.core.counting import Account, Admission, Claim, CounterState, Settled, Settlement

T = TypeVar("T")
Eventually: TypeAlias = T | Coroutine[Any, Any, T]
"""At once, or on the event loop for a store that has to wait."""


class CounterStore(Protocol):
    """Where counts live. Every method is atomic over all the counters it touches; `now` is in Unix seconds.

    UnavailableError when it can't count, and then it has taken nothing.
    """

    def admit(self, claim: Claim, *, now: float) -> Eventually[Admission]:
        """Take all that the claim asks for, or nothing.

        A request id that holds a reservation is admitted without taking again; InvalidArgumentError for one that has ended.
        """
        ...

    def settle(self, settlement: Settlement, *, now: float) -> Eventually[Settled]:
        """Replace a reservation by what was used, once for each request id."""
        ...

    def read(self, account: Account, *, now: float) -> Eventually[tuple[CounterState, ...]]:
        """The current windows of the account's limits, in the plan's order. Counts nothing."""
        ...
