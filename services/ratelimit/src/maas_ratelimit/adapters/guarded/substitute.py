"""What claims are told while the store that counts is away."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from typing import Literal, TypeAlias

from maas_common.errors import UnavailableError

from maas_ratelimit.core.counting import Admission, Claim, Operation, Outcome, Settlement
from maas_ratelimit.ports import CounterStore

OnStoreError: TypeAlias = Literal["deny", "allow", "local"]
"""deny   Nothing is admitted.
allow  Everything is admitted, uncounted; its use is charged when the store is back.
local  Counters of this process decide, which know nothing of the store's; its use is charged to the store too when it is back.
"""


class Substitute:
    """Answers claims in the store's place, and follows those it admitted to their ends. Not for several threads at once."""

    def __init__(self, on_store_error: OnStoreError, fallback: CounterStore | None, *, reservation_ttl_s: float, at_most: int) -> None:
        """`fallback` counts in this process; `local` needs one. At most so many requests are followed, the oldest are given up."""
        if on_store_error == "local" and fallback is None:
            raise ValueError('on_store_error "local": there is no store to fall back to')
        self.denied = 0
        """Claims refused because the store was away, ever since the start; so the next two."""
        self.uncounted = 0
        self.local = 0
        self.fallback = fallback if on_store_error == "local" else None
        self._is_open_to_all = on_store_error == "allow"
        self._reservation_ttl_s = reservation_ttl_s
        self._at_most = at_most
        self._in_flight: OrderedDict[str, tuple[float, Claim]] = OrderedDict()
        """Admitted here and not ended, each with its deadline; in that order."""
        self._refused: OrderedDict[str, None] = OrderedDict()
        """Not admitted here; as many at most."""

    @property
    def in_flight(self) -> int:
        """Requests admitted here that have not ended."""
        return len(self._in_flight)

    def claim(self, claim: Claim, now: float) -> Outcome:
        """Admit or refuse."""
        if self.fallback is not None:
            # Without a record: the event of its end is the store's to keep.
            outcome: Outcome = _only(self.fallback, replace(claim, record=""), now)
            self.local += 1
        elif self._is_open_to_all:
            outcome = Admission((), (), (), claim.takes, now, is_counted=False)
            self.uncounted += 1
        else:
            outcome = UnavailableError("the store of counters is away: nothing can be admitted now")
            self.denied += 1
        if is_admitted(outcome):
            if len(self._in_flight) >= self._at_most:
                self._in_flight.popitem(last=False)
            self._in_flight.setdefault(claim.rid, (now + self._reservation_ttl_s, claim))
        else:
            if len(self._refused) >= self._at_most:
                self._refused.popitem(last=False)
            self._refused[claim.rid] = None
        return outcome

    def end(self, settlement: Settlement, now: float) -> bool:
        """Settle here what was admitted here. Whether the store has anything to settle: not for those who were refused here.

        Envoy tells the end of these too; if they waited for the store, a long outage would push out all that did use something.
        """
        rid = settlement.rid
        if self._in_flight.pop(rid, None) and self.fallback is not None:
            _only(self.fallback, replace(settlement, record="", may_charge=False), now)
        return settlement.may_charge or rid not in self._refused

    def forget_refused(self) -> None:
        """The store is back."""
        self._refused.clear()

    def take_overdue(self, now: float) -> list[Settlement]:
        """How requests ended that nobody settled in time: each used the request it was, and no tokens that anybody knows of."""
        overdue = []
        while self._in_flight and next(iter(self._in_flight.values()))[0] <= now:
            rid, (_, claim) = self._in_flight.popitem(last=False)
            limits = claim.account.plan.limits
            used = tuple(take if limit.is_firm else 0 for limit, take in zip(limits, claim.takes, strict=True))
            overdue.append(Settlement(rid, claim.account, used, claim.record, "expired"))
        return overdue


def is_admitted(outcome: Outcome) -> bool:
    """Whether a claim was admitted."""
    return isinstance(outcome, Admission) and not outcome.refusing


def _only(store: CounterStore, operation: Operation, now: float) -> Outcome:
    return store.run([operation], now=now)[0]
