"""WatchCatalog as authz meets it."""

from __future__ import annotations

import asyncio

import grpc
from maas.registry.v1 import catalog_pb2 as pb
from maas.registry.v1 import tiers_pb2
from maas_common.testing import WORKLOAD


def kind(response: pb.WatchCatalogResponse) -> str:
    return response.WhichOneof("message")


async def rest(watch) -> list[pb.WatchCatalogResponse]:
    """All that comes until the watch ends."""
    seen = []
    while (response := await watch.call.read()) is not grpc.aio.EOF:
        seen.append(response)
    return seen


async def fill(world):
    await world.add_tier("free", 0, groups=["system:authenticated"])
    return await world.add_model("a", tiers=["free"])


def test_a_watch_begins_with_everything_and_its_revision(in_world):
    async def scenario(world):
        model = await fill(world)
        response = await (await world.watch()).read()
        assert (kind(response), response.revision) == ("snapshot", model.enforcement.revision)
        assert [tier.name for tier in response.snapshot.tiers] == ["free"]
        (shown,) = response.snapshot.models
        assert (shown.id, shown.url, list(shown.tiers), shown.published_to) == ("a", "http://a.example/v1", ["free"], "tiers")
        assert shown.state == ""

    in_world(scenario)


def test_every_change_follows_with_its_revision(in_world):
    async def scenario(world):
        await fill(world)
        watch = await world.watch()
        before = await watch.take()

        adding = asyncio.create_task(world.add_model("b"))
        response = await watch.take()
        assert (kind(response), response.revision) == ("change", before.revision + 1)
        assert [model.id for model in response.change.models] == ["b"]
        assert (await adding).enforcement.revision == response.revision

        removing = asyncio.create_task(world.delete_model("a"))
        response = await watch.take()
        assert list(response.change.deleted_models) == ["a"]
        assert (await removing).enforcement.enforced

    in_world(scenario)


def test_a_deleted_tier_and_the_models_it_leaves_are_one_change(in_world):
    async def scenario(world):
        await fill(world)
        await world.add_tier("gold", 1)
        watch = await world.watch()
        await watch.take()
        deleting = asyncio.ensure_future(world.tiers.DeleteTier(tiers_pb2.DeleteTierRequest(name="free"), metadata=world.admin))
        response = await watch.take()
        assert list(response.change.deleted_tiers) == ["free"]
        assert [(model.id, list(model.tiers)) for model in response.change.models] == [("a", [])]
        assert (await deleting).enforcement.enforced

    in_world(scenario)


def test_a_watch_resumes_with_what_it_missed(in_world):
    async def scenario(world):
        seen = (await fill(world)).enforcement.revision
        await world.add_model("b")
        await world.delete_model("a")
        last = await world.add_tier("gold", 1)
        watch = await world.watch(resume_after=seen)
        response = await watch.read()
        assert (kind(response), response.revision) == ("change", last.enforcement.revision)
        assert [model.id for model in response.change.models] == ["b"]
        assert list(response.change.deleted_models) == ["a"]
        assert [tier.name for tier in response.change.tiers] == ["gold"]

    in_world(scenario)


def test_a_watch_that_missed_nothing_is_told_so(in_world):
    async def scenario(world):
        seen = (await fill(world)).enforcement.revision
        watch = await world.watch(resume_after=seen)
        response = await watch.read()
        assert (kind(response), response.revision) == ("heartbeat", seen)

    in_world(scenario)


def test_a_watch_from_too_far_back_or_from_another_log_begins_anew(in_world):
    async def scenario(world):
        seen = (await fill(world)).enforcement.revision
        for model_id in ("b", "c", "d"):
            last = await world.add_model(model_id)
        newest = last.enforcement.revision
        for resume_after, expected in ((seen, "snapshot"), (newest + 1, "snapshot"), (1, "snapshot"), (newest - 2, "change")):
            assert kind(await (await world.watch(resume_after=resume_after)).read()) == expected

    in_world(scenario, history=2)


def test_what_was_missed_outlives_a_restart_of_the_registry(open_world):
    async def main():
        async with open_world() as world:
            seen = (await fill(world)).enforcement.revision
            await world.delete_model("a")
        async with open_world() as world:
            response = await (await world.watch(resume_after=seen)).read()
            assert (kind(response), list(response.change.deleted_models)) == ("change", ["a"])

    asyncio.run(main())


def test_heartbeats_come_while_nothing_changes(in_world):
    async def scenario(world):
        seen = (await fill(world)).enforcement.revision
        watch = await world.watch()
        await watch.take()
        for _ in range(3):
            response = await watch.read()
            assert (kind(response), response.revision) == ("heartbeat", seen)

    in_world(scenario, heartbeat_s=0.01)


def test_a_change_by_another_registry_on_the_same_database_is_noticed(open_world, database_url):
    async def main():
        shared = {"database_url": database_url}
        async with open_world(poll_s=0.01, **shared) as one, open_world(migrate_at_start=False, **shared) as other:
            watch = await one.watch()
            await watch.take()
            await other.add_model("from-elsewhere")
            response = await watch.read()
            assert [model.id for model in response.change.models] == ["from-elsewhere"]

    asyncio.run(main())


def test_a_watch_that_begins_otherwise_is_refused(in_world, refused):
    async def scenario(world):
        async def answer(*requests):
            return await refused(world.catalog.WatchCatalog(iter(requests), metadata=WORKLOAD).read())

        invalid = grpc.StatusCode.INVALID_ARGUMENT
        assert (await answer()).code is invalid
        refusal = await answer(pb.WatchCatalogRequest(ack=1))
        assert (refusal.code, refusal.fields) == (invalid, ["start"])
        assert (await answer(pb.WatchCatalogRequest(start={"watcher": ""}))).fields == ["start.watcher"]

    in_world(scenario)


def test_a_second_start_ends_a_watch(in_world, refused):
    async def scenario(world):
        watch = await world.watch()
        await watch.read()
        await watch.call.write(pb.WatchCatalogRequest(start={"watcher": "again"}))
        refusal = await refused(rest(watch))
        assert (refusal.code, refusal.fields) == (grpc.StatusCode.INVALID_ARGUMENT, ["start"])

    in_world(scenario)


def test_a_watch_ends_when_its_watcher_says_no_more(in_world):
    async def scenario(world):
        watch = await world.watch()
        await watch.read()
        await watch.call.done_writing()
        assert {kind(response) for response in await rest(watch)} <= {"heartbeat"}
        assert (await world.add_tier("gold", 1)).enforcement.enforced

    in_world(scenario)
