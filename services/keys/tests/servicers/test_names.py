"""Usernames, which people may choose, pass for nobody's email or identity where power is given."""

from __future__ import annotations

import asyncio

import grpc
import pytest
from maas.keys.v1.api_keys_pb2 import CreateApiKeyRequest, GetApiKeyRequest
from maas.keys.v1.roles_pb2 import AssignRoleRequest
from maas.keys.v1.teams_pb2 import AddTeamMemberRequest, CreateTeamRequest
from maas.keys.v1.users_pb2 import GetMeRequest, ImportUsersRequest

VICTIM = "victim@example.org"


async def signed_in(world, subject, username, **claims):
    who = world.person(subject, "staff", preferred_username=username, **claims)
    return await world.users.GetMe(GetMeRequest(), metadata=who)


@pytest.mark.parametrize(
    ("field", "call"),
    [
        ("member", lambda w: w.roles.AssignRole(AssignRoleRequest(role="admin", member_kind="user", member=VICTIM), metadata=w.admin)),
        ("owner_email", lambda w: w.teams.CreateTeam(CreateTeamRequest(name="T", owner_email=VICTIM), metadata=w.admin)),
        ("user_email", lambda w: w.teams.AddTeamMember(AddTeamMemberRequest(id="ds", user_email=VICTIM), metadata=w.admin)),
    ],
)
def test_a_username_gets_nothing_that_is_for_an_email(keys_service, refused, fields_of, field, call):
    async def scenario():
        async with keys_service() as world:
            await signed_in(world, "mallory", VICTIM)
            await world.teams.CreateTeam(CreateTeamRequest(id="ds", name="DS"), metadata=world.admin)
            error = await refused(call(world))
            assert (error.code(), fields_of(error)) == (grpc.StatusCode.INVALID_ARGUMENT, [field])

    asyncio.run(scenario())


def test_an_identity_that_is_not_known_yet_is_not_whoever_is_called_so(keys_service):
    async def scenario():
        async with keys_service() as world:
            identity = f"{world.settings.oidc_issuer}|carol"
            await signed_in(world, "mallory", identity)
            request = AssignRoleRequest(role="admin", member_kind="user", member=identity)
            assert (await world.roles.AssignRole(request, metadata=world.admin)).member == identity

    asyncio.run(scenario())


def test_a_key_for_an_email_is_not_for_whoever_is_called_so(keys_service):
    async def scenario():
        async with keys_service() as world:
            mallory = await signed_in(world, "mallory", VICTIM)
            order = CreateApiKeyRequest(name="k", username=VICTIM, groups=["vip"])
            await world.keys.CreateApiKey(order, metadata=world.admin)
            assert list((await signed_in(world, "mallory", VICTIM)).groups) == list(mallory.groups)

    asyncio.run(scenario())


def test_a_known_service_account_gets_other_groups(keys_service):
    async def scenario():
        async with keys_service() as world:
            for group in ("vip", "staff"):
                order = CreateApiKeyRequest(name="k", username="ci", owner_kind="service_account", groups=[group])
                made = await world.keys.CreateApiKey(order, metadata=world.admin)
                key = await world.keys.GetApiKey(GetApiKeyRequest(id=made.id), metadata=world.admin)
                assert (key.username, list(key.groups)) == ("ci", [group, "system:authenticated"])

    asyncio.run(scenario())


@pytest.mark.parametrize("subject", ["erin@example.org", "erin"])
def test_who_is_known_at_the_administrators_issuer_by_another_name_keeps_it_and_their_groups(keys_service, subject):
    async def scenario():
        async with keys_service() as world:
            users = [{"subject": subject, "username": "Erin", "groups": ["vip"]}]
            await world.users.ImportUsers(ImportUsersRequest(users=users), metadata=world.admin)
            world.clock.advance(5)
            made = await world.keys.CreateApiKey(CreateApiKeyRequest(name="k", username=subject), metadata=world.admin)
            key = await world.keys.GetApiKey(GetApiKeyRequest(id=made.id), metadata=world.admin)
            assert (key.username, list(key.groups)) == ("Erin", ["vip", "system:authenticated"])

    asyncio.run(scenario())
