"""Roles that administrators give, through the running service."""

from __future__ import annotations

import asyncio

import grpc
import pytest
from maas.keys.v1.roles_pb2 import AssignRoleRequest, ListRoleAssignmentsRequest, UnassignRoleRequest
from maas.keys.v1.users_pb2 import GetMeRequest


async def roles_of(world, who):
    world.clock.advance(1.1)  # for longer than that roles are not remembered
    return list((await world.users.GetMe(GetMeRequest(), metadata=who)).roles)


@pytest.mark.parametrize("name", ["alice", "ALICE@example.org", "{id}", "{issuer}|alice"])
def test_a_user_is_named_in_any_way_and_gets_the_role(keys_service, name):
    async def scenario():
        async with keys_service() as world:
            alice = await world.users.GetMe(GetMeRequest(), metadata=world.alice)
            member = name.format(id=alice.id, issuer=alice.issuer)
            request = AssignRoleRequest(role="model-owner", member_kind="user", member=member)
            given = await world.roles.AssignRole(request, metadata=world.admin)
            assert (given.role, given.member_kind, given.member) == ("model-owner", "user", f"{alice.issuer}|alice")
            assert (given.created_by, given.created_at.seconds) == (f"{alice.issuer}|admin", int(world.clock.now()))
            assert await roles_of(world, world.alice) == ["model-consumer", "model-owner"]
            assert await roles_of(world, world.bob) == ["model-consumer"]

    asyncio.run(scenario())


def test_a_group_gets_a_role_and_loses_it(keys_service):
    async def scenario():
        async with keys_service() as world:
            request = AssignRoleRequest(role="admin", member_kind="group", member="staff")
            given = await world.roles.AssignRole(request, metadata=world.admin)
            assert await roles_of(world, world.alice) == ["admin", "model-consumer"]
            await world.roles.UnassignRole(UnassignRoleRequest(id=given.id), metadata=world.alice)
            assert await roles_of(world, world.alice) == ["model-consumer"]

    asyncio.run(scenario())


def test_giving_a_role_again_changes_nothing(keys_service):
    async def scenario():
        async with keys_service() as world:
            request = AssignRoleRequest(role="admin", member_kind="group", member="staff")
            first = await world.roles.AssignRole(request, metadata=world.admin)
            world.clock.advance(5)
            assert await world.roles.AssignRole(request, metadata=world.admin) == first

    asyncio.run(scenario())


def test_an_identity_may_be_given_a_role_before_it_signs_in(keys_service):
    async def scenario():
        async with keys_service() as world:
            member = f"{world.settings.oidc_issuer}|carol"
            request = AssignRoleRequest(role="model-owner", member_kind="user", member=member)
            assert (await world.roles.AssignRole(request, metadata=world.admin)).member == member
            assert await roles_of(world, world.person("carol")) == ["model-consumer", "model-owner"]

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        ({"role": "king", "member_kind": "group", "member": "g"}, "role"),
        ({"role": "admin", "member_kind": "robot", "member": "g"}, "member_kind"),
        ({"role": "admin", "member_kind": "group", "member": ""}, "member"),
        ({"role": "admin", "member_kind": "group", "member": "a\nb"}, "member"),
        ({"role": "admin", "member_kind": "user", "member": "carol"}, "member"),
        ({"role": "admin", "member_kind": "user", "member": "|carol"}, "member"),
    ],
)
def test_a_wrong_assignment_is_refused_by_field(keys_service, refused, fields_of, request_, field):
    async def scenario():
        async with keys_service() as world:
            error = await refused(world.roles.AssignRole(AssignRoleRequest(**request_), metadata=world.admin))
            assert (error.code(), fields_of(error)) == (grpc.StatusCode.INVALID_ARGUMENT, [field])

    asyncio.run(scenario())


def test_assignments_are_listed_by_pages(keys_service, refused):
    async def scenario():
        async with keys_service() as world:
            given = []
            for group in ("a", "b", "c"):
                request = AssignRoleRequest(role="admin", member_kind="group", member=group)
                given.append((await world.roles.AssignRole(request, metadata=world.admin)).id)
            first = await world.roles.ListRoleAssignments(ListRoleAssignmentsRequest(page_size=2), metadata=world.admin)
            token = ListRoleAssignmentsRequest(page_size=2, page_token=first.next_page_token)
            rest = await world.roles.ListRoleAssignments(token, metadata=world.admin)
            assert [each.id for each in (*first.assignments, *rest.assignments)] == sorted(given)
            assert not rest.next_page_token
            await world.roles.UnassignRole(UnassignRoleRequest(id=given[0]), metadata=world.admin)
            error = await refused(world.roles.UnassignRole(UnassignRoleRequest(id=given[0]), metadata=world.admin))
            assert error.code() is grpc.StatusCode.NOT_FOUND

    asyncio.run(scenario())
