"""Changes return when they are obeyed, or say by whom they are not yet."""

from __future__ import annotations

import asyncio

import grpc
from envoy.service.discovery.v3 import ads_pb2_grpc
from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryRequest
from maas.registry.v1 import catalog_pb2, catalog_pb2_grpc, models_pb2
from maas_common.testing import WORKLOAD

CLUSTER = "type.googleapis.com/envoy.config.cluster.v3.Cluster"
SHORT = 0.2


async def undisturbed(world, *tasks):
    """After the registry has answered others, these have not come to an end."""
    for _ in range(3):
        await world.models.ListModels(models_pb2.ListModelsRequest(), metadata=world.admin)
    assert not any(task.done() for task in tasks)


def test_a_change_returns_when_every_watcher_has_confirmed_it(in_world):
    async def scenario(world):
        one, two = await world.watch("one"), await world.watch("two")
        await one.take()
        await two.take()
        creating = asyncio.create_task(world.add_tier("free", 0))
        first, second = await one.read(), await two.read()
        await one.ack(first.revision)
        await undisturbed(world, creating)
        await two.ack(second.revision)
        assert (await creating).enforcement.enforced

    in_world(scenario)


def test_a_change_names_who_has_not_confirmed_it_in_time(in_world):
    async def scenario(world):
        ready, stuck, envoy = await world.watch("ready"), await world.watch("stuck"), await world.envoy("gw-7")
        await envoy.take()
        await ready.take()
        await stuck.read()
        creating = asyncio.create_task(world.add_model("m"))
        await ready.take()
        enforcement = (await creating).enforcement
        assert (enforcement.enforced, list(enforcement.lagging)) == (False, ["envoy/gw-7", "stuck"])

    in_world(scenario, enforcement_wait_s=SHORT)


def test_a_watcher_that_says_farewell_is_not_waited_for(in_world):
    async def scenario(world):
        watch = await world.watch()
        await watch.take()
        creating = asyncio.create_task(world.add_tier("free", 0))
        await watch.read()
        await watch.call.done_writing()
        assert (await creating).enforcement.enforced

    in_world(scenario, remember_watchers_s=300)


def test_a_watcher_whose_connection_broke_is_named_because_it_may_still_decide(in_world):
    async def scenario(world):
        watch = await world.watch("authz-7")
        await watch.take()
        creating = asyncio.create_task(world.add_tier("free", 0))
        await watch.read()
        watch.call.cancel()
        assert list((await creating).enforcement.lagging) == ["authz-7 (not connected)"]
        await (await world.watch("authz-7")).take()
        creating = asyncio.create_task(world.add_tier("gold", 1))
        assert list((await creating).enforcement.lagging) == ["authz-7"]

    in_world(scenario, enforcement_wait_s=SHORT, remember_watchers_s=300)


def test_right_after_a_start_nothing_is_claimed_for_watchers_that_have_not_come_back(in_world):
    async def scenario(world):
        assert list((await world.add_tier("free", 0)).enforcement.lagging) == ["watchers from before the start (not connected)"]

    in_world(scenario, enforcement_wait_s=SHORT, settle_s=300)


def test_a_confirmation_of_what_was_never_sent_confirms_nothing(in_world):
    async def scenario(world):
        watch = await world.watch()
        await watch.ack((await watch.read()).revision + 1_000_000)
        creating = asyncio.create_task(world.add_tier("free", 0))
        await watch.read()
        await undisturbed(world, creating)
        watch.call.cancel()
        await creating

    in_world(scenario)


def test_a_new_model_reaches_envoy_before_it_reaches_watchers(in_world):
    async def scenario(world):
        watch, envoy = await world.watch(), await world.envoy()
        await watch.take()
        await envoy.take()
        creating, told = asyncio.create_task(world.add_model("m")), asyncio.create_task(watch.read())
        response = await envoy.read()
        assert [resource.name for resource in response.resources] == ["asset.m"]
        await undisturbed(world, creating, told)
        await envoy.ack(response)
        assert [model.id for model in (await told).change.models] == ["m"]
        await undisturbed(world, creating)
        await watch.ack((await told).revision)
        model = await creating
        assert (model.state, model.enforcement.enforced) == ("ready", True)

    in_world(scenario)


