"""What the servicers need from outside. All of it may be called by any thread; what `waits` may block, but not past its deadline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from maas_ratelimit.core.counting import Account, CounterFilter, CounterInfo, CounterState, Operation, Outcome


class CounterStore(Protocol):
    """Where counts live. `now` is the caller's time in Unix seconds; a store with a clock of its own goes by that one."""

    @property
    def waits(self) -> bool:
        """Whether calls may block: for a network."""
        ...

    def run(self, operations: Sequence[Operation], *, now: float) -> list[Outcome]:
        """Do each of the operations, in order. Each is atomic over all the counters it touches; together they are not.

        A claim takes all that it asks for, or nothing. One whose request id holds a reservation is admitted without taking again;
        InvalidArgumentError for an id that has ended. A settlement replaces a reservation, once for each request id.
        UnavailableError when the store can't count.
        """
        ...

    def read(self, account: Account, *, now: float) -> tuple[CounterState, ...]:
        """The account's limits as they stand, in the plan's order. Counts nothing. UnavailableError as above."""
        ...


class CounterAdmin(Protocol):
    """Counters as administrators see them."""

    def list_counters(self, which: CounterFilter, *, page_size: int, page_token: str, now: float) -> tuple[list[CounterInfo], str]:
        """A page of live counters, and the token of the next page, empty on the last."""
        ...

    def reset_counters(self, which: CounterFilter, *, now: float) -> int:
        """Set what was used to nothing; what requests in flight hold stays held. How many counters."""
        ...


class UsageEvent(NamedTuple):
    """A line of the outbox; see core.events."""

    position: str
    line: str


class UsageOutbox(Protocol):
    """Usage events that nobody has taken yet: each is given out until it is said to be done, also after a restart."""

    def take(self, at_most: int) -> list[UsageEvent]:
        """The oldest that are not in somebody else's hands. UnavailableError when they can't be read."""
        ...

    def done(self, events: Sequence[UsageEvent]) -> None:
        """They are kept elsewhere now."""
        ...

    def depth(self) -> int:
        """How many there are."""
        ...
