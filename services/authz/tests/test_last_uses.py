"""When keys were last used reaches the keys service in batches."""

from __future__ import annotations

import asyncio

import structlog
from maas_authz.adapters.last_uses import LastUses
from maas_common.channels import connect
from maas_common.testing import WORKLOAD_SECRET


def test_uses_are_told_by_and_by_and_the_last_ones_at_the_stop(in_world):
    async def scenario(world):
        key, other = world.mint(), world.mint()
        at = int(world.clock.now())
        assert await world.status(key.text) == 200
        assert await world.status(key.text, method="GET", path="/v1/models") == 200
        await told(world.keys)
        assert world.keys.uses == [{key.id: at}]
        world.clock.advance(5)
        assert await world.status(other.text) == 200
        world.following[-1].cancel()
        await asyncio.wait(world.following[-1:])
        assert {key_id: used for uses in world.keys.uses[1:] for key_id, used in uses.items()} == {other.id: at + 5}

    in_world(scenario, last_used_every_s=0.05)


def test_what_was_refused_is_no_use(in_world):
    async def scenario(world):
        used, revoked, elsewhere = world.mint(), world.mint(status="revoked"), world.mint(allowed_ips=["10.0.0.0/8"])
        assert [await world.status(key.text) for key in (used, revoked, elsewhere)] == [200, 401, 403]
        assert await world.status(world.mint().text, model="none") == 404
        world.following[-1].cancel()
        await asyncio.wait(world.following[-1:])
        assert [list(uses) for uses in world.keys.uses] == [[used.id]]

    in_world(scenario)


async def told(keys) -> None:
    async with asyncio.timeout(20):
        await keys.told_uses.wait()
    keys.told_uses.clear()


def in_report(peers, scenario, **given) -> None:
    async def main() -> None:
        async with peers() as all_of_them, connect(all_of_them.address("keys")) as channel:
            uses = LastUses(channel, workload_secret=WORKLOAD_SECRET, **{"every_s": 0.05, "at_most": 10_000} | given)
            reporting = asyncio.ensure_future(uses.keep_reporting())
            await scenario(all_of_them, uses)
            reporting.cancel()
            await asyncio.wait([reporting])

    asyncio.run(main())


def test_what_cannot_be_told_is_kept_and_newer_uses_win(peers):
    async def scenario(all_of_them, uses):
        keys = all_of_them.keys
        keys.refusing_uses = True
        uses.note("a", 100.9)
        uses.note("b", 101.0)
        with structlog.testing.capture_logs() as lines:
            await told(keys)
            await told(keys)
        assert ("last uses not reported", 2) in [(line["event"], line.get("keys")) for line in lines]
        uses.note("a", 200.0)
        keys.refusing_uses = False
        keys.uses.clear()
        await told(keys)
        while {"a": 200, "b": 101} not in keys.uses:
            await told(keys)

    in_report(peers, scenario)


def test_many_are_told_in_several_messages_and_each_once(peers):
    async def scenario(all_of_them, uses):
        for number in range(2_500):
            uses.note(f"k{number}", number)
        while sum(map(len, all_of_them.keys.uses)) < 2_500:
            await told(all_of_them.keys)
        assert [len(each) for each in all_of_them.keys.uses] == [1000, 1000, 500]
        assert {key_id for each in all_of_them.keys.uses for key_id in each} == {f"k{number}" for number in range(2_500)}

    in_report(peers, scenario)


def test_no_more_keys_are_noted_than_there_is_room_for(peers):
    async def scenario(all_of_them, uses):
        for key_id, at in (("a", 1), ("b", 2), ("c", 3), ("a", 4)):
            uses.note(key_id, at)
        await told(all_of_them.keys)
        assert all_of_them.keys.uses == [{"a": 4, "b": 2}]

    in_report(peers, scenario, at_most=2)


def test_who_is_told_to_stop_while_telling_tells_once_more(peers):
    async def main() -> None:
        async with peers() as all_of_them, connect(all_of_them.address("keys")) as channel:
            keys = all_of_them.keys
            uses = LastUses(channel, workload_secret=WORKLOAD_SECRET, every_s=0.01, at_most=10)
            holding = asyncio.Event()
            record = keys.RecordLastUsed

            async def held(request, context):
                keys.told_uses.set()
                await holding.wait()
                return await record(request, context)

            keys.RecordLastUsed = held
            await all_of_them.stop("keys")
            await all_of_them.start("keys")
            uses.note("a", 1)
            reporting = asyncio.ensure_future(uses.keep_reporting())
            await told(keys)
            reporting.cancel()
            holding.set()
            await asyncio.wait([reporting])
            assert keys.uses[-1] == {"a": 1}

    asyncio.run(main())


def test_nothing_is_told_when_nothing_was_used(peers):
    async def main() -> None:
        async with peers() as all_of_them, connect(all_of_them.address("keys")) as channel:
            uses = LastUses(channel, workload_secret=WORKLOAD_SECRET, every_s=60, at_most=10)
            reporting = asyncio.ensure_future(uses.keep_reporting())
            await asyncio.sleep(0)
            reporting.cancel()
            await asyncio.wait([reporting])
            assert all_of_them.keys.uses == []

    asyncio.run(main())


def test_keys_that_are_gone_keep_nobody_from_stopping(peers):
    async def main() -> None:
        async with peers() as all_of_them, connect(all_of_them.address("keys")) as channel:
            await all_of_them.stop("keys")
            uses = LastUses(channel, workload_secret=WORKLOAD_SECRET, every_s=60, at_most=10)
            uses.note("a", 1)
            reporting = asyncio.ensure_future(uses.keep_reporting())
            await asyncio.sleep(0)
            reporting.cancel()
            async with asyncio.timeout(20):
                await asyncio.wait([reporting])
            assert reporting.cancelled()
            await all_of_them.start("keys")

    asyncio.run(main())
