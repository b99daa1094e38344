from __future__ import annotations

import asyncio
import threading
from contextlib import asynccontextmanager, suppress

import grpc
import pytest
from maas.keys.v1.usage_pb2 import RecordUsageResponse
from maas.keys.v1.usage_pb2_grpc import UsageServiceServicer, add_UsageServiceServicer_to_server
from maas_common.errors import UnavailableError
from maas_common.testing import WORKLOAD, WORKLOAD_SECRET, FakeClock
from maas_ratelimit.adapters.journal.journal import Batch, Journal
from maas_ratelimit.adapters.usage.forwarder import UsageForwarder
from maas_ratelimit.adapters.usage.metrics import UsageMetrics
from maas_ratelimit.core.events import BudgetPassed, budget_line, record, usage_line
from prometheus_client import CollectorRegistry
from pydantic import SecretStr
from structlog.testing import capture_logs

LONG_S = 60.0


def rid(number):
    return f"{number:032x}"


def line(number, **facts):
    who = {"tenant": "default", "key": "k1", "user": "https://idp|ann", "team": "-", "tier": "free", "group": "g", "model": "small"}
    text = record([*(who | facts).values(), "100/200/50"], [11, 22, None, 33, 5, 200])
    return usage_line(rid(number), "measured", 1_000, 2_000, text)


PASSED = budget_line(BudgetPassed("default", "b:cost:1d:team", "red", 80, 81, 100, 1_800_000_000, 1_799_999_999_000))


class Keys(UsageServiceServicer):
    """What keys would keep, and how it answers."""

    def __init__(self):
        self.sizes = []
        self.metadata = []
        self.kept = []
        self.budgets = []
        self.changed = asyncio.Event()
        self.refuse = lambda _request: None
        """The status that a call ends with, and its words."""

    async def RecordUsage(self, request, context):
        self.sizes.append(len(request.records) + len(request.budgets_passed))
        self.metadata.append(context.invocation_metadata())
        self.changed.set()
        if refusal := self.refuse(request):
            await context.abort(*refusal)
        self.kept += request.records
        self.budgets += request.budgets_passed
        return RecordUsageResponse(recorded=len(request.records))

    async def until(self, is_so):
        async with asyncio.timeout(LONG_S):
            while not is_so():
                self.changed.clear()
                await self.changed.wait()

    @property
    def rids(self):
        return [int(each.request_id, 16) for each in self.kept]


class World:
    def __init__(self, journal, keys, channel):
        self.journal = journal
        self.keys = keys
        self.registry = CollectorRegistry()
        self.pauses = []
        self.paused = asyncio.Event()
        self.forwarder = UsageForwarder(
            journal.outbox,
            channel,
            SecretStr(WORKLOAD_SECRET),
            UsageMetrics(self.registry, lambda: journal.outbox.dropped),
            self._sleep,
        )

    async def _sleep(self, seconds):
        self.pauses.append(seconds)
        self.paused.set()
        await asyncio.sleep(0)

    def add(self, *lines):
        self.journal.write(Batch([], [], [], [], [], list(lines)))

    def metric(self, name):
        return self.registry.get_sample_value(f"maas_ratelimit_usage_events_{name}")

    @asynccontextmanager
    async def running(self):
        task = asyncio.create_task(self.forwarder.run())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def until_empty(self):
        """Everything is dealt with, and the figures say so."""
        async with asyncio.timeout(LONG_S):
            while self.journal.outbox.depth() or self.metric("waiting"):
                self.paused.clear()
                await self.paused.wait()


@pytest.fixture
def run(tmp_path):
    """Runs a scenario against an outbox in a file and a server that answers as the scenario says."""

    def run(scenario, max_events=100_000):
        async def main():
            keys, server = Keys(), grpc.aio.server()
            add_UsageServiceServicer_to_server(keys, server)
            port = server.add_insecure_port("127.0.0.1:0")
            await server.start()
            journal = Journal(tmp_path / "journal.db", FakeClock(), max_events=max_events)
            async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
                await scenario(World(journal, keys, channel))
            await server.stop(0)
            journal.close()

        asyncio.run(main())

    return run


