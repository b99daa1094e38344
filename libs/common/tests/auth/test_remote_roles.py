"""Roles from keys: asked for over the wire, remembered for a moment, and done without while keys is away."""

from __future__ import annotations

import asyncio

import grpc
import pytest
from maas.keys.v1 import people_pb2, people_pb2_grpc
from maas_common.auth.principal import Principal
from maas_common.auth.remote_roles import RemoteRoles
from maas_common.auth.role_source import REMEMBERED_S, RolesByGroup
from maas_common.auth.roles import Role
from maas_common.channels import connect
from maas_common.testing import WORKLOAD, WORKLOAD_SECRET, FakeClock
from pydantic import SecretStr

ANN = Principal("https://issuer.example", "ann", "ann", groups=("staff", "admins"))
BOB = Principal("https://issuer.example", "bob", "bob")


class Keys(people_pb2_grpc.PeopleLookupServiceServicer):
    """The keys service, as far as roles go."""

    def __init__(self):
        self.roles = {"ann": ["model-owner", "a role of a later version"]}
        self.asked = []
        self.is_down = False
        self.secrets = set()

    async def LookupRoles(self, request, context):
        self.secrets.update(context.invocation_metadata())
        self.asked.append(request)
        if self.is_down:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "the database is away")
        return people_pb2.LookupRolesResponse(roles=self.roles.get(request.subject, []))


class World:
    def __init__(self, channel, keys):
        self.keys = keys
        self.clock = FakeClock()
        self.roles = RemoteRoles(channel, SecretStr(WORKLOAD_SECRET), RolesByGroup({Role.ADMIN: ["admins"]}), self.clock)


@pytest.fixture
def run():
    def run(scenario):
        async def main():
            server, keys = grpc.aio.server(), Keys()
            people_pb2_grpc.add_PeopleLookupServiceServicer_to_server(keys, server)
            port = server.add_insecure_port("127.0.0.1:0")
            await server.start()
            async with connect(f"127.0.0.1:{port}") as channel:
                await scenario(World(channel, keys))
            await server.stop(None)

        asyncio.run(main())

    return run


def test_roles_of_settings_and_of_keys_add_up(run):
    async def scenario(world):
        assert await world.roles.roles_of(ANN) == {Role.ADMIN, Role.MODEL_OWNER}
        assert await world.roles.roles_of(BOB) == frozenset()
        asked = world.keys.asked[0]
        assert (asked.tenant, asked.issuer, asked.subject, list(asked.groups)) == ("default", ANN.issuer, "ann", ["staff", "admins"])
        assert set(WORKLOAD) <= world.keys.secrets

    run(scenario)


def test_answers_are_remembered_per_person_for_a_moment(run):
    async def scenario(world):
        for _ in range(3):
            await world.roles.roles_of(ANN)
        assert len(world.keys.asked) == 1
        await world.roles.roles_of(Principal(ANN.issuer, "ann", "ann", groups=("staff",)))
        assert len(world.keys.asked) == 2
        world.keys.roles["ann"] = []
        world.clock.advance(REMEMBERED_S)
        assert await world.roles.roles_of(ANN) == {Role.ADMIN}

    run(scenario)


def test_people_of_other_tenants_neither_administer_nor_own_what_all_share(run):
    async def scenario(world):
        world.keys.roles["ann"] = ["admin", "model-owner", "model-consumer"]
        elsewhere = Principal(ANN.issuer, "ann", "ann", groups=ANN.groups, tenant="acme")
        assert await world.roles.roles_of(elsewhere) == {Role.MODEL_CONSUMER}
        assert world.keys.asked[0].tenant == "acme"

    run(scenario)


def test_while_keys_is_away_roles_of_settings_count_alone_and_that_is_said_once(run, capsys):
    async def scenario(world):
        world.keys.is_down = True
        for _ in range(3):
            assert await world.roles.roles_of(ANN) == {Role.ADMIN}
            world.clock.advance(REMEMBERED_S)
        world.keys.is_down = False
        assert await world.roles.roles_of(ANN) == {Role.ADMIN, Role.MODEL_OWNER}

    run(scenario)
    said = capsys.readouterr().out
    assert said.count("those of settings count alone") == 1
    assert said.count("roles looked up in keys again") == 1
    assert WORKLOAD_SECRET not in said


def test_nobody_at_the_address_of_keys_is_keys_being_away():
    async def main():
        async with connect("127.0.0.1:1") as channel:
            roles = RemoteRoles(channel, SecretStr(WORKLOAD_SECRET), RolesByGroup({Role.ADMIN: ["admins"]}), FakeClock())
            assert await roles.roles_of(ANN) == {Role.ADMIN}

    asyncio.run(main())
