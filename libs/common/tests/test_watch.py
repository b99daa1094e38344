"""Acknowledged enforcement: a write waits for everybody connected, and names those that lag."""

from __future__ import annotations

import asyncio

from maas_common.watch import WatchHub


def test_a_write_waits_until_every_watcher_has_confirmed():
    async def scenario() -> None:
        hub = WatchHub(5)
        with hub.join("a") as first, hub.join("b") as second:
            hub.publish(6)
            waiting = asyncio.create_task(hub.enforced(6, within_s=60))
            first.ack(6)
            await asyncio.sleep(0)
            assert not waiting.done()
            second.ack(7)
            assert (await waiting).enforced

    asyncio.run(scenario())


def test_laggards_are_named_when_the_wait_ends():
    async def scenario() -> None:
        hub = WatchHub()
        with hub.join("b"), hub.join("a"), hub.join("quick") as quick:
            quick.ack(1)
            result = await hub.enforced(1, within_s=0)
            assert (result.enforced, result.lagging, result.revision) == (False, ("a", "b"), 1)

    asyncio.run(scenario())


def test_a_watcher_that_leaves_is_not_waited_for():
    async def scenario() -> None:
        hub = WatchHub()
        waiting = None
        with hub.join("a"):
            waiting = asyncio.create_task(hub.enforced(1, within_s=60))
            await asyncio.sleep(0)
        assert (await waiting).enforced

    asyncio.run(scenario())


def test_a_watcher_sees_the_newest_revision_or_the_heartbeat_time():
    async def scenario() -> None:
        hub = WatchHub(3)
        with hub.join("a") as watcher:
            assert await watcher.beyond(2, within_s=60) == 3
            assert await watcher.beyond(3, within_s=0) == 3
            waiting = asyncio.create_task(watcher.beyond(3, within_s=60))
            await asyncio.sleep(0)
            hub.publish(9)
            hub.publish(8)
            assert await waiting == 9

    asyncio.run(scenario())
