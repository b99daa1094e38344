"""What every UserStore promises of users who are deleted, on every database."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from maas_common.auth.roles import Role, TeamRole
from maas_common.errors import FailedPreconditionError, NotFoundError
from maas_keys.adapters.people_tables import UserGroupRow
from maas_keys.adapters.sql_roles import SqlRoleStore
from maas_keys.adapters.sql_teams import SqlTeamStore
from maas_keys.adapters.sql_tenants import SqlTenantStore
from maas_keys.core.api_key import KeyKind
from maas_keys.core.changes import Change, Changes, Kind
from maas_keys.core.role import RoleAssignment
from maas_keys.core.search import KeyFilter, KeyQuery
from maas_keys.core.team import Team
from sqlmodel import Session, select

AT = 1_800_000_100
ALICE = "https://idp|sub-alice"


@pytest.fixture
def teams(engine):
    return SqlTeamStore(engine, history=100)


@pytest.fixture
def roles(engine):
    return SqlRoleStore(engine)


async def known(users, name="alice", tenant="default"):
    (user,) = await users.find(tenant, name)
    return user


async def a_team(teams, name, *members):
    """A team with its owner first."""
    team = await teams.add(Team("default", name, name, "", (), None, AT, AT), members[0].id)
    for member in members[1:]:
        await teams.put_member("default", name, member.id, TeamRole.MEMBER, at=AT)
    return team


def test_who_is_deleted_is_gone_with_their_groups(keys, users, engine):
    async def scenario():
        alice = await known(users)
        assert (await users.delete("default", alice.id, at=AT))[0] == 0
        assert await users.get("default", alice.id) is None
        assert [user.person.username for user in await users.page("default", size=10)] == ["bob"]
        assert await known(users, tenant="other")
        with Session(engine) as session:
            assert alice.id not in {row.user_id for row in session.exec(select(UserGroupRow))}
        with pytest.raises(NotFoundError, match=alice.id):
            await users.delete("default", alice.id, at=AT)

    asyncio.run(scenario())


def test_their_keys_end_in_one_revision_and_stay_readable_under_their_subject(keys, users, a_key, log):
    async def scenario():
        personal = await keys.add(a_key(1, kind=KeyKind.PERSONAL))
        await keys.add(a_key(2, team="red"))
        ended = await keys.add(a_key(3, revoked_at=AT - 50))
        others = [await keys.add(key) for key in (a_key(4, "bob"), a_key(5, "bob", created_by=ALICE))]
        others.append(await keys.add(a_key(6, tenant="other")))
        alice, before = await known(users), await log.revision()
        assert await users.delete("default", alice.id, at=AT) == (2, before + 1)
        assert await log.changes(before) == Changes(before + 1, (Change(Kind.USER, "default", ALICE),))
        gone = replace(personal.owner, username="sub-alice", groups=(), groups_at=0)
        assert await keys.get("default", personal.id) == replace(personal, owner=gone, revoked_at=AT, updated_at=AT, revision=before + 1)
        assert await keys.get("default", ended.id) == replace(ended, owner=gone)
        assert [await keys.get(other.tenant, other.id) for other in others] == others
        listed = await keys.page(KeyQuery(KeyFilter("default", user=ALICE), 10))
        assert {(key.id, key.owner, key.revoked_at is None) for key in listed} == {(f"key{n:09}", gone, False) for n in (1, 2, 3)}
        assert await keys.of_kind("default", ALICE, KeyKind.PERSONAL) is None

    asyncio.run(scenario())


def test_who_signs_in_again_begins_anew(keys, users, a_key, teams, roles):
    async def scenario():
        alice, bob = await known(users), await known(users, "bob")
        await a_team(teams, "ds", bob, alice)
        await roles.add(RoleAssignment("default", "assignment01", Role.ADMIN, "user", ALICE, ALICE, AT))
        old = await keys.add(a_key(1, kind=KeyKind.PERSONAL))
        await users.delete("default", alice.id, at=AT)
        again = await users.seen(alice.person, at=AT)
        assert again.id != alice.id
        assert await teams.roles_of("default", ALICE) == {}
        assert await roles.roles_of("default", ALICE, ()) == frozenset()
        assert (await keys.get("default", old.id)).revoked_at == AT
        assert (await keys.add(a_key(2, kind=KeyKind.PERSONAL))).id == "key000000002"

    asyncio.run(scenario())


def test_roles_of_others_and_of_groups_stay(keys, users, roles, engine):
    async def scenario():
        tenants = SqlTenantStore(engine, history=100)
        default = await tenants.get("default")
        admins = ("https://idp|sub-bob", ALICE)
        await tenants.put(replace(default, admin_users=admins))
        given = [("default", "user", "https://idp|sub-bob"), ("default", "group", ALICE), ("other", "user", ALICE)]
        for number, (tenant, kind, member) in enumerate([*given, ("default", "user", ALICE)]):
            await roles.add(RoleAssignment(tenant, f"assignment{number:02}", Role.MODEL_OWNER, kind, member, ALICE, AT))
        _, revision = await users.delete("default", (await known(users)).id, at=AT)
        stay = [*await roles.page("default", after="", size=10), *await roles.page("other", after="", size=10)]
        assert [(each.tenant, each.member_kind, each.member) for each in stay] == given
        default = await tenants.get("default")
        assert (default.admin_users, default.updated_at, default.revision) == (admins[:1], AT, revision)

    asyncio.run(scenario())


def test_the_only_owner_of_a_team_stays_until_somebody_else_is_owner(keys, users, a_key, teams, log):
    async def scenario():
        alice, bob = await known(users), await known(users, "bob")
        await a_team(teams, "ds", bob, alice)
        await a_team(teams, "ml", alice, bob)
        key, before = await keys.add(a_key(1)), await log.revision()
        with pytest.raises(FailedPreconditionError, match='team "ml": this is its only owner'):
            await users.delete("default", alice.id, at=AT)
        assert await keys.get("default", key.id) == key
        assert set(await teams.roles_of("default", ALICE)) == {"ds", "ml"}
        assert await log.revision() == before
        await teams.put_member("default", "ml", bob.id, TeamRole.OWNER, at=AT)
        assert (await users.delete("default", alice.id, at=AT))[0] == 1
        assert [member.user_id for member in await teams.members("default", "ml")] == [bob.id]

    asyncio.run(scenario())


def test_no_key_is_made_for_who_was_deleted(keys, users, a_key):
    async def scenario():
        await users.delete("default", (await known(users)).id, at=AT)
        for late in (keys.add(a_key(1)), keys.add_foreign([a_key(2, "bob"), a_key(3)])):
            with pytest.raises(FailedPreconditionError, match=r'user "https://idp\|sub-alice" was deleted meanwhile'):
                await late
        assert await keys.count(KeyFilter("default")) == 0

    asyncio.run(scenario())


def test_of_a_deletion_and_all_that_comes_at_the_same_time_nothing_is_left(keys, users, a_key, teams):
    """Whoever comes first: no key of somebody gone works, and nobody gone is in a team."""

    async def scenario():
        alice, bob = await known(users), await known(users, "bob")
        await a_team(teams, "ds", bob)
        makes = [keys.add(a_key(n)) for n in range(1, 5)]
        joins = [teams.put_member("default", "ds", alice.id, TeamRole.MEMBER, at=AT) for _ in range(2)]
        done = await asyncio.gather(*makes, *joins, users.delete("default", alice.id, at=AT), return_exceptions=True)
        refused = [each for each in done if isinstance(each, BaseException)]
        assert all(isinstance(each, FailedPreconditionError | NotFoundError) for each in refused)
        assert [key for key in await keys.page(KeyQuery(KeyFilter("default"), 10)) if key.revoked_at is None] == []
        assert [member.user_id for member in await teams.members("default", "ds")] == [bob.id]

    asyncio.run(scenario())


def test_two_owners_who_are_deleted_at_once_do_not_leave_a_team_alone(keys, users, teams):
    async def scenario():
        alice, bob = await known(users), await known(users, "bob")
        await a_team(teams, "ds", alice)
        await teams.put_member("default", "ds", bob.id, TeamRole.OWNER, at=AT)
        ends = (users.delete("default", user.id, at=AT) for user in (alice, bob))
        done = await asyncio.gather(*ends, return_exceptions=True)
        assert sorted(type(each).__name__ for each in done) == ["FailedPreconditionError", "tuple"]
        assert len(await teams.members("default", "ds")) == 1

    asyncio.run(scenario())


def test_nobody_is_deleted_from_another_tenant(keys, users):
    async def scenario():
        alice = await known(users)
        with pytest.raises(NotFoundError):
            await users.delete("other", alice.id, at=AT)
        assert await users.get("default", alice.id) == alice

    asyncio.run(scenario())
