"""ShouldRateLimit on a store that may block, as one across the network does; and what becomes of callers that do not wait."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
import pytest
from envoy.service.ratelimit.v3 import rls_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from maas_common.errors import UnavailableError
from maas_common.readiness import Readiness
from maas_common.server import Service, serve
from maas_common.testing import WORKLOAD, FakeClock
from maas_ratelimit.adapters.envoy_rls import METHOD, pack_header
from maas_ratelimit.adapters.memory.store import MemoryBounds, MemoryStore
from maas_ratelimit.core.counting import Account, Admission, Claim, Settled, Settlement
from maas_ratelimit.core.estimates import Estimates
from maas_ratelimit.core.headers import HeaderWriter
from maas_ratelimit.core.plans import Plan, Plans
from maas_ratelimit.metrics import Metrics
from maas_ratelimit.servicers.should_rate_limit import ShouldRateLimit
from maas_ratelimit.settings import RatelimitSettings
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

NOW = 1_800_000_030.0
PLAN = "1;r:requests:1:1m:user;t:total_tokens:1000:1m:user"


class BlockingStore:
    """Counts in memory, and answers when it may."""

    waits = True

    def __init__(self) -> None:
        self.counts = MemoryStore(MemoryBounds())
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.is_asked = threading.Event()
        self.runs: list[int] = []
        """How many operations came at once."""
        self.is_away = False

    def run(self, operations, *, now):
        self.runs.append(len(operations))
        self.is_asked.set()
        assert self.may_answer.wait(60)
        if self.is_away:
            raise UnavailableError("the store is away")
        return self.counts.run(operations, now=now)

    def read(self, account, *, now):
        return self.counts.read(account, now=now)

    def hold(self) -> None:
        """It answers no more until it may."""
        self.is_asked.clear()
        self.may_answer.clear()


class World:
    """The service on such a store."""

    def __init__(self, store, channel, registry, wire) -> None:
        self.store = store
        self._call = channel.unary_unary(METHOD)
        self._health = health_pb2_grpc.HealthStub(channel)
        self._registry = registry
        self._wire = wire

    def admit(self, number: int, **entries: str):
        return self._send("admit", number, entries)

    def settle(self, number: int, **entries: str):
        return self._send("settle", number, entries)

    async def asked(self) -> None:
        """The store was."""
        assert await asyncio.to_thread(self.store.is_asked.wait, 60)

    async def hears(self) -> None:
        """What this client did before has gone over the wire: another call has, on the same connection."""
        for _ in range(3):
            await self._health.Check(health_pb2.HealthCheckRequest(service=""))

    def metric(self, name: str, outcome: str) -> float | None:
        return self._registry.get_sample_value(f"maas_ratelimit_{name}_total", {"outcome": outcome})

    def used(self, user: str) -> list[tuple[int, int]]:
        states = self.store.read(Account(Plan.parse(PLAN), "default", (user, user)), now=NOW)
        return [(state.used, state.reserved) for state in states]

    def _send(self, kind: str, number: int, entries: dict[str, str]):
        return self._call(self._wire["packed"](self._wire[kind](number, PLAN) | entries), metadata=WORKLOAD)


@asynccontextmanager
async def world(engine, files, wire) -> AsyncIterator[World]:
    clock, registry, store = FakeClock(NOW), CollectorRegistry(), BlockingStore()
    hot = ShouldRateLimit(
        store=store,
        clock=clock,
        plans=Plans(),
        estimates=Estimates(),
        headers=HeaderWriter(["x-ratelimit"], pack_header),
        metrics=Metrics(registry),
        strict_output=4096,
    )
    settings = RatelimitSettings(port=0, metrics_port=0, **files)
    service = Service("ratelimit", settings, Readiness(), {}, register=id, hot=[hot.method()], engine=engine, clock=clock)
    async with serve(service) as running, grpc.aio.insecure_channel(f"127.0.0.1:{running.port}") as channel:
        yield World(store, channel, registry, wire)


@pytest.fixture(params=["native", "grpcio"])
def run(request, files, wire):
    def run(scenario) -> None:
        async def main() -> None:
            async with world(request.param, files, wire) as there:
                await scenario(there)

        asyncio.run(main())

    return run


def code(answer: bytes) -> int:
    return rls_pb2.RateLimitResponse.FromString(answer).overall_code


async def refused(call) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value


def test_it_is_answered_when_the_store_has_answered(run):
    async def scenario(world) -> None:
        world.store.hold()
        first = world.admit(1)
        await world.asked()
        await world.hears()
        assert not first.done()
        world.store.may_answer.set()
        assert [code(await first), code(await world.admit(2))] == [1, 2]
        assert code(await world.settle(1, total="42")) == 1
        assert world.metric("tokens", "measured") == 42

    run(scenario)


def test_what_comes_while_the_store_is_asked_goes_to_it_together(run):
    async def scenario(world) -> None:
        number = 0
        while 5 not in world.store.runs:  # until they all came in time
            users = [f"user{number}-{each}" for each in range(6)]
            world.store.hold()
            first = world.admit(number + 1, user=users[0])
            await world.asked()
            calls = [world.admit(number + 2 + each, user=user) for each, user in enumerate(users[1:])]
            await world.hears()
            world.store.may_answer.set()
            assert {code(answer) for answer in await asyncio.gather(first, *calls)} == {1}
            assert [world.used(user) for user in users] == [[(1, 0), (0, 200)]] * 6
            number += 10

    run(scenario)


def test_of_calls_together_each_gets_its_own_answer(run):
    async def scenario(world) -> None:
        number = 0
        while 4 not in world.store.runs:
            user = f"user{number}"
            world.store.hold()
            first = world.admit(number + 1, user=user)
            await world.asked()
            over, malformed, other, unknown, settle = (
                world.admit(number + 2, user=user),
                world.admit(number + 3, bytes="many"),
                world.admit(number + 4, user=f"other{number}"),
                world.settle(number + 5, plan="7", user=user),
                world.settle(number + 1, user=user, total="42"),
            )
            await world.hears()
            world.store.may_answer.set()
            assert [code(answer) for answer in await asyncio.gather(first, over, other, settle)] == [1, 2, 1, 1]
            assert '"bytes" is "many"' in (await refused(malformed)).details()
            assert "has no account to charge" in (await refused(unknown)).details()
            assert world.used(user) == [(1, 0), (42, 0)]
            number += 10

    run(scenario)


def test_what_only_the_store_finds_wrong_is_refused_and_logged(run):
    async def scenario(world) -> None:
        await world.settle(1, total="42")
        for call, said in ((world.admit, "has ended"), (lambda number: world.settle(number + 1, plan="junk"), "has no account to charge")):
            with capture_logs() as logs:
                error = await refused(call(1))
            assert (error.code(), said in error.details()) == (grpc.StatusCode.INVALID_ARGUMENT, True)
            assert [log["event"] for log in logs] == ["rate limit request refused"]

    run(scenario)


def test_a_store_that_is_away_refuses_and_the_next_is_answered_when_it_is_back(run):
    async def scenario(world) -> None:
        world.store.is_away = True
        error = await refused(world.admit(1))
        assert (error.code(), error.details()) == (grpc.StatusCode.UNAVAILABLE, "the store is away")
        world.store.is_away = False
        assert code(await world.admit(1)) == 1

    run(scenario)


def test_an_admission_whose_caller_has_left_is_undone_after_it_was_counted(run):
    async def scenario(world) -> None:
        number = 0
        while not world.metric("admits", "undelivered"):  # until the service knew of it in time
            user = f"user{number}"
            number += 10
            world.store.hold()
            call = world.admit(number, user=user)
            await world.asked()
            call.cancel()
            await world.hears()
            assert world.metric("admits", "undelivered") == 0  # nothing to undo yet
            world.store.may_answer.set()
            await world.admit(number + 1, user="other")
            await world.admit(number + 2, user="other")
        assert world.used(user) == [(0, 0), (0, 0)]
        assert code(await world.admit(number + 3, user=user)) == 1  # the one request there is was given back

    run(scenario)


def test_an_admission_whose_caller_has_left_before_its_turn_holds_nothing_in_the_end(run):
    async def scenario(world) -> None:
        number = 0
        while not world.metric("admits", "undelivered"):
            user = f"user{number}"
            number += 10
            world.store.hold()
            first = world.admit(number)
            await world.asked()
            leaves = world.admit(number + 1, user=user)
            await world.hears()
            leaves.cancel()
            await world.hears()
            world.store.may_answer.set()
            await first
            await world.admit(number + 2, user="other")
            await world.admit(number + 3, user="other")
        assert world.used(user) == [(0, 0), (0, 0)]

    run(scenario)


def test_a_settle_whose_caller_has_left_stays_settled(run):
    async def scenario(world) -> None:
        await world.admit(1)
        world.store.hold()
        call = world.settle(1, total="42")
        await world.asked()
        call.cancel()
        await world.hears()
        world.store.may_answer.set()
        assert code(await world.settle(1, total="42")) == 1
        assert world.metric("settles", "duplicate") == 1
        assert world.used("https://issuer.example|ann") == [(1, 0), (42, 0)]

    run(scenario)


def test_estimates_are_those_of_settles_that_came_before(run):
    async def scenario(world) -> None:
        for number in range(100):
            await world.settle(number, plan="1", input="800", output="40", total="840")
        await world.admit(1000, max_out="-", user="ben")
        assert world.used("ben") == [(1, 0), (0, 841)]

    run(scenario)


def test_what_goes_on_uncounted_has_no_headers_and_its_settle_waits(run):
    async def scenario(world) -> None:
        uncounted = {Claim: Admission((), (), (), (), NOW, is_counted=False), Settlement: Settled.QUEUED}
        world.store.run = lambda operations, **_: [uncounted[type(each)] for each in operations]
        answer = rls_pb2.RateLimitResponse.FromString(await world.admit(1))
        assert (answer.overall_code, len(answer.response_headers_to_add)) == (1, 0)
        assert code(await world.settle(1, total="42")) == 1
        assert (world.metric("admits", "uncounted"), world.metric("admits", "admitted")) == (1, 0)
        assert world.metric("tokens", "measured") == 42

    run(scenario)


def test_operations_are_claims_and_settlements_in_the_order_they_came(wire):
    store = BlockingStore()
    hot = ShouldRateLimit(
        store=store,
        clock=FakeClock(NOW),
        plans=Plans(),
        estimates=Estimates(),
        headers=HeaderWriter([], pack_header),
        metrics=Metrics(CollectorRegistry()),
        strict_output=4096,
    )
    asked = []
    store.run = lambda operations, *, now: asked.extend(operations) or store.counts.run(operations, now=now)
    kinds = ["admit", "settle", "admit", "admit"]
    hot.handle([wire["packed"](wire[kind](number, PLAN)) for number, kind in enumerate(kinds)])
    assert [(int(each.rid, 16), isinstance(each, Claim)) for each in asked] == [(0, True), (1, False), (2, True), (3, True)]
