"""Every store that the contract holds for, and the plain model itself."""

from __future__ import annotations

import atexit
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from typing import Any

from maas_common.testing import FakeClock
from maas_ratelimit.adapters.memory_changes import Changes
from maas_ratelimit.adapters.memory_store import MemoryBounds, MemoryStore
from maas_ratelimit.adapters.redis_admin import RedisAdmin
from maas_ratelimit.core.counting import Account, Claim, Settlement
from maas_ratelimit.core.events import BudgetPassed, Usage, read_line
from maas_ratelimit.core.plans import Plan

from services.ratelimit.tests.contract.plain_model import PlainModel
from services.ratelimit.tests.redis_servers import Server, redis_cluster, redis_store

RESERVATION_TTL_S = 3600
SETTLED_TTL_S = 600


@dataclass(frozen=True)
class Counting:
    """A store, the clock it goes by, and how to look behind it."""

    store: Any
    admin: Any
    """The CounterAdmin to it."""
    clock: FakeClock
    lines: Callable[[], list[str]]
    """Every line that its outbox ever held."""
    sweep: Callable[[], None]
    """Has it let go at once of everything past its time."""
    restart: Callable[[], None] | None = None
    """Ends its process and begins the next, for stores that outlive theirs."""

    def events(self) -> list[Usage | BudgetPassed]:
        """What its outbox was told, oldest first."""
        return [read_line(line) for line in self.lines()]


def counting_in_memory(clock: FakeClock) -> Counting:
    changes = Changes()
    store = MemoryStore(MemoryBounds(reservation_ttl_s=RESERVATION_TTL_S, settled_ttl_s=SETTLED_TTL_S), changes)

    def sweep() -> None:
        while store.tidy(clock.now()):
            pass

    return Counting(store, store, clock, lambda: list(changes.events), sweep)


def counting_plainly(clock: FakeClock) -> Counting:
    model = PlainModel(RESERVATION_TTL_S, SETTLED_TTL_S)
    return Counting(model, model, clock, lambda: list(model.lines), lambda: model.pass_time(clock.now()))


def counting_in_redis(clock: FakeClock) -> Counting:
    store = redis_store(clock.now)
    return _over_the_network(store, clock, [store.nodes.of("")])


def counting_in_a_redis_cluster(clock: FakeClock) -> Counting:
    servers = _cluster()
    clients = [server.client() for server in servers]
    for client in clients:
        client.flushall()
    return _over_the_network(redis_store(clock.now, url=servers[0].url, cluster=True), clock, clients)


def _over_the_network(store: Any, clock: FakeClock, clients: Sequence[Any]) -> Counting:
    def lines() -> list[str]:
        found = [entry for client in clients for key in client.keys("*:events") for entry in client.xrange(key)]
        return [fields[b"line"].decode() for _, fields in sorted(found, key=lambda entry: tuple(map(int, entry[0].split(b"-"))))]

    def sweep() -> None:
        """Every call does it for its tenant, and time goes on for that one alone."""
        for tenant in TENANTS:
            nobody = Account(_NO_LIMITS, tenant, ())
            store.run([Claim("f" * 32, nobody, (), (), ""), Settlement("f" * 32, nobody, (), "", is_undone=True)], now=clock.now())

    return Counting(store, RedisAdmin(store, clock.now), clock, lines, sweep)


@cache
def _cluster() -> list[Server]:
    """It ends when this process does."""
    stack = ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(redis_cluster())


TENANTS = ("default", "acme")
_NO_LIMITS = Plan.parse("1")
STORES = {"model": counting_plainly, "memory": counting_in_memory, "redis": counting_in_redis, "redis-cluster": counting_in_a_redis_cluster}
