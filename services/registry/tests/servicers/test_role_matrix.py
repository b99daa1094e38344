"""Every role by every method that people call, as docs/roles.md has it."""

from __future__ import annotations

import grpc
import pytest
from maas.registry.v1 import models_pb2, tiers_pb2
from maas_common.auth.roles import TABLE, Role
from maas_common.testing.role_matrix import SETTINGS, Case, caller, cells, expected, methods_of_people, outcomes
from maas_registry.app import ACCESS

PACKAGE = "maas.registry.v1"
URL = "http://m.example/v1"
CASES = {
    "ModelsService/CreateModel": Case(models_pb2.CreateModelRequest(id="new", url=URL)),
    "ModelsService/GetModel": Case(models_pb2.GetModelRequest(id="mine"), models_pb2.GetModelRequest(id="theirs")),
    "ModelsService/ListModels": Case(models_pb2.ListModelsRequest()),
    "ModelsService/UpdateModel": Case(
        models_pb2.UpdateModelRequest(id="mine", description="Better."), models_pb2.UpdateModelRequest(id="theirs", description="Better.")
    ),
    "ModelsService/DeleteModel": Case(models_pb2.DeleteModelRequest(id="mine"), models_pb2.DeleteModelRequest(id="theirs")),
    "TiersService/CreateTier": Case(tiers_pb2.CreateTierRequest(name="new", level=9)),
    "TiersService/GetTier": Case(tiers_pb2.GetTierRequest(name="free")),
    "TiersService/ListTiers": Case(tiers_pb2.ListTiersRequest()),
    "TiersService/UpdateTier": Case(tiers_pb2.UpdateTierRequest(name="free", description="Better.")),
    "TiersService/DeleteTier": Case(tiers_pb2.DeleteTierRequest(name="free")),
    "TiersService/LookupTier": Case(
        tiers_pb2.LookupTierRequest(groups=["system:authenticated"]), tiers_pb2.LookupTierRequest(groups=["board"])
    ),
    "AvailableModelsService/ListAvailableModels": Case(models_pb2.ListAvailableModelsRequest()),
    "AvailableModelsService/GetAvailableModel": Case(
        models_pb2.GetAvailableModelRequest(id="open"), models_pb2.GetAvailableModelRequest(id="theirs"), grpc.StatusCode.NOT_FOUND
    ),
}


@pytest.mark.parametrize("cell", cells(PACKAGE), ids=str)
def test_a_role_reaches_as_far_as_the_table_says(in_world, cell):
    service, _, method = cell.method.removeprefix(f"{PACKAGE}.").partition("/")

    async def scenario(world):
        world.admin = world.people.bearer("root", groups=("admins",))
        await world.add_tier("free", 0, groups=["system:authenticated"])
        await world.add_tier("gold", 1, groups=["board"])
        await world.add_model("theirs")
        await world.add_model("open", published_to="all")
        await world.models.CreateModel(models_pb2.CreateModelRequest(id="mine", url=URL), metadata=caller(world.people, Role.MODEL_OWNER))
        stub = {"ModelsService": world.models, "TiersService": world.tiers, "AvailableModelsService": world.available}[service]
        case = CASES[f"{service}/{method}"]
        assert await outcomes(case, lambda request: getattr(stub, method)(request, metadata=caller(world.people, cell.column))) == expected(
            cell, case
        )

    in_world(scenario, **SETTINGS)


def test_the_table_has_every_method_that_people_may_call():
    assert methods_of_people(ACCESS) == {method for method in TABLE if method.startswith(PACKAGE)}
