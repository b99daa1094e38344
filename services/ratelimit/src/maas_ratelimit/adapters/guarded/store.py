"""A store that may fail, with a circuit breaker: while it is away nobody waits for it, and no settlement is lost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Lock

import structlog
from maas_common.clock import Clock
from maas_common.errors import DomainError, UnavailableError

from maas_ratelimit.adapters.guarded.recovery import Recovery
from maas_ratelimit.adapters.guarded.spool import Spool
from maas_ratelimit.adapters.guarded.substitute import Substitute, is_admitted
from maas_ratelimit.core.counting import Account, Claim, CounterState, Operation, Outcome, Settled, Settlement
from maas_ratelimit.ports import CounterStore

log = structlog.get_logger(__name__)

_BATCH = 64
"""Settlements replayed in one call."""


class GuardedStore:
    """A CounterStore around one that may fail. One failed call opens the breaker: each costs its callers a timeout.

    While it is open claims are the substitute's to answer, and settlements wait in a spool. `recover` tries the store, replays what
    waits and closes the breaker, so whoever is admitted next finds all of it counted. Settling is idempotent by request id: what a
    failed call may have done already is not done twice, for as long as the store remembers the id.
    """

    def __init__(self, store: CounterStore, *, probe: Callable[[], None], substitute: Substitute, clock: Clock, max_spooled: int) -> None:
        """`probe` returns when the store can be used; its DomainError says why not."""
        self.is_open = False
        """The store is away."""
        self.opened = 0
        """How often it went away, ever since the start."""
        self.replayed = 0
        """Settlements that waited and were done, ever since the start."""
        self.substitute = substitute
        self.recovery = Recovery(self.recover)
        self._store = store
        self._probe = probe
        self._clock = clock
        self._spool = Spool(max_spooled)
        self._lock = Lock()
        """Held for a change of state, the spool and the substitute; never while the store is asked."""
        self._away_since = 0.0
        self._told = ""

    @property
    def waits(self) -> bool:
        """As the store."""
        return self._store.waits

    @property
    def spooled(self) -> int:
        """Settlements that wait."""
        return len(self._spool)

    @property
    def dropped(self) -> int:
        """Settlements lost because too many waited, ever since the start."""
        return self._spool.dropped

    def run(self, operations: Sequence[Operation], *, now: float) -> list[Outcome]:
        """See CounterStore. Waits for the store once at most, and not at all while it is away."""
        if self.is_open:
            with self._lock:
                if self.is_open:
                    return [self._answer(operation, now) for operation in operations]
        asked = self._with_overdue(operations, now) if self.substitute.in_flight else operations
        outcomes = self._ask(asked, now)
        error = next((outcome for outcome in outcomes if isinstance(outcome, UnavailableError)), None)
        if error is not None:
            with self._lock:
                self._open(error)
                for place, operation in enumerate(asked):
                    if isinstance(outcomes[place], UnavailableError):
                        outcomes[place] = self._answer_failed(operation, now)
        return outcomes[: len(operations)]

    def read(self, account: Account, *, now: float) -> tuple[CounterState, ...]:
        """See CounterStore. While the store is away the fallback's counters, if there is one."""
        if not self.is_open:
            return self._store.read(account, now=now)
        if self.substitute.fallback is not None:
            return self.substitute.fallback.read(account, now=now)
        raise UnavailableError("the store of counters is away: they can't be read now")

    def recover(self) -> bool:
        """Try the store and replay what waits; whether it is back. Waits for it, so it is not for the thread that serves."""
        if not self.is_open:
            return True
        try:
            self._probe()
        except DomainError as error:
            self._tell(error)
            return False
        while True:
            with self._lock:
                batch = self._spool.take(_BATCH)
                if not batch:
                    self._close()
                    return True
            if not self._replay(batch):
                return False

    def start(self) -> None:
        """From now on recover whenever the store was away."""
        self.recovery.start()

    def stop(self) -> None:
        """Recover no more but once, for what waits ends with this process."""
        self.recovery.stop()
        if self.is_open and not self.recover():
            log.error("settlements are lost: the service stops while the store is away", settlements=self.spooled)

    def _with_overdue(self, operations: Sequence[Operation], now: float) -> list[Operation]:
        with self._lock:
            for operation in operations:
                if isinstance(operation, Settlement):
                    self.substitute.end(operation, now)
            return [*operations, *self.substitute.take_overdue(now)]

    def _ask(self, operations: Sequence[Operation], now: float) -> list[Outcome]:
        try:
            return self._store.run(operations, now=now)
        except UnavailableError as error:
            return [error] * len(operations)

    def _answer(self, operation: Operation, now: float) -> Outcome:
        for overdue in self.substitute.take_overdue(now):
            self._spool.add(overdue)
        if isinstance(operation, Claim):
            return self.substitute.claim(operation, now)
        if not self.substitute.end(operation, now):
            return Settled.UNKNOWN
        self._spool.add(operation)
        return Settled.QUEUED

    def _answer_failed(self, operation: Operation, now: float) -> Outcome:
        """As above, of an operation that the store may have done."""
        outcome = self._answer(operation, now)
        if isinstance(operation, Claim) and not is_admitted(outcome):
            self._spool.add(Settlement.undoing(operation.rid, operation.account))
        return outcome

    def _open(self, error: UnavailableError) -> None:
        if self.is_open:
            return
        self.is_open = True
        self.opened += 1
        self._away_since = self._clock.now()
        self._told = error.message
        log.error("store is away", error=error.message)
        self.recovery.wake()

    def _close(self) -> None:
        self.is_open = False
        self._spool.rest()
        self.substitute.forget_refused()
        log.info("store is back", away_s=round(self._clock.now() - self._away_since, 3), replayed=self.replayed, dropped=self.dropped)

    def _tell(self, error: DomainError) -> None:
        if error.message != self._told:
            self._told = error.message
            log.error("store is still away", error=error.message)

    def _replay(self, batch: list[Settlement]) -> bool:
        waiting = batch
        try:
            outcomes = self._ask(batch, self._clock.now())
            waiting = [settlement for settlement, outcome in zip(batch, outcomes, strict=True) if isinstance(outcome, UnavailableError)]
        finally:
            with self._lock:
                self._spool.put_back(waiting)
        self.replayed += len(batch) - len(waiting)
        for settlement, outcome in zip(batch, outcomes, strict=True):
            if isinstance(outcome, UnavailableError):
                self._tell(outcome)
            elif isinstance(outcome, Exception) or (outcome is Settled.UNKNOWN and settlement.record):
                log.error("settlement is lost: the store does not take it", rid=settlement.rid, outcome=str(outcome))
        return not waiting
