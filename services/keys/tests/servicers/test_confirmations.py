"""A change waits for the watchers of every replica on one PostgreSQL."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from maas_common.errors import UnavailableError
from maas_common.sql import open_database
from maas_common.testing.databases import postgres_database
from maas_common.watch import WatchHub
from maas_keys.adapters.notifications import Notifications
from maas_keys.adapters.replicas import CHANNEL, REPLICAS, Alone, SqlReplicas
from maas_keys.servicers.confirmations import Confirmations, Patience

PATIENT_S = 60.0
"""A wait that no test reaches: what must not be waited for would fail by timeout."""
NOW = {"enforcement_wait_s": 0.0}


class Node:
    """A replica: its watchers, and what it makes of everybody's."""

    def __init__(self, hub, confirmations, background):
        self.hub = hub
        self._confirmations = confirmations
        self._background = background

    @asynccontextmanager
    async def watched(self, name, confirmed=0):
        with self.hub.join(name) as watcher:
            await self._confirmations.joined()
            watcher.ack(confirmed)
            yield watcher

    async def lagging(self, revision):
        return (await self._confirmations.enforced(revision)).lagging

    async def dies(self):
        """Gone without a word; nothing of it runs any more."""
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)


@pytest.fixture
def url(postgres):
    with postgres_database(postgres) as made:
        engine = open_database(made)
        REPLICAS.create(engine)
        engine.dispose()
        yield made


class Doomed(SqlReplicas):
    """One that gets no chance to say farewell."""

    async def leave(self, here):
        pass


@pytest.fixture
def replica(url):
    @asynccontextmanager
    async def opened(name, *, kind=SqlReplicas, listens=True, **patience):
        engine, hub = open_database(url), WatchHub(remember_s=PATIENT_S)
        defaults = {"enforcement_wait_s": PATIENT_S, "poll_s": PATIENT_S, "replica_heartbeat_s": PATIENT_S, "remember_s": PATIENT_S}
        confirmations = Confirmations(hub, kind(engine, name), Patience(**defaults | patience))
        work = [confirmations.run()] + ([Notifications(engine, {CHANNEL: hub.wake}).run()] if listens else [])
        node = Node(hub, confirmations, [asyncio.ensure_future(one) for one in work])
        try:
            yield node
        finally:
            await node.dies()
            engine.dispose()

    return opened


async def until(node, revision, expected):
    """Ask until that is the answer; the test's time is the limit."""
    while await node.lagging(revision) != expected:
        pass


def test_a_change_is_enforced_only_when_the_other_replicas_watcher_has_confirmed_it(replica):
    async def scenario():
        async with replica("keys-a") as a, replica("keys-b") as b, b.watched("authz-2", confirmed=4) as watcher:
            await until(a, 4, ())
            writing = asyncio.create_task(a.lagging(5))
            async with a.watched("authz-1", confirmed=5):
                assert not writing.done()
            watcher.ack(5)
            # Left at the end of its block: it may still decide by what it knew, here or there.
            async with b.watched("authz-1", confirmed=5):
                assert await writing == ()

    asyncio.run(scenario())


def test_who_lags_is_named_with_the_replica(replica):
    async def scenario():
        async with AsyncExitStack() as stack:
            a = await stack.enter_async_context(replica("keys-a", **NOW))
            b = await stack.enter_async_context(replica("keys-b"))
            await stack.enter_async_context(a.watched("authz-1", confirmed=4))
            await stack.enter_async_context(b.watched("authz-2"))
            assert await a.lagging(5) == ("authz-1", "authz-2 at keys-b")

    asyncio.run(scenario())


def test_without_notifications_those_who_wait_look_again_by_themselves(replica):
    async def scenario():
        async with (
            replica("keys-a", listens=False, poll_s=0.01) as a,
            replica("keys-b", listens=False) as b,
            b.watched("authz-2") as watcher,
        ):
            writing = asyncio.create_task(a.lagging(5))
            watcher.ack(5)
            assert await writing == ()

    asyncio.run(scenario())


def test_a_watcher_that_went_from_one_replica_to_the_other_is_waited_for_there(replica):
    async def scenario():
        async with replica("keys-a", **NOW) as a, replica("keys-b", **NOW) as b:
            async with b.watched("authz-1", confirmed=5):
                await until(a, 5, ())
            await until(a, 5, ("authz-1 (not connected)",))
            async with a.watched("authz-1", confirmed=4) as watcher:
                assert await b.lagging(5) == ("authz-1 at keys-a",)
                watcher.ack(5)
                await until(a, 5, ())
                await until(b, 5, ())
                await watcher.farewell()
            await until(b, 5, ())

    asyncio.run(scenario())


def test_a_replica_gone_without_a_word_lags_then_its_watchers_do_until_they_are_back(replica):
    async def scenario():
        async with (
            replica("keys-a", replica_heartbeat_s=0.1, **NOW) as a,
            replica("keys-b", kind=Doomed, replica_heartbeat_s=0.1) as b,
            b.watched("authz-2", confirmed=4),
        ):
            await until(a, 4, ())
            await b.dies()
            assert await a.lagging(5) == ("authz-2 at keys-b",)
            await until(a, 5, ("authz-2 (not connected)",))
            async with a.watched("authz-2", confirmed=5):
                await until(a, 5, ())

    asyncio.run(scenario())


def test_watchers_of_a_lost_replica_are_forgotten_when_they_can_not_decide_any_more(replica):
    async def scenario():
        settings = {"replica_heartbeat_s": 0.05, "remember_s": 0.5}
        async with replica("keys-a", **settings) as a, replica("keys-b", kind=Doomed, **settings) as b, b.watched("authz-2"):
            await b.dies()
            assert await a.lagging(5) == ()

    asyncio.run(scenario())


def test_a_replica_that_stops_in_order_leaves_its_watchers_to_the_others(replica):
    async def scenario():
        async with replica("keys-a", **NOW) as a:
            async with replica("keys-b") as b:
                async with b.watched("authz-1"):
                    pass
                async with b.watched("authz-2") as other:
                    await other.farewell()
            assert await a.lagging(5) == ("authz-1 (not connected)",)

    asyncio.run(scenario())


class Recorded(Alone):
    """Hears how often a replica says that it is there."""

    def __init__(self, *, fails):
        self.told = 0
        self.fails = fails

    async def tell(self, here):
        self.told += 1
        if self.fails:
            raise UnavailableError("the keys database does not answer just now; try again")


@pytest.mark.parametrize("fails", [False, True])
def test_a_replica_says_that_it_is_there_however_often_it_is_woken_and_whatever_became_of_it(fails):
    async def scenario():
        hub, replicas = WatchHub(), Recorded(fails=fails)
        patience = Patience(enforcement_wait_s=0, poll_s=PATIENT_S, replica_heartbeat_s=0.01, remember_s=PATIENT_S)
        running = asyncio.create_task(Confirmations(hub, replicas, patience).run())
        while replicas.told < 4:
            hub.wake()
            await asyncio.sleep(0)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(scenario())


def test_who_is_alone_waits_for_its_own_watchers():
    async def scenario():
        hub = WatchHub(settle_s=PATIENT_S)
        patience = Patience(enforcement_wait_s=0, poll_s=PATIENT_S, replica_heartbeat_s=PATIENT_S, remember_s=PATIENT_S)
        confirmations = Confirmations(hub, Alone(), patience)
        with hub.join("authz-1"):
            assert (await confirmations.enforced(1)).lagging == ("authz-1", "watchers from before the start (not connected)")

    asyncio.run(scenario())
