"""The composition root: settings → store → servicers → server. The only file that knows everything."""

from __future__ import annotations

import gc
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import grpc
from maas.ratelimit.v1.limits_pb2_grpc import add_LimitsServiceServicer_to_server
from maas_common.auth.principal import Access
from maas_common.clock import Clock, SystemClock
from maas_common.readiness import Readiness
from maas_common.server import Service, run
from prometheus_client import REGISTRY, CollectorRegistry

from maas_ratelimit.adapters.envoy_rls import pack_header
from maas_ratelimit.adapters.journal import Journal
from maas_ratelimit.adapters.journal_writer import JournalWriter
from maas_ratelimit.adapters.memory_changes import Changes
from maas_ratelimit.adapters.memory_recovery import collect, restore
from maas_ratelimit.adapters.memory_store import MemoryBounds, MemoryStore
from maas_ratelimit.adapters.memory_tidying import keep_tidy
from maas_ratelimit.adapters.sole_process import NotAloneError, hold_alone
from maas_ratelimit.core.estimates import Estimates
from maas_ratelimit.core.headers import HeaderWriter
from maas_ratelimit.core.plans import Plans
from maas_ratelimit.metrics import Metrics, StoreFigures
from maas_ratelimit.ports import CounterAdmin, CounterStore, UsageOutbox
from maas_ratelimit.servicers.limits import LimitsServicer
from maas_ratelimit.servicers.should_rate_limit import ShouldRateLimit
from maas_ratelimit.settings import RatelimitSettings

NAME = "ratelimit"
ACCESS = {"maas.ratelimit.v1.LimitsService": Access.USER_OR_WORKLOAD}
"""The servicer tells administrators from others itself."""
_STOP_S = 5.0


@dataclass(frozen=True, slots=True)
class Counting:
    """A store and what belongs to it."""

    store: CounterStore
    admin: CounterAdmin
    figures: StoreFigures
    outbox: UsageOutbox
    background: list[Callable[[], Awaitable[None]]]


def build(settings: RatelimitSettings, clock: Clock | None = None, registry: CollectorRegistry = REGISTRY) -> Service:
    """The service, to be called on the event loop that it will run on."""
    clock = clock or SystemClock()
    counting = _in_memory(settings, clock, registry)
    estimates = Estimates()
    hot = ShouldRateLimit(
        store=counting.store,
        clock=clock,
        plans=Plans(),
        estimates=estimates,
        headers=HeaderWriter(settings.headers, pack_header),
        metrics=Metrics(counting.figures, registry),
        strict_output=settings.strict_output_tokens,
    )

    def register(server: grpc.aio.Server) -> None:
        servicer = LimitsServicer(counting.store, counting.admin, estimates, clock)
        add_LimitsServiceServicer_to_server(servicer, server)

    return Service(
        NAME,
        settings,
        Readiness(),
        ACCESS,
        register,
        hot=[hot.method()],
        engine=settings.engine,
        background=counting.background,
        clock=clock,
    )


def _in_memory(settings: RatelimitSettings, clock: Clock, registry: CollectorRegistry) -> Counting:
    store = MemoryStore(
        MemoryBounds(
            reservation_ttl_s=settings.reservation_ttl_s,
            settled_ttl_s=settings.settled_ttl_s,
            max_counters=settings.max_counters,
            max_reservations=settings.max_reservations,
        ),
        Changes(),
    )
    path = Path(settings.state_dir) / "journal.sqlite"
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    journal = Journal(path, clock, max_events=settings.max_usage_events)
    restore(store, journal.load(), clock.now())
    writer = JournalWriter(journal, partial(collect, store), registry)

    async def keep_journal() -> None:
        writer.start()
        try:
            await writer.watch()
        finally:
            writer.stop(_STOP_S)
            journal.close()

    return Counting(store, store, store, journal.outbox, [partial(keep_tidy, store, clock), keep_journal])


def main() -> None:
    """Console script `maas-ratelimit`."""
    settings = RatelimitSettings.load("maas-ratelimit", "Counts requests and tokens for Envoy: reserves on arrival, settles at the end.")
    try:
        alone = hold_alone(settings.state_dir)
    except NotAloneError as error:
        sys.exit(f"maas-ratelimit: {error}")

    def start() -> Service:
        service = build(settings)
        gc.freeze()  # the garbage collector need not look at all that is there from the start whenever requests have left enough behind
        return service

    with alone:
        run(NAME, settings, start)
