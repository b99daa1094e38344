"""From the journal to the database of a real keys service, which comes and goes."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress

import grpc
import pytest
from maas_common.server import serve
from maas_common.sql import open_database
from maas_common.testing import WORKLOAD_SECRET, FakeClock
from maas_keys.app import build
from maas_keys.settings import KeysSettings
from maas_ratelimit.adapters.journal.journal import Batch, Journal
from maas_ratelimit.adapters.usage.forwarder import UsageForwarder
from maas_ratelimit.adapters.usage.metrics import UsageMetrics
from maas_ratelimit.core.events import BudgetPassed, budget_line, record, usage_line
from prometheus_client import CollectorRegistry
from pydantic import SecretStr
from sqlalchemy import text

LONG_S = 60.0


def ended(number, outcome="measured", total=3):
    facts = ["default", "k", "https://idp|änn", "-", "free", "g", "small", "-"]
    return usage_line(f"{number:032x}", outcome, 1_000, 2_000, record(facts, [1, 2, None, total, 0, 200]))


def passed(number):
    return budget_line(BudgetPassed("default", "b:cost:1d:team", f"team {number}", 80, 81, 100, 1_800_000_000, 1))


class World:
    def __init__(self, folder):
        (folder / "pepper").write_text("p1:" + "5a" * 32)
        (folder / "workload").write_text(WORKLOAD_SECRET)
        self._folder = folder
        self._port = 0
        self._paused = asyncio.Event()

    @asynccontextmanager
    async def keys(self):
        """keys, on the port that it had before."""
        settings = KeysSettings(
            port=self._port,
            metrics_port=0,
            database_url=f"sqlite:///{self._folder}/keys.db",
            pepper_file=self._folder / "pepper",
            workload_secret_file=self._folder / "workload",
            shutdown_grace_s=0,
        )
        async with serve(build(settings, FakeClock())) as running:
            self._port = running.port
            yield

    @asynccontextmanager
    async def ratelimit(self):
        """The journal and the forwarder of one process; killed at the end: nothing is drained."""

        async def sleep(_seconds):
            self._paused.set()
            await asyncio.sleep(0)

        journal = Journal(self._folder / "journal.db", FakeClock(), max_events=100_000)
        async with grpc.aio.insecure_channel(f"127.0.0.1:{self._port}", _QUICKLY) as channel:
            forwarder = UsageForwarder(journal.outbox, channel, SecretStr(WORKLOAD_SECRET), UsageMetrics(CollectorRegistry()), sleep)
            task = asyncio.create_task(forwarder.run())
            yield journal
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        journal.close()

    async def paused(self):
        """A new round of the forwarder has ended, with nothing left to do or with keys away."""
        async with asyncio.timeout(LONG_S):
            for _ in range(2):
                self._paused.clear()
                await self._paused.wait()

    async def emptied(self, journal):
        while journal.outbox.depth():
            await self.paused()

    def kept(self, table):
        engine = open_database(f"sqlite:///{self._folder}/keys.db")
        with engine.connect() as connection:
            rows = [tuple(row) for row in connection.execute(text(_QUERIES[table]))]
        engine.dispose()
        return rows


_QUERIES = {
    "records": "SELECT request_id, outcome, total_tokens FROM usage_records ORDER BY request_id",
    "budgets": "SELECT subject FROM budgets_passed ORDER BY subject",
}
_QUICKLY = [("grpc.initial_reconnect_backoff_ms", 20), ("grpc.min_reconnect_backoff_ms", 20), ("grpc.max_reconnect_backoff_ms", 20)]


def write(journal, *lines):
    journal.write(Batch([], [], [], [], [], list(lines)))


@pytest.mark.timeout(120)
def test_everything_arrives_once_however_keys_and_ratelimit_come_and_go(tmp_path):
    async def scenario():
        world = World(tmp_path)
        async with world.keys(), world.ratelimit() as journal:
            write(journal, *map(ended, range(1500)))
            await world.emptied(journal)
        async with world.ratelimit() as journal:  # keys is down
            write(journal, *map(ended, range(1500, 3000)), passed(1), ended(5000, outcome="expired", total=0))
            await world.paused()
            assert journal.outbox.depth() == 1502
        async with world.ratelimit() as journal:  # it was killed
            write(journal, *map(ended, range(2990, 3500)), ended(5000, total=9), passed(1), passed(2))
            assert journal.outbox.depth() == 2015
            async with world.keys():
                await world.emptied(journal)
        assert world.kept("records") == [*[(f"{n:032x}", "measured", 3) for n in range(3500)], (f"{5000:032x}", "measured", 9)]
        assert world.kept("budgets") == [("team 1",), ("team 2",)]

    asyncio.run(scenario())


def test_what_keys_took_but_ratelimit_did_not_live_to_hear_of_is_kept_once(tmp_path):
    async def scenario():
        world = World(tmp_path)
        async with world.keys():
            async with world.ratelimit() as journal:
                outbox, heard = journal.outbox, asyncio.Event()
                loop = asyncio.get_running_loop()
                outbox.done = lambda _: loop.call_soon_threadsafe(heard.set)  # killed before this
                write(journal, *map(ended, range(10)))
                await heard.wait()
            async with world.ratelimit() as journal:
                assert journal.outbox.depth() == 10
                await world.emptied(journal)
        assert world.kept("records") == [(f"{n:032x}", "measured", 3) for n in range(10)]

    asyncio.run(scenario())
