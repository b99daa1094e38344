"""ShouldRateLimit on a store that answers later, as one across the network does; and what becomes of callers that do not wait."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import grpc
import pytest
from envoy.service.ratelimit.v3 import rls_pb2
from maas_common.readiness import Readiness
from maas_common.server import Service, serve
from maas_common.testing import WORKLOAD, FakeClock
from maas_ratelimit.adapters.envoy_rls import METHOD, pack_header
from maas_ratelimit.adapters.memory_store import MemoryBounds, MemoryStore
from maas_ratelimit.core.headers import HeaderWriter
from maas_ratelimit.core.plans import Plans
from maas_ratelimit.metrics import Metrics
from maas_ratelimit.servicers.should_rate_limit import ShouldRateLimit
from maas_ratelimit.settings import RatelimitSettings
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

NOW = 1_800_000_030.0
PLAN = "1;r:requests:1:1m:user;t:total_tokens:1000:1m:user"


@dataclass
class LaterStore:
    """Counts in memory at once, and answers when it may."""

    counts: MemoryStore
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)
    counted: asyncio.Event = field(default_factory=asyncio.Event)

    async def admit(self, claim, *, now):
        admission = self.counts.admit(claim, now=now)
        self.counted.set()
        await self.may_answer.wait()
        return admission

    async def settle(self, settlement, *, now):
        settled = self.counts.settle(settlement, now=now)
        self.counted.set()
        await self.may_answer.wait()
        return settled

    async def read(self, account, *, now):
        return self.counts.read(account, now=now)


@dataclass
class World:
    """The service on such a store."""

    store: LaterStore
    hot: ShouldRateLimit
    send: Callable
    registry: CollectorRegistry

    async def until_outstanding(self, number: int) -> None:
        """Calls go on meanwhile: each gives the service a chance to hear of what happened to the others."""
        async with asyncio.timeout(10):
            while self.store.counts.outstanding != number:
                await self.send(rls_pb2.RateLimitRequest(domain="other").SerializeToString())


@asynccontextmanager
async def world(engine, files) -> AsyncIterator[World]:
    loop = asyncio.get_running_loop()
    clock, registry = FakeClock(NOW), CollectorRegistry()
    store = LaterStore(MemoryStore(MemoryBounds()))
    hot = ShouldRateLimit(
        store=store,
        clock=clock,
        plans=Plans(),
        headers=HeaderWriter(["x-ratelimit"], pack_header),
        metrics=Metrics(store.counts, registry),
        spawn=lambda work: asyncio.run_coroutine_threadsafe(work, loop),
    )
    settings = RatelimitSettings(port=0, metrics_port=0, **files)
    service = Service("ratelimit", settings, Readiness(), {}, register=id, hot=[hot.method()], engine=engine, clock=clock)
    async with serve(service) as running, grpc.aio.insecure_channel(f"127.0.0.1:{running.port}") as channel:
        call = channel.unary_unary(METHOD)
        yield World(store, hot, lambda payload: call(payload, metadata=WORKLOAD), registry)


@pytest.fixture(params=["native", "grpcio"])
def run(request, files):
    def run(scenario) -> None:
        async def main() -> None:
            async with world(request.param, files) as there:
                await scenario(there)

        asyncio.run(main())

    return run


@pytest.fixture
def admit(wire):
    return lambda number: wire["packed"](wire["admit"](number, PLAN))


@pytest.fixture
def settle(wire):
    return lambda number, **entries: wire["packed"](wire["settle"](number, PLAN) | entries)


def code(answer: bytes) -> int:
    return rls_pb2.RateLimitResponse.FromString(answer).overall_code


def test_it_is_answered_when_the_store_has_answered(run, admit, settle):
    async def scenario(world) -> None:
        first = world.send(admit(1))
        await world.store.counted.wait()
        assert not first.done()
        world.store.may_answer.set()
        assert [code(await first), code(await world.send(admit(2)))] == [1, 2]
        assert code(await world.send(settle(1, total="42"))) == 1
        assert world.registry.get_sample_value("maas_ratelimit_tokens_total", {"outcome": "measured"}) == 42

    run(scenario)


def test_what_only_the_store_finds_wrong_is_refused_and_logged(run, admit, settle):
    async def scenario(world) -> None:
        world.store.may_answer.set()
        await world.send(settle(1, total="42"))
        for payload, said in ((admit(1), "has ended"), (settle(2, plan="junk"), "nothing is reserved")):
            with capture_logs() as logs, pytest.raises(grpc.aio.AioRpcError, match=said) as refused:
                await world.send(payload)
            assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
            assert [log["event"] for log in logs] == ["rate limit request refused"]

    run(scenario)


def test_an_admission_whose_caller_has_left_is_undone(run, admit):
    async def scenario(world) -> None:
        call = world.send(admit(1))
        await world.store.counted.wait()
        assert world.store.counts.outstanding == 1
        call.cancel()
        await world.until_outstanding(0)
        world.store.may_answer.set()
        assert code(await world.send(admit(2))) == 1  # the one request there is was given back

    run(scenario)


def test_a_settle_whose_caller_has_left_stays_settled(run, admit, settle):
    async def scenario(world) -> None:
        world.store.may_answer.set()
        await world.send(admit(1))
        world.store.may_answer.clear()
        world.store.counted.clear()
        call = world.send(settle(1, total="42"))
        await world.store.counted.wait()
        call.cancel()
        world.store.may_answer.set()
        world.hot.undelivered(settle(1, total="42"))
        assert code(await world.send(settle(1, total="42"))) == 1
        assert world.registry.get_sample_value("maas_ratelimit_settles_total", {"outcome": "duplicate"}) == 1

    run(scenario)
