"""Acknowledged enforcement: a write waits for everybody connected, and names those that lag."""

from __future__ import annotations

import asyncio

from maas_common.testing import FakeClock
from maas_common.watch import NOT_BACK, WatchHub


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
            waiting = asyncio.create_task(watcher.beyond(9, within_s=60))
            await asyncio.sleep(0)
            hub.publish(9)
            await asyncio.sleep(0)
            assert not waiting.done()
            hub.publish(10)
            assert await waiting == 10

    asyncio.run(scenario())


def test_a_watcher_whose_connection_broke_is_waited_for_until_it_is_back_or_forgotten():
    async def scenario() -> None:
        clock = FakeClock()
        hub = WatchHub(remember_s=300, monotonic=clock.now)

        async def lagging() -> tuple[str, ...]:
            return (await hub.enforced(1, within_s=0)).lagging

        with hub.join("a"):
            pass
        assert await lagging() == ("a (not connected)",)
        with hub.join("a") as back:
            back.ack(1)
            assert await lagging() == ()
        clock.advance(300)
        assert await lagging() == ()

    asyncio.run(scenario())


def test_a_watcher_that_said_farewell_is_not_waited_for():
    async def scenario() -> None:
        hub = WatchHub(remember_s=300)
        with hub.join("a") as watcher:
            await watcher.farewell()
        assert (await hub.enforced(1, within_s=0)).enforced

    asyncio.run(scenario())


def test_two_streams_of_one_name_are_one_watcher():
    async def scenario() -> None:
        hub = WatchHub(remember_s=300)
        with hub.join("a") as new:
            with hub.join("a"):
                pass
            new.ack(1)
            assert (await hub.enforced(1, within_s=0)).enforced

    asyncio.run(scenario())


def test_nothing_is_claimed_until_watchers_had_time_to_come_back_after_a_start():
    async def scenario() -> None:
        clock = FakeClock()
        hub = WatchHub(settle_s=3, monotonic=clock.now)
        with hub.join("a") as watcher:
            watcher.ack(1)
            assert (await hub.enforced(1, within_s=0)).lagging == (f"{NOT_BACK} (not connected)",)
            clock.advance(3)
            assert (await hub.enforced(1, within_s=0)).enforced

    asyncio.run(scenario())


def test_a_watcher_that_was_connected_elsewhere_is_waited_for_until_it_is_found_or_its_time_is_over():
    async def scenario() -> None:
        clock = FakeClock()
        hub = WatchHub(monotonic=clock.now)
        with hub.join("here") as here:
            here.ack(1)
            hub.miss({"here": 9.0, "a": 3.0, "b": 9.0})
            hub.miss({"a": 2.0})
            assert hub.missing == {"a": 3.0, "b": 9.0}
            assert (await hub.enforced(1, within_s=0)).lagging == ("a (not connected)", "b (not connected)")
            clock.advance(3)
            assert hub.missing == {"b": 6.0}
            waiting = asyncio.create_task(hub.enforced(1, within_s=60))
            await asyncio.sleep(0)
            hub.found(["b", "c"])
            assert (await waiting).enforced

    asyncio.run(scenario())


def test_progress_is_made_when_a_watcher_comes_confirms_or_goes_and_not_when_it_confirms_again():
    async def scenario() -> None:
        hub = WatchHub()
        seen = hub.progress
        with hub.join("a") as watcher:
            assert seen.is_set()
            seen = hub.progress
            watcher.ack(1)
            assert seen.is_set()
            seen = hub.progress
            watcher.ack(1)
            assert not seen.is_set()
        assert seen.is_set()
        assert not hub.progress.is_set()

    asyncio.run(scenario())
