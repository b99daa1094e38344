"""Every store that the contract holds for, and the plain model itself."""

from __future__ import annotations

import atexit
import sqlite3
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from maas_common.testing import FakeClock
from maas_ratelimit.adapters.journal.journal import Journal
from maas_ratelimit.adapters.memory.changes import Changes
from maas_ratelimit.adapters.memory.recovery import Recorder, restore
from maas_ratelimit.adapters.memory.store import MemoryBounds, MemoryStore
from maas_ratelimit.adapters.redis.admin import RedisAdmin
from maas_ratelimit.core.counting import Account, Claim, Settled, Settlement
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
    tidy: Callable[[], object] = lambda: None
    """Does in its own way what is done now and then in the background."""

    def events(self) -> list[Usage | BudgetPassed]:
        """What its outbox was told, oldest first."""
        return [read_line(line) for line in self.lines()]


def counting_in_memory(clock: FakeClock) -> Counting:
    changes = Changes()
    store = MemoryStore(MemoryBounds(reservation_ttl_s=RESERVATION_TTL_S, settled_ttl_s=SETTLED_TTL_S), changes)

    def sweep() -> None:
        while store.tidy(clock.now()):
            pass

    return Counting(store, store, clock, lambda: list(changes.events), sweep, lambda: store.tidy(clock.now()))


def counting_plainly(clock: FakeClock, model: PlainModel | None = None) -> Counting:
    model = model or PlainModel(RESERVATION_TTL_S, SETTLED_TTL_S)
    return Counting(model, model, clock, lambda: list(model.lines), lambda: model.pass_time(clock.now()))


class Journalled:
    """A memory store with its journal, by the store's own names; its process may be killed and started again."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self._folder = tempfile.TemporaryDirectory(prefix="maas-journal-")
        self._path = Path(self._folder.name) / "journal.sqlite"
        self._start()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def write(self) -> None:
        """Bring what has changed to the journal."""
        batch = self._recorder.collect()
        if batch is not None:
            self._journal.write(batch)

    def kill(self) -> None:
        """What is not in the journal is lost."""
        self._journal.close()
        self._start()

    def lines(self) -> list[str]:
        with closing(sqlite3.connect(self._path)) as reader:
            written = [line for (lines,) in reader.execute("SELECT lines FROM events ORDER BY last") for line in lines.split("\x1e")]
        return written + list(self._store.changes.events)

    def _start(self) -> None:
        self._journal = Journal(self._path, self._clock, max_events=1_000_000)
        bounds = MemoryBounds(reservation_ttl_s=RESERVATION_TTL_S, settled_ttl_s=SETTLED_TTL_S)
        self._store = MemoryStore(bounds, Changes())
        restore(self._store, self._journal.load(), self._clock.now())
        self._recorder = Recorder(self._store, RESERVATION_TTL_S)


def counting_with_a_journal(clock: FakeClock) -> Counting:
    store = Journalled(clock)

    def sweep() -> None:
        while store.tidy(clock.now()):
            pass

    return Counting(store, store, clock, store.lines, sweep)


def counting_in_redis(clock: FakeClock) -> Counting:
    store = redis_store(clock.now)
    return _over_the_network(store, clock, [store.nodes.of("")])


def counting_by_subject(clock: FakeClock) -> Counting:
    """With a hash tag for each few subjects: a claim over several of them is several calls."""
    store = redis_store(clock.now, hash_tag="subject")
    return _over_the_network(store, clock, [store.nodes.of("")], sweep=store.sweep)


def counting_in_a_redis_cluster(clock: FakeClock) -> Counting:
    servers = _cluster()
    clients = [server.client() for server in servers]
    for client in clients:
        client.flushall()
    return _over_the_network(redis_store(clock.now, url=servers[0].url, cluster=True), clock, clients)


def _over_the_network(store: Any, clock: FakeClock, clients: Sequence[Any], sweep: Callable[[], None] | None = None) -> Counting:
    def lines() -> list[str]:
        found = [entry for client in clients for key in client.keys("*:events") for entry in client.xrange(key)]
        return [fields[b"line"].decode() for _, fields in sorted(found, key=lambda entry: tuple(map(int, entry[0].split(b"-"))))]

    def sweep_each() -> None:
        """Every call does some of it for its tenant, and time goes on for that one alone."""
        for tenant in TENANTS:
            nobody = Account(_NO_LIMITS, tenant, ())
            operations = [Claim("f" * 32, nobody, (), (), ""), Settlement("f" * 32, nobody, (), "", is_undone=True)]
            before = -1
            while store.expired != before:
                before = store.expired
                _, settled = store.run(operations, now=clock.now())
                assert settled is Settled.REPLACED

    return Counting(store, RedisAdmin(store, clock.now), clock, lines, sweep or sweep_each, store.sweep)


@cache
def _cluster() -> list[Server]:
    """It ends when this process does."""
    stack = ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(redis_cluster())


TENANTS = ("default", "acme")
_NO_LIMITS = Plan.parse("1")
STORES = {
    "journal": counting_with_a_journal,
    "model": counting_plainly,
    "memory": counting_in_memory,
    "redis": counting_in_redis,
    "redis-by-subject": counting_by_subject,
    "redis-cluster": counting_in_a_redis_cluster,
}
