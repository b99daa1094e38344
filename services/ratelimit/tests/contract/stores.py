"""Every store that the contract holds for, and the plain model itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from maas_common.testing import FakeClock
from maas_ratelimit.adapters.memory_changes import Changes
from maas_ratelimit.adapters.memory_store import MemoryBounds, MemoryStore
from maas_ratelimit.core.events import BudgetPassed, Usage, read_line

from services.ratelimit.tests.contract.plain_model import PlainModel

RESERVATION_TTL_S = 3600
SETTLED_TTL_S = 600


@dataclass(frozen=True)
class Counting:
    """A store, the clock it goes by, and how to look behind it."""

    store: Any
    clock: FakeClock
    lines: Callable[[], list[str]]
    """Every line that its outbox ever held."""
    sweep: Callable[[], None]
    """Has it let go at once of everything past its time."""

    def events(self) -> list[Usage | BudgetPassed]:
        """What its outbox was told, oldest first."""
        return [read_line(line) for line in self.lines()]


def counting_in_memory(clock: FakeClock) -> Counting:
    changes = Changes()
    store = MemoryStore(MemoryBounds(reservation_ttl_s=RESERVATION_TTL_S, settled_ttl_s=SETTLED_TTL_S), changes)

    def sweep() -> None:
        while store.tidy(clock.now()):
            pass

    return Counting(store, clock, lambda: list(changes.events), sweep)


def counting_plainly(clock: FakeClock) -> Counting:
    model = PlainModel(RESERVATION_TTL_S, SETTLED_TTL_S)
    return Counting(model, clock, lambda: list(model.lines), lambda: model.pass_time(clock.now()))


STORES = {"model": counting_plainly, "memory": counting_in_memory}