def test_every_fact_of_an_event_arrives_with_the_workload_credential(run):
    async def scenario(world):
        world.add(line(1), PASSED)
        async with world.running():
            await world.until_empty()
        (kept,), (budget,) = world.keys.kept, world.keys.budgets
        told = {field.name: value for field, value in kept.ListFields()}
        assert told == {
            "request_id": rid(1),
            "outcome": "measured",
            "admitted_ms": 1_000,
            "ended_ms": 2_000,
            "tenant": "default",
            "key": "k1",
            "user": "https://idp|ann",
            "team": "-",
            "tier": "free",
            "group": "g",
            "model": "small",
            "price": "100/200/50",
            "input_tokens": 11,
            "output_tokens": 22,
            "total_tokens": 33,
            "cost": 5,
            "status": 200,
        }
        assert {field.name: value for field, value in budget.ListFields()} == {
            "tenant": "default",
            "counter": "b:cost:1d:team",
            "subject": "red",
            "percent": 80,
            "used": 81,
            "amount": 100,
            "window_end": 1_800_000_000,
            "at_ms": 1_799_999_999_000,
        }
        assert WORKLOAD[0] in {tuple(each) for each in world.keys.metadata[0]}

    run(scenario)


def test_events_go_oldest_first_by_the_thousand_and_are_not_kept_afterwards(run):
    async def scenario(world):
        world.add(*map(line, range(2500)))
        async with world.running():
            await world.until_empty()
            world.add(line(2500))
            await world.until_empty()
        assert world.keys.sizes == [1000, 1000, 500, 1]
        assert world.keys.rids == list(range(2501))
        assert (world.metric("sent_total"), world.metric("rejected_total"), world.metric("waiting")) == (2501, 0, 0)

    run(scenario)


@pytest.mark.parametrize(
    "status", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.INTERNAL, grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.UNIMPLEMENTED]
)
def test_while_keys_does_not_take_them_events_wait_with_growing_pauses_and_one_line_is_logged(run, status):
    async def scenario(world):
        world.keys.refuse = lambda _: (status, "down")
        world.add(*map(line, range(3)))
        with capture_logs() as logs:
            async with world.running():
                await world.keys.until(lambda: len(world.keys.sizes) >= 12)
                assert world.metric("waiting") == 3
                world.keys.refuse = lambda _: None
                await world.until_empty()
        assert world.keys.rids == [0, 1, 2]
        for place, longest in enumerate([0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10, 10, 10]):
            assert longest / 2 <= world.pauses[place] <= longest
        assert [(each["log_level"], each.get("error")) for each in logs] == [("warning", f"keys: {status.name}: down"), ("info", None)]

    run(scenario)


def test_a_record_that_keys_will_never_take_holds_up_no_other(run):
    bad = {137, 138, 900}

    def refuse(request):
        found = [each.request_id for each in request.records if int(each.request_id, 16) in bad]
        return (grpc.StatusCode.INVALID_ARGUMENT, f"request_id: {found[0]} is odd") if found else None

    async def scenario(world):
        world.keys.refuse = refuse
        world.add(*map(line, range(1000)))
        with capture_logs() as logs:
            async with world.running():
                await world.until_empty()
        assert world.keys.rids == [number for number in range(1000) if number not in bad]
        assert len(world.keys.sizes) < 60
        assert (world.metric("sent_total"), world.metric("rejected_total")) == (997, 3)
        assert [(each["log_level"], each["reason"], each["line"]) for each in logs] == [
            ("error", f"request_id: {rid(number)} is odd", line(number)) for number in sorted(bad)
        ]

    run(scenario)


@pytest.mark.parametrize(
    "broken", ["x\x1fnonsense", line(7).replace("33", "many"), line(7).replace("33", "-5"), line(7).replace("33", str(2**64))]
)
def test_a_line_that_says_nothing_holds_up_no_other(run, broken):
    async def scenario(world):
        world.add(line(1), broken, line(2))
        async with world.running():
            await world.until_empty()
        assert world.keys.rids == [1, 2]
        assert world.metric("rejected_total") == 1

    run(scenario)


def test_a_call_that_is_too_large_is_made_smaller(run):
    async def scenario(world):
        world.keys.refuse = lambda request: (grpc.StatusCode.RESOURCE_EXHAUSTED, "too large") if len(request.records) > 100 else None
        world.add(*map(line, range(1000)))
        async with world.running():
            await world.until_empty()
        assert world.keys.rids == list(range(1000))

    run(scenario)


