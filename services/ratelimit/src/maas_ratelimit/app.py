"""The ratelimit service put together: settings, counters in memory, servicers."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Coroutine
from functools import partial
from typing import Any

import grpc
from maas.ratelimit.v1.limits_pb2_grpc import add_LimitsServiceServicer_to_server
from maas_common.auth.principal import Access
from maas_common.clock import Clock, SystemClock
from maas_common.readiness import Readiness
from maas_common.server import Service, run
from prometheus_client import REGISTRY, CollectorRegistry

from maas_ratelimit.adapters.envoy_rls import pack_header
from maas_ratelimit.adapters.memory_store import MemoryBounds, MemoryStore
from maas_ratelimit.adapters.memory_tidying import keep_tidy
from maas_ratelimit.adapters.sole_process import NotAloneError, hold_alone
from maas_ratelimit.core.headers import HeaderWriter
from maas_ratelimit.core.plans import Plans
from maas_ratelimit.metrics import Metrics
from maas_ratelimit.servicers.limits import LimitsServicer
from maas_ratelimit.servicers.should_rate_limit import ShouldRateLimit
from maas_ratelimit.settings import RatelimitSettings

NAME = "ratelimit"
ACCESS = {"maas.ratelimit.v1.LimitsService": Access.USER_OR_WORKLOAD}
"""Peek refuses users who are no administrators itself."""


def build(settings: RatelimitSettings, clock: Clock | None = None, registry: CollectorRegistry = REGISTRY) -> Service:
    """The service, to be called on the event loop that it will run on."""
    clock = clock or SystemClock()
    store = MemoryStore(
        MemoryBounds(
            reservation_ttl_s=settings.reservation_ttl_s,
            settled_ttl_s=settings.settled_ttl_s,
            max_counters=settings.max_counters,
            max_reservations=settings.max_reservations,
        )
    )
    loop = asyncio.get_running_loop()

    def spawn(work: Coroutine[Any, Any, object]) -> object:
        return asyncio.run_coroutine_threadsafe(work, loop)

    hot = ShouldRateLimit(
        store=store,
        clock=clock,
        plans=Plans(),
        headers=HeaderWriter(settings.headers, pack_header),
        metrics=Metrics(store, registry),
        spawn=spawn,
    )

    def register(server: grpc.aio.Server) -> None:
        add_LimitsServiceServicer_to_server(LimitsServicer(store, clock), server)

    return Service(
        NAME,
        settings,
        Readiness(),
        ACCESS,
        register,
        hot=[hot.method()],
        engine=settings.engine,
        background=[partial(keep_tidy, store, clock)],
        clock=clock,
    )


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
