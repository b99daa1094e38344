"""AvailableModelsService: the OpenAI API's model list, for whom Envoy let in and for who signs in."""

from __future__ import annotations

import grpc
import pytest
from google.protobuf import json_format
from maas.registry.v1 import models_pb2 as pb
from maas_common.testing import WORKLOAD


async def fill(world):
    for name, level, group in (("free", 0, "system:authenticated"), ("premium", 1, "premium-users")):
        await world.add_tier(name, level, groups=[group])
    await world.add_model("open", published_to="all", owned_by="us", display_name="Open")
    await world.add_model("paid.1", tiers=["premium"])
    await world.add_model("hidden")


async def listed(world, metadata):
    answer = await world.available.ListAvailableModels(pb.ListAvailableModelsRequest(), metadata=metadata)
    assert answer.object == "list"
    return [model.id for model in answer.data]


def of_tier(*names):
    return (*WORKLOAD, *(("x-maas-tier", name) for name in names))


@pytest.mark.parametrize(
    ("tier", "models"),
    [("free", ["open"]), ("premium", ["open", "paid.1"]), ("gone", []), ("-", []), ("", [])],
)
def test_envoy_is_told_the_models_of_the_tier_that_authz_found(in_world, tier, models):
    async def scenario(world):
        await fill(world)
        assert await listed(world, of_tier(tier)) == models

    in_world(scenario)


def test_envoy_without_a_tier_is_told_nothing(in_world):
    async def scenario(world):
        await fill(world)
        assert await listed(world, WORKLOAD) == []

    in_world(scenario)


def test_people_are_told_the_models_of_their_groups_tier_whatever_tier_they_claim(in_world):
    async def scenario(world):
        await fill(world)
        assert await listed(world, world.people.bearer("alice")) == ["open"]
        assert await listed(world, (*world.people.bearer("alice"), ("x-maas-tier", "premium"))) == ["open"]
        assert await listed(world, world.people.bearer("bob", groups=("premium-users",))) == ["open", "paid.1"]

    in_world(scenario)


def test_people_without_a_tier_are_told_nothing(in_world):
    async def scenario(world):
        await world.add_tier("premium", 1, groups=["premium-users"])
        await world.add_model("open", published_to="all")
        assert await listed(world, world.people.bearer("alice")) == []

    in_world(scenario)


def test_a_model_looks_as_in_the_openai_api(in_world):
    async def scenario(world):
        await fill(world)
        model = await world.available.GetAvailableModel(pb.GetAvailableModelRequest(id="open"), metadata=of_tier("free"))
        assert json_format.MessageToDict(model, always_print_fields_with_no_presence=True) == {
            "id": "open",
            "object": "model",
            "created": int(world.clock.now()),
            "owned_by": "us",
            "ready": False,
            "display_name": "Open",
        }

    in_world(scenario)


def test_a_hidden_model_reads_like_one_that_does_not_exist(in_world, refused):
    async def scenario(world):
        await fill(world)

        async def get(model_id, tier):
            call = world.available.GetAvailableModel(pb.GetAvailableModelRequest(id=model_id), metadata=of_tier(tier))
            return await refused(call)

        hidden, unknown = await get("paid.1", "free"), await get("ghost", "free")
        assert hidden == unknown
        assert (hidden.code, hidden.message) == (grpc.StatusCode.NOT_FOUND, "Model not found")

    in_world(scenario)


def test_a_model_is_ready_once_envoy_routes_to_it(in_world):
    async def scenario(world):
        await fill(world)
        envoy = await world.envoy()
        async with envoy.following():
            await world.add_model("new", published_to="all")
            answer = await world.available.ListAvailableModels(pb.ListAvailableModelsRequest(), metadata=of_tier("free"))
            assert {model.id: model.ready for model in answer.data} == {"open": True, "new": True}

    in_world(scenario)
