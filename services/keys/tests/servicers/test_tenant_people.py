"""Administrators of a tenant vouch for its own people alone: tiers, which are all tenants', go by groups."""

from __future__ import annotations

import asyncio

import grpc
import pytest
from maas.keys.v1.api_keys_pb2 import CreateApiKeyRequest, ImportApiKeysRequest, SearchApiKeysRequest
from maas.keys.v1.users_pb2 import ImportUsersRequest, ListUsersRequest

PREFIX = "acme:"
VIP = "enterprise-users"
DIGEST = "ab" * 32


def made_for(**order):
    return lambda world, who: world.keys.CreateApiKey(CreateApiKeyRequest(name="k", **order), metadata=who)


def taken_over(**key):
    keys = [{"sha256": "cd" * 32, "username": "zoe"}, {"sha256": DIGEST} | key]
    return lambda world, who: world.keys.ImportApiKeys(ImportApiKeysRequest(keys=keys), metadata=who)


def taken_in(**user):
    users = [{"subject": "zoe"}, user]
    return lambda world, who: world.users.ImportUsers(ImportUsersRequest(users=users), metadata=who)


GROUPS = [
    (made_for(owner_kind="group", username=VIP), "username"),
    (made_for(owner_kind="service_account", username="ci", groups=[VIP]), "groups[0]"),
    (made_for(username="ann", groups=["acme:staff", VIP]), "groups[1]"),
    (taken_over(username="ann", groups=[VIP]), "keys[1].groups[0]"),
    (taken_in(subject="ann", groups=["maas-admins"]), "users[1].groups[0]"),
    (taken_in(subject="ci", kind="service_account", groups=[VIP]), "users[1].groups[0]"),
]
ISSUERS = [
    (lambda issuer: made_for(username=f"{issuer}|bob"), "username"),
    (lambda issuer: taken_over(username=f"{issuer}|bob"), "keys[1].username"),
    (lambda issuer: taken_in(subject="bob", issuer=issuer), "users[1].issuer"),
]
GOOD = [
    made_for(owner_kind="group", username="acme:vip"),
    made_for(owner_kind="service_account", username="ci", groups=["acme:vip"]),
    made_for(username="ann", groups=["acme:vip", "system:authenticated"]),
    taken_over(username="ann", groups=["acme:vip"]),
    taken_in(subject="ann", groups=["acme:vip"]),
]


async def is_empty(world, who):
    keys = await world.keys.SearchApiKeys(SearchApiKeysRequest(), metadata=who)
    users = await world.users.ListUsers(ListUsersRequest(), metadata=who)
    return not keys.data and [user.username for user in users.users] == ["admin"]


@pytest.mark.parametrize(("call", "field"), GROUPS)
def test_no_administrator_gives_groups_that_the_tenants_providers_cannot(two_tenants, refused, fields_of, call, field):
    async def scenario():
        async with two_tenants(groups_prefix=PREFIX) as (world, acme):
            error = await refused(call(world, acme.admin))
            assert (error.code(), fields_of(error)) == (grpc.StatusCode.INVALID_ARGUMENT, [field])
            assert 'want one that begins with "acme:"' in error.details()
            assert await is_empty(world, acme.admin)
            await call(world, world.admin)

    asyncio.run(scenario())


@pytest.mark.parametrize(("call", "field"), ISSUERS)
def test_no_administrator_vouches_for_people_of_an_issuer_that_is_not_the_tenants(two_tenants, refused, fields_of, call, field):
    async def scenario():
        async with two_tenants(groups_prefix=PREFIX) as (world, acme):
            for issuer in (world.settings.oidc_issuer, "https://nobody.example"):
                error = await refused(call(issuer)(world, acme.admin))
                assert (error.code(), fields_of(error)) == (grpc.StatusCode.INVALID_ARGUMENT, [field])
                assert acme.people.url in error.details()
            assert await is_empty(world, acme.admin)
            await call(acme.people.url)(world, acme.admin)
            await call("https://nobody.example")(world, world.admin)

    asyncio.run(scenario())


@pytest.mark.parametrize("call", GOOD)
def test_what_a_provider_of_the_tenant_could_say_an_administrator_may(two_tenants, call):
    async def scenario():
        async with two_tenants(groups_prefix=PREFIX) as (world, acme):
            await call(world, acme.admin)

    asyncio.run(scenario())


@pytest.mark.parametrize("call", [call for call, _ in GROUPS])
def test_a_provider_whose_groups_count_as_they_are_is_trusted_with_all(two_tenants, call):
    async def scenario():
        async with two_tenants() as (world, acme):
            await call(world, acme.admin)

    asyncio.run(scenario())
