"""ADS as an Envoy meets it: delta, clusters only."""

from __future__ import annotations

import asyncio
import itertools

import grpc
from envoy.config.cluster.v3.cluster_pb2 import Cluster
from maas.registry.v1 import models_pb2
from maas_common.testing import WORKLOAD

CDS = "type.googleapis.com/envoy.config.cluster.v3.Cluster"
PROBES = itertools.count()
SECRET = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"


def names(response):
    return [resource.name for resource in response.resources]


def versions(response):
    return {resource.name: resource.version for resource in response.resources}


async def fill(world, *model_ids):
    for model_id in model_ids:
        await world.add_model(model_id)


async def quiet(envoy):
    """The registry has heard all that this Envoy said, and has nothing more to tell it."""
    probe = f"type.googleapis.com/probe.{next(PROBES)}"
    await envoy.say(type_url=probe)
    assert (await envoy.read()).type_url == probe


def test_an_envoy_gets_a_cluster_for_every_model_published_or_not(in_world):
    async def scenario(world):
        await fill(world, "b", "a.1")
        response = await (await world.envoy()).read()
        assert (response.type_url, names(response)) == (CDS, ["asset.a.1", "asset.b"])
        cluster = Cluster()
        assert response.resources[0].resource.Unpack(cluster)
        assert cluster.name == "asset.a.1"
        assert cluster.load_assignment.endpoints[0].lb_endpoints[0].endpoint.address.socket_address.address == "a.1.example"

    in_world(scenario)


def test_an_empty_catalogue_is_an_answer_too(in_world):
    async def scenario(world):
        response = await (await world.envoy()).read()
        assert (response.type_url, names(response), list(response.removed_resources)) == (CDS, [], [])

    in_world(scenario)


def test_only_what_changes_follows(in_world):
    async def scenario(world):
        await fill(world, "a", "b")
        envoy = await world.envoy()
        before = versions(await envoy.take())

        adding = asyncio.create_task(world.add_model("c"))
        assert names(await envoy.take()) == ["asset.c"]
        await adding

        update = models_pb2.UpdateModelRequest(id="a", url="http://elsewhere.example/v1")
        updating = asyncio.ensure_future(world.models.UpdateModel(update, metadata=world.admin))
        after = versions(await envoy.take())
        assert list(after) == ["asset.a"]
        assert after["asset.a"] != before["asset.a"]
        await updating

        removing = asyncio.create_task(world.delete_model("b"))
        response = await envoy.take()
        assert (names(response), list(response.removed_resources)) == ([], ["asset.b"])
        await removing

    in_world(scenario)


def test_a_change_that_touches_no_cluster_is_not_sent(in_world):
    async def scenario(world):
        await fill(world, "a")
        envoy = await world.envoy()
        await envoy.take()
        update = models_pb2.UpdateModelRequest(id="a", description="New words.")
        assert (await world.models.UpdateModel(update, metadata=world.admin)).enforcement.enforced
        await quiet(envoy)

    in_world(scenario)


def test_other_types_are_answered_once_with_nothing(in_world):
    async def scenario(world):
        envoy = await world.envoy(type_url=SECRET, resource_names_subscribe=["provider.asset.a"])
        response = await envoy.take()
        assert (response.type_url, names(response), list(response.removed_resources)) == (SECRET, [], [])
        await envoy.say(type_url=SECRET, resource_names_subscribe=["provider.asset.b"])
        await envoy.say()
        assert (await envoy.read()).type_url == CDS

    in_world(scenario)


def test_an_envoy_that_asks_for_no_clusters_holds_nobody_up(in_world):
    async def scenario(world):
        envoy = await world.envoy(type_url=SECRET)
        await envoy.take()
        model = await world.add_model("m")
        assert (model.enforcement.enforced, model.state) == (True, "pending")

    in_world(scenario)


def test_an_envoy_that_reconnects_gets_only_what_it_missed(open_world):
    async def main():
        async with open_world() as world:
            await fill(world, "same", "moved", "gone")
            have = versions(await (await world.envoy()).take())
        async with open_world() as world:
            await world.delete_model("gone")
            update = models_pb2.UpdateModelRequest(id="moved", url="http://elsewhere.example/v1")
            await world.models.UpdateModel(update, metadata=world.admin)
            await world.add_model("new")
            envoy = await world.envoy(initial_resource_versions=have)
            response = await envoy.take()
            assert (names(response), list(response.removed_resources)) == (["asset.moved", "asset.new"], ["asset.gone"])
            await quiet(envoy)
            assert (await world.model("same")).state == "ready"

    asyncio.run(main())


def test_an_envoy_may_ask_for_some_clusters_by_name(in_world):
    async def scenario(world):
        await fill(world, "a", "b")
        envoy = await world.envoy(resource_names_subscribe=["asset.a", "asset.later"])
        response = await envoy.take()
        assert (names(response), list(response.removed_resources)) == (["asset.a"], ["asset.later"])
        assert (await world.add_model("other")).enforcement.enforced
        adding = asyncio.create_task(world.add_model("later"))
        assert names(await envoy.take()) == ["asset.later"]
        assert (await adding).state == "ready"
        await envoy.say(resource_names_subscribe=["asset.b"], resource_names_unsubscribe=["asset.a"])
        assert names(await envoy.take()) == ["asset.b"]
        assert (await world.delete_model("a")).enforcement.enforced
        await quiet(envoy)

    in_world(scenario)


def test_states_follow_the_envoys(in_world):
    async def scenario(world):
        async def state():
            model = await world.model("m")
            return model.state, model.state_reason

        await fill(world, "m")
        assert await state() == ("pending", "")
        one, two = await world.envoy("one"), await world.envoy("two")
        await one.take()
        first = await two.read()
        await quiet(one)
        assert await state() == ("pending", "")
        await two.nack(first, "asset.m: out of luck")
        await quiet(two)
        assert await state() == ("rejected", "out of luck")
        two.call.cancel()
        async with asyncio.timeout(60):
            while await state() != ("ready", ""):
                pass  # until the registry has seen it go

    in_world(scenario)


def test_of_several_clusters_refused_together_only_the_one_at_fault_is_rejected(in_world):
    async def scenario(world):
        await fill(world, "a", "b", "bad", "c", "d")
        envoy = await world.envoy()
        sizes = []
        for _ in range(5):
            response = await envoy.read()
            sizes.append(len(names(response)))
            if "asset.bad" in names(response):
                await envoy.nack(response, "Error adding/updating cluster(s) asset.bad: no such file")
            else:
                await envoy.ack(response)
        await quiet(envoy)
        assert sizes == [5, 2, 3, 1, 2]
        listed = await world.models.ListModels(models_pb2.ListModelsRequest(), metadata=world.admin)
        states = {model.id: model.state for model in listed.models}
        assert states == {"a": "ready", "b": "ready", "bad": "rejected", "c": "ready", "d": "ready"}
        assert (await world.model("bad")).state_reason == "no such file"

    in_world(scenario)


def test_an_envoy_that_says_no_more_is_let_go(in_world):
    async def scenario(world):
        envoy = await world.envoy()
        await envoy.take()
        await envoy.call.done_writing()
        assert await envoy.call.read() is grpc.aio.EOF
        assert (await world.add_model("m")).enforcement.enforced

    in_world(scenario)


def test_a_stream_on_which_nothing_is_said_ends_quietly(in_world):
    async def scenario(world):
        call = world.ads.DeltaAggregatedResources(iter([]), metadata=WORKLOAD)
        assert await call.read() is grpc.aio.EOF

    in_world(scenario)