def test_a_single_event_is_not_given_up_for_being_too_much_just_now(run):
    async def scenario(world):
        world.keys.refuse = lambda _: (grpc.StatusCode.RESOURCE_EXHAUSTED, "busy")
        world.add(line(1), line(2))
        async with world.running():
            await world.keys.until(lambda: len(world.keys.sizes) >= 5)
            world.keys.refuse = lambda _: None
            await world.until_empty()
        assert world.keys.rids == [1, 2]
        assert world.metric("rejected_total") == 0

    run(scenario)


def test_events_that_the_outbox_had_to_drop_are_counted(run):
    async def scenario(world):
        world.add(*map(line, range(25)))
        async with world.running():
            await world.until_empty()
        assert world.keys.rids == list(range(15, 25))
        assert world.metric("dropped_total") == 15

    run(scenario, max_events=10)


def test_an_outbox_that_fails_for_a_while_loses_nothing(run):
    async def scenario(world):
        failing = {"take": 2, "done": 2}
        outbox = world.journal.outbox

        class Failing:
            depth = staticmethod(outbox.depth)

            def take(self, at_most):
                return self._call("take", outbox.take, at_most)

            def done(self, events):
                return self._call("done", outbox.done, events)

            def _call(self, name, method, argument):
                if failing[name]:
                    failing[name] -= 1
                    raise UnavailableError(f"can't {name}")
                return method(argument)

        world.forwarder._outbox = Failing()
        world.add(line(1), line(2))
        with capture_logs() as logs:
            async with world.running():
                await world.until_empty()
        assert set(world.keys.rids) == {1, 2}
        assert world.metric("sent_total") == 2
        assert [each.get("error") for each in logs] == ["can't take", None]

    run(scenario)


def test_draining_sends_what_run_had_in_hand_and_what_came_after(run):
    async def scenario(world):
        world.keys.refuse = lambda _: (grpc.StatusCode.UNAVAILABLE, "down")
        world.add(line(1))
        async with world.running():
            await world.keys.until(lambda: len(world.keys.sizes) >= 2)
        world.keys.refuse = lambda _: None
        world.add(*map(line, range(2, 1500)))
        await world.forwarder.drain(LONG_S)
        assert world.keys.rids == list(range(1, 1500))
        assert world.journal.outbox.depth() == 0

    run(scenario)


def test_draining_ends_when_keys_can_not_be_reached(run):
    async def scenario(world):
        world.keys.refuse = lambda _: (grpc.StatusCode.UNAVAILABLE, "down")
        world.add(line(1))
        with capture_logs() as logs:
            await world.forwarder.drain(LONG_S)
        assert [each["error"] for each in logs] == ["keys: UNAVAILABLE: down"]
        assert world.journal.outbox.depth() == 1

    run(scenario)


def test_draining_ends_when_its_time_is_up(run):
    async def scenario(world):
        world.keys.refuse = lambda _: None
        asked, answer = asyncio.Event(), asyncio.Event()

        async def hangs(request, context):
            asked.set()
            await answer.wait()
            return RecordUsageResponse()

        world.keys.RecordUsage = hangs
        world.add(line(1))
        with capture_logs() as logs:
            await world.forwarder.drain(0.0)
        assert [each["error"] for each in logs] == ["not all were sent in 0.0 s"]
        assert world.journal.outbox.depth() == 1
        answer.set()

    run(scenario)


def test_what_is_being_taken_when_run_is_cancelled_is_sent_by_the_drain(run):
    async def scenario(world):
        asked, go = asyncio.Event(), threading.Event()
        outbox, loop = world.journal.outbox, asyncio.get_running_loop()

        class Slow:
            depth = staticmethod(outbox.depth)
            done = staticmethod(outbox.done)

            def take(self, at_most):
                loop.call_soon_threadsafe(asked.set)
                assert go.wait(LONG_S)
                return outbox.take(at_most)

        world.forwarder._outbox = Slow()
        world.add(line(1))
        async with world.running():
            await asked.wait()
        go.set()
        await world.forwarder.drain(LONG_S)
        assert world.keys.rids == [1]

    run(scenario)