def test_a_removed_model_leaves_watchers_before_it_leaves_envoy(in_world):
    async def scenario(world):
        await world.add_model("m")
        watch, envoy = await world.watch(), await world.envoy()
        await watch.take()
        await envoy.take()
        removing, removed = asyncio.create_task(world.delete_model("m")), asyncio.create_task(envoy.read())
        response = await watch.read()
        assert list(response.change.deleted_models) == ["m"]
        await undisturbed(world, removing, removed)
        await watch.ack(response.revision)
        assert list((await removed).removed_resources) == ["asset.m"]
        await undisturbed(world, removing)
        await envoy.ack(await removed)
        assert (await removing).enforcement.enforced

    in_world(scenario)


def test_an_envoy_that_is_stuck_delays_watchers_but_does_not_stop_them(in_world):
    async def scenario(world):
        watch, envoy = await world.watch(), await world.envoy()
        await watch.take()
        await envoy.take()
        creating = asyncio.create_task(world.add_model("m"))
        await envoy.read()
        assert [model.id for model in (await watch.take()).change.models] == ["m"]
        model = await creating
        assert (model.state, list(model.enforcement.lagging)) == ("pending", ["envoy/gw-1"])

    in_world(scenario, enforcement_wait_s=SHORT)


def test_a_watcher_that_is_stuck_delays_the_removal_of_a_cluster_but_does_not_stop_it(in_world):
    async def scenario(world):
        await world.add_model("m")
        watch, envoy = await world.watch("stuck"), await world.envoy()
        await watch.take()
        await envoy.take()
        removing = asyncio.create_task(world.delete_model("m"))
        await watch.read()
        assert list((await envoy.take()).removed_resources) == ["asset.m"]
        assert list((await removing).enforcement.lagging) == ["stuck"]

    in_world(scenario, enforcement_wait_s=SHORT)


def test_a_refusal_by_envoy_ends_the_wait_and_is_shown_as_the_models_state(in_world):
    async def scenario(world):
        watch, envoy = await world.watch(), await world.envoy()
        await watch.take()
        await envoy.take()
        creating = asyncio.create_task(world.add_model("m"))
        await envoy.nack(await envoy.read(), "Error adding/updating cluster(s) asset.m: no such file")
        await watch.take()
        model = await creating
        assert (model.enforcement.enforced, model.state, model.state_reason) == (True, "rejected", "no such file")
        assert (await world.model("m")).state_reason == "no such file"

    in_world(scenario)


def test_changes_made_at_once_are_all_obeyed_when_they_return(in_world):
    async def scenario(world):
        watch, envoy = await world.watch(), await world.envoy()
        await watch.take()
        await envoy.take()
        seen = set()

        async def follow():
            while True:
                response = await watch.read()
                seen.update(model.id for model in response.change.models)
                await watch.ack(response.revision)

        async def add(model_id):
            model = await world.add_model(model_id)
            assert (model_id in seen, model.state, model.enforcement.enforced) == (True, "ready", True)

        async with envoy.following():
            following = asyncio.create_task(follow())
            await asyncio.gather(*(add(f"m{n}") for n in range(10)))
            following.cancel()

    in_world(scenario)


def test_a_watcher_that_resumes_where_it_was_holds_nobody_up(in_world):
    async def scenario(world):
        slow = await world.watch("slow")
        await slow.take()
        creating = asyncio.create_task(world.add_tier("free", 0))
        revision = (await slow.read()).revision
        back = await world.watch("back", resume_after=revision)
        assert (await back.read()).WhichOneof("message") == "heartbeat"
        await slow.ack(revision)
        assert (await creating).enforcement.enforced

    in_world(scenario)


def test_streams_end_when_the_service_stops(open_world, refused):
    async def main():
        async with open_world() as world:
            channel = grpc.aio.insecure_channel(f"127.0.0.1:{world.port}")  # one that outlives the service
            watch = catalog_pb2_grpc.CatalogServiceStub(channel).WatchCatalog(metadata=WORKLOAD)
            await watch.write(catalog_pb2.WatchCatalogRequest(start={"watcher": "w"}))
            await watch.read()
            envoy = ads_pb2_grpc.AggregatedDiscoveryServiceStub(channel).DeltaAggregatedResources(metadata=WORKLOAD)
            await envoy.write(DeltaDiscoveryRequest(node={"id": "gw"}, type_url=CLUSTER))
            await envoy.read()
        for call in (watch, envoy):
            assert (await refused(call.read())).code is grpc.StatusCode.UNAVAILABLE
        await channel.close()

    asyncio.run(main())
