"""The composition root: settings → store → servicers → server."""

from __future__ import annotations

import asyncio
import gc
import sys
from contextlib import nullcontext
from dataclasses import replace

import grpc
from maas.ratelimit.v1.limits_pb2_grpc import add_LimitsServiceServicer_to_server
from maas_common.auth.principal import Access
from maas_common.auth.remote_roles import RemoteRoles
from maas_common.channels import connect
from maas_common.clock import Clock, SystemClock
from maas_common.errors import DomainError
from maas_common.readiness import Readiness
from maas_common.server import Service, run
from prometheus_client import REGISTRY, CollectorRegistry

from maas_ratelimit.adapters.envoy_rls import pack_header
from maas_ratelimit.adapters.sole_process import NotAloneError, hold_alone
from maas_ratelimit.adapters.usage.forwarder import UsageForwarder
from maas_ratelimit.adapters.usage.metrics import UsageMetrics
from maas_ratelimit.core.estimates import Estimates
from maas_ratelimit.core.headers import HeaderWriter
from maas_ratelimit.core.plans import Plans
from maas_ratelimit.in_memory import Counting, in_memory
from maas_ratelimit.metrics import Metrics
from maas_ratelimit.servicers.limits import LimitsServicer
from maas_ratelimit.servicers.should_rate_limit import ShouldRateLimit
from maas_ratelimit.settings import RatelimitSettings

NAME = "ratelimit"
ACCESS = {
    "maas.ratelimit.v1.LimitsService": Access.PEOPLE,
    "maas.ratelimit.v1.LimitsService/Peek": Access.PEOPLE_OR_WORKLOAD,
}
_LAST_EVENTS_S = 3.0
_PAUSES_S = 1.0


def build(
    settings: RatelimitSettings,
    clock: Clock | None = None,
    registry: CollectorRegistry = REGISTRY,
    keys: grpc.aio.Channel | None = None,
) -> Service:
    """The service, to be called on the event loop that it will run on. DomainError when its store is not fit.

    Without `keys` people's roles are those of settings.
    """
    clock = clock or SystemClock()
    counting = _counting(settings, clock, registry)
    estimates = Estimates()
    hot = ShouldRateLimit(
        store=counting.store,
        clock=clock,
        plans=Plans(),
        estimates=estimates,
        headers=HeaderWriter(settings.headers, pack_header),
        metrics=Metrics(registry),
        strict_output=settings.strict_output_tokens,
    )

    def register(server: grpc.aio.Server) -> None:
        servicer = LimitsServicer(counting.store, counting.admin, estimates, clock)
        add_LimitsServiceServicer_to_server(servicer, server)

    async def forward_usage() -> None:
        await _forward_usage(settings, counting, registry)

    return Service(
        NAME,
        settings,
        Readiness(),
        ACCESS,
        register,
        hot=[hot.method()],
        engine=settings.engine,
        background=[*counting.background, forward_usage],
        clock=clock,
        roles=RemoteRoles(keys, settings.workload_secret(), settings.roles_by_group(), clock) if keys else None,
    )


def _counting(settings: RatelimitSettings, clock: Clock, registry: CollectorRegistry) -> Counting:
    if not settings.redis_url:
        return in_memory(settings, clock, registry)
    from maas_ratelimit.in_redis import in_redis  # noqa: PLC0415 - who counts in memory need not wait for it when the service starts

    return in_redis(settings, clock, registry)


async def _forward_usage(settings: RatelimitSettings, counting: Counting, registry: CollectorRegistry) -> None:
    """Also begins what the store needs, and ends it: what was counted last is to be kept or brought to keys before."""
    counting.start()
    try:
        async with connect(settings.keys_address) as channel:
            forwarder = UsageForwarder(counting.outbox, channel, settings.workload_secret(), UsageMetrics(registry, counting.dropped))
            try:
                await forwarder.run()
            finally:
                await asyncio.to_thread(counting.flush)
                await forwarder.drain(_LAST_EVENTS_S)
    finally:
        counting.close()


async def _keep_pauses_short() -> None:
    """Takes what has lived for a while out of the garbage collector's sight; never returns.

    It looks at everything that lives, now and then: with a million counters that takes a second. Counters leave without it.
    """
    while True:
        gc.collect()
        gc.freeze()
        await asyncio.sleep(_PAUSES_S)


def main() -> None:
    """Console script `maas-ratelimit`."""
    settings = RatelimitSettings.load("maas-ratelimit", "Counts requests and tokens for Envoy: reserves on arrival, settles at the end.")
    try:
        alone = nullcontext() if settings.redis_url else hold_alone(settings.state_dir)
    except NotAloneError as error:
        sys.exit(f"maas-ratelimit: {error}")

    def start() -> Service:
        try:
            service = build(settings, keys=connect(settings.keys_address))
        except DomainError as error:
            raise RuntimeError(error.message) from error.__cause__
        return replace(service, background=[*service.background, _keep_pauses_short])

    with alone:
        run(NAME, settings, start)
