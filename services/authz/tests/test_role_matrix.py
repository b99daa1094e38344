"""Every role by every method that people call, as docs/roles.md has it."""

from __future__ import annotations

import grpc
import pytest
from maas.authz.v1 import authz_pb2
from maas_authz.app import ACCESS
from maas_common.auth.roles import TABLE
from maas_common.testing.role_matrix import ME, SETTINGS, Case, caller, cells, expected, methods_of_people, outcomes

PACKAGE = "maas.authz.v1"


@pytest.mark.parametrize("cell", cells(PACKAGE), ids=str)
def test_a_role_reaches_as_far_as_the_table_says(in_world, cell):
    method = cell.method.rpartition("/")[2]

    async def scenario(world):
        mine, theirs = world.mint(user=ME).id, world.mint(user="somebody").id
        world.peers.people.add("somebody")
        case = {
            "Explain": Case(
                authz_pb2.ExplainRequest(key_id=mine, model="small"),
                authz_pb2.ExplainRequest(key_id=theirs, model="small"),
                grpc.StatusCode.NOT_FOUND,
            ),
            "GetQuota": Case(authz_pb2.GetQuotaRequest(key_id=mine), authz_pb2.GetQuotaRequest(key_id=theirs), grpc.StatusCode.NOT_FOUND),
            "ListAccess": Case(authz_pb2.ListAccessRequest(model="small"), authz_pb2.ListAccessRequest(user="somebody")),
        }[method]
        call = {"Explain": world.explain, "GetQuota": world.get_quota, "ListAccess": world.list_access}[method]
        seen = await outcomes(case, lambda request: call(request, metadata=caller(world.people, cell.column)))
        assert seen == expected(cell, case)

    in_world(scenario, **SETTINGS)


def test_the_table_has_every_method_that_people_may_call():
    assert methods_of_people(ACCESS) == {method for method in TABLE if method.startswith(PACKAGE)}


def test_a_role_that_was_given_in_keys_counts(in_world):
    async def scenario(world):
        theirs = world.mint(user="somebody").id
        world.peers.people.roles = {"alice": ["admin"]}
        answer = await world.explain(authz_pb2.ExplainRequest(key_id=theirs, model="small"), metadata=world.people.bearer("alice"))
        assert answer.allowed

    in_world(scenario)
