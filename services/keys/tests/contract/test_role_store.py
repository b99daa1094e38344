"""What every RoleStore promises, on every database."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from maas_common.auth.roles import Role
from maas_common.errors import UnavailableError
from maas_common.sql import open_database
from maas_keys.adapters.sql_roles import SqlRoleStore
from maas_keys.adapters.sql_tenants import SqlTenantStore
from maas_keys.core.role import RoleAssignment
from maas_keys.core.tenant import Tenant

NOW = 1_800_000_000
ALICE = "https://idp|sub-1"
TO_ALICE = RoleAssignment("default", "aaaaaaaaaaaa", Role.MODEL_OWNER, "user", ALICE, "https://idp|root", NOW)
TO_STAFF = RoleAssignment("default", "bbbbbbbbbbbb", Role.ADMIN, "group", "staff", "https://idp|root", NOW)


@pytest.fixture
def roles(engine):
    return SqlRoleStore(engine)


def test_a_role_is_kept_and_giving_it_again_changes_nothing(roles):
    async def scenario():
        assert await roles.add(TO_ALICE) == TO_ALICE
        again = replace(TO_ALICE, id="cccccccccccc", created_by="x|y", created_at=NOW + 9)
        assert await roles.add(again) == TO_ALICE
        assert await roles.add(TO_STAFF) == TO_STAFF
        assert await roles.page("default", after="", size=10) == [TO_ALICE, TO_STAFF]

    asyncio.run(scenario())


def test_of_many_who_give_one_role_at_once_one_does(roles):
    async def scenario():
        given = await asyncio.gather(*(roles.add(replace(TO_ALICE, id=f"{n:012}")) for n in range(8)))
        assert await roles.page("default", after="", size=10) == [given[0]]
        assert set(given) == {given[0]}

    asyncio.run(scenario())


def test_somebody_has_the_roles_of_their_own_and_of_their_groups(roles):
    async def scenario():
        await roles.add(TO_ALICE)
        await roles.add(TO_STAFF)
        assert await roles.roles_of("default", ALICE, ()) == {Role.MODEL_OWNER}
        assert await roles.roles_of("default", ALICE, ("other", "staff")) == {Role.MODEL_OWNER, Role.ADMIN}
        assert await roles.roles_of("default", "https://idp|sub-2", ("staff",)) == {Role.ADMIN}
        assert await roles.roles_of("default", "https://idp|sub-2", ("other",)) == frozenset()

    asyncio.run(scenario())


def test_a_group_that_is_called_like_a_user_is_no_user(roles):
    async def scenario():
        await roles.add(TO_ALICE)
        await roles.add(TO_STAFF)
        assert await roles.roles_of("default", "staff", (ALICE,)) == frozenset()

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("user", "groups", "is_admin"),
    [("https://idp|root", (), True), ("https://idp|x", ("other", "acme-admins"), True), ("acme-admins", ("https://idp|root",), False)],
)
def test_administrators_of_the_tenant_are_admin_there_alone(roles, engine, user, groups, is_admin):
    async def scenario():
        acme = Tenant("acme", "Acme", "", (), ("acme-admins",), ("https://idp|root",), NOW, NOW)
        await SqlTenantStore(engine, history=100).add(acme)
        assert await roles.roles_of("acme", user, groups) == ({Role.ADMIN} if is_admin else frozenset())
        assert await roles.roles_of("default", user, groups) == frozenset()

    asyncio.run(scenario())


def test_a_role_that_is_taken_away_is_gone(roles):
    async def scenario():
        await roles.add(TO_ALICE)
        await roles.add(TO_STAFF)
        assert await roles.remove("default", TO_ALICE.id)
        assert not await roles.remove("default", TO_ALICE.id)
        assert await roles.roles_of("default", ALICE, ()) == frozenset()
        assert await roles.page("default", after="", size=10) == [TO_STAFF]

    asyncio.run(scenario())


def test_roles_are_listed_by_id(roles):
    async def scenario():
        given = [replace(TO_ALICE, id=f"{n:012}", member=f"https://idp|{n}") for n in (3, 1, 4, 2)]
        for assignment in given:
            await roles.add(assignment)
        first = await roles.page("default", after="", size=3)
        assert [*first, *await roles.page("default", after=first[-1].id, size=3)] == sorted(given, key=lambda assignment: assignment.id)
        assert len(first) == 3

    asyncio.run(scenario())


def test_no_tenant_reaches_anothers_roles(roles):
    async def scenario():
        await roles.add(TO_ALICE)
        await roles.add(TO_STAFF)
        theirs = await roles.add(replace(TO_ALICE, tenant="acme", id="dddddddddddd"))
        assert theirs.id == "dddddddddddd"
        assert await roles.page("acme", after="", size=10) == [theirs]
        assert await roles.roles_of("acme", ALICE, ("staff",)) == {Role.MODEL_OWNER}
        assert not await roles.remove("acme", TO_ALICE.id)
        assert await roles.page("default", after="", size=10) == [TO_ALICE, TO_STAFF]

    asyncio.run(scenario())


def test_a_database_that_does_not_answer_is_told():
    async def scenario():
        engine = open_database("postgresql+psycopg://nobody@127.0.0.1:1/keys")
        roles = SqlRoleStore(engine)
        for call in (
            roles.add(TO_ALICE),
            roles.remove("default", "x"),
            roles.page("default", after="", size=1),
            roles.roles_of("default", ALICE, ()),
        ):
            with pytest.raises(UnavailableError, match="does not answer"):
                await call
        engine.dispose()

    asyncio.run(scenario())
