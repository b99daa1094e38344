"""People as the other services ask about them."""

from __future__ import annotations

import asyncio

import pytest
from maas.keys.v1.people_pb2 import ListPeopleRequest, LookupRolesRequest
from maas.keys.v1.roles_pb2 import AssignRoleRequest
from maas.keys.v1.users_pb2 import GetMeRequest, ImportUsersRequest
from maas_common.testing import WORKLOAD

DAY_S = 86_400


@pytest.mark.parametrize(
    ("tenant", "subject", "groups", "roles"),
    [
        ("default", "alice", ["system:authenticated"], ["model-consumer"]),
        ("default", "alice", [], []),
        ("default", "x", ["maas-admins"], ["admin"]),
        ("acme", "x", ["maas-admins", "system:authenticated"], ["model-consumer"]),
        ("acme", "x", ["acme-admins"], ["admin"]),
        ("default", "x", ["acme-admins"], []),
        ("default", "x", ["researchers"], ["model-owner"]),
        ("acme", "x", ["researchers"], []),
        ("default", "dana", [], ["model-owner"]),
        ("nowhere", "dana", ["acme-admins"], []),
    ],
)
def test_roles_are_those_of_settings_and_those_given(two_tenants, tenant, subject, groups, roles):
    async def scenario():
        async with two_tenants() as (world, _):
            for kind, member in (("group", "researchers"), ("user", "https://idp|dana")):
                request = AssignRoleRequest(role="model-owner", member_kind=kind, member=member)
                await world.roles.AssignRole(request, metadata=world.admin)
            asked = LookupRolesRequest(tenant=tenant, issuer="https://idp", subject=subject, groups=groups)
            assert list((await world.people.LookupRoles(asked, metadata=WORKLOAD)).roles) == roles

    asyncio.run(scenario())


def test_everybody_of_a_tenant_is_listed_with_the_groups_that_are_relied_on(two_tenants):
    async def scenario():
        async with two_tenants() as (world, acme):
            users = [{"subject": "ci", "kind": "service_account", "groups": ["builders"]}]
            await world.users.ImportUsers(ImportUsersRequest(users=users), metadata=world.admin)
            await world.users.GetMe(GetMeRequest(), metadata=world.alice)
            await world.users.GetMe(GetMeRequest(), metadata=acme.alice)

            async def groups_of_people(tenant):
                found, token = {}, ""
                while True:
                    request = ListPeopleRequest(tenant=tenant, page_size=2, page_token=token)
                    page = await world.people.ListPeople(request, metadata=WORKLOAD)
                    found |= {person.username: list(person.groups) for person in page.people}
                    token = page.next_page_token
                    if not token:
                        return found

            everybody = "system:authenticated"
            assert await groups_of_people("default") == {
                "admin": ["maas-admins", everybody],
                "alice": ["staff", everybody],
                "ci": ["builders", everybody],
            }
            assert await groups_of_people("acme") == {"alice": ["staff", everybody]}
            assert await groups_of_people("nowhere") == {}
            world.clock.advance(30 * DAY_S)
            assert await groups_of_people("default") == {"admin": [everybody], "alice": [everybody], "ci": ["builders", everybody]}

    asyncio.run(scenario())
