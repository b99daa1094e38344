"""What every TenantStore promises, on every database."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from maas_common.auth.roles import Role
from maas_common.errors import AlreadyExistsError, ConflictError, FailedPreconditionError, UnavailableError
from maas_common.limits import Limit
from maas_common.sql import open_database
from maas_keys.adapters.change_log import SqlChangeLog
from maas_keys.adapters.sql_keys import SqlKeyStore
from maas_keys.adapters.sql_roles import SqlRoleStore
from maas_keys.adapters.sql_teams import SqlTeamStore
from maas_keys.adapters.sql_tenants import SqlTenantStore
from maas_keys.adapters.sql_users import SqlUserStore
from maas_keys.core.api_key import ApiKey, KeyHash, Owner, OwnerKind
from maas_keys.core.changes import Change, Kind
from maas_keys.core.role import RoleAssignment
from maas_keys.core.search import KeyFilter, KeyQuery
from maas_keys.core.team import Team
from maas_keys.core.tenant import Tenant
from maas_keys.core.user import Person

NOW = 1_800_000_000
LIMITS = (Limit.parse(id="cost-day", metric="cost", amount=7, window="day in Europe/Berlin", per="user+model", notify=(80,)),)
ACME = Tenant("acme", "Acme 鍵", "for\ntests", LIMITS, ("acme-admins",), ("https://idp|root",), NOW, NOW)


@pytest.fixture
def tenants(engine):
    return SqlTenantStore(engine, history=100)


@pytest.fixture
def log(engine):
    return SqlChangeLog(engine)


async def a_user(engine, number=1):
    person = Person("acme", "https://idp", f"sub-{number}", "alice", "", ("staff",), NOW)
    return await SqlUserStore(engine, history=100).seen(person, at=NOW)


async def two_users(engine):
    await a_user(engine)
    await a_user(engine, 2)


async def a_team(engine):
    elsewhere = Person("elsewhere", "https://idp", "sub-1", "alice", "", (), NOW)
    user = await SqlUserStore(engine, history=100).seen(elsewhere, at=NOW)
    teams = SqlTeamStore(engine, history=100)
    await teams.add(Team("elsewhere", "science", "Science", "", (), None, NOW, NOW), user.id)


async def a_key(engine, tenant="acme", key_id="abcdefghijkl", **fields):
    owner = Owner("group", "staff", "staff", OwnerKind.GROUP)
    key = ApiKey(key_id, "sk-", tenant, "k", "", owner, owner.user, "", (KeyHash("p1", bytes(32)),), NOW, NOW + 9, **fields)
    return await SqlKeyStore(engine, history=100).add(key)


def test_the_default_tenant_is_there_from_the_start(tenants):
    async def scenario():
        (default,) = await tenants.page(after="", size=10)
        assert (default.name, default.default_limits, default.admin_groups, default.admin_users) == ("default", (), (), ())
        assert await tenants.get("default") == default
        changed = await tenants.put(replace(default, default_limits=LIMITS, updated_at=NOW))
        assert await tenants.get("default") == changed == replace(default, default_limits=LIMITS, updated_at=NOW, revision=1)

    asyncio.run(scenario())


def test_a_tenant_is_kept_whole(tenants, log):
    async def scenario():
        added = await tenants.add(ACME)
        assert added == replace(ACME, revision=1)
        assert await tenants.get("acme") == added
        assert await tenants.get("other") is None
        assert (await log.changes(0)).changed == (Change(Kind.TENANT, "acme", "acme"),)

    asyncio.run(scenario())


def test_a_name_that_is_taken_is_refused(tenants, log):
    async def scenario():
        added = await tenants.add(ACME)
        with pytest.raises(AlreadyExistsError, match='"acme"'):
            await tenants.add(replace(ACME, display_name="Other"))
        assert await tenants.get("acme") == added
        assert await log.revision() == 1

    asyncio.run(scenario())


def test_of_many_that_take_one_name_at_once_one_does(tenants):
    async def scenario():
        adds = (tenants.add(replace(ACME, display_name=f"n{n}")) for n in range(8))
        done = await asyncio.gather(*adds, return_exceptions=True)
        assert sorted(type(each).__name__ for each in done) == ["AlreadyExistsError"] * 7 + ["Tenant"]

    asyncio.run(scenario())


def test_a_change_is_kept_and_logged_and_of_two_the_later_reads_again(tenants, log):
    async def scenario():
        added = await tenants.add(ACME)
        changed = await tenants.put(replace(added, default_limits=(), admin_groups=(), admin_users=(), description="", updated_at=NOW + 5))
        assert changed == replace(ACME, default_limits=(), admin_groups=(), admin_users=(), description="", updated_at=NOW + 5, revision=2)
        assert await tenants.get("acme") == changed
        for late in (tenants.put(added), tenants.delete(added), tenants.put(replace(changed, name="other"))):
            with pytest.raises(ConflictError):
                await late
        assert await tenants.get("acme") == changed
        assert (await log.changes(1)).changed == (Change(Kind.TENANT, "acme", "acme"),)
        assert await log.revision() == 2

    asyncio.run(scenario())


def test_of_many_changes_at_once_one_wins(tenants):
    async def scenario():
        added = await tenants.add(ACME)
        puts = (tenants.put(replace(added, display_name=f"n{n}")) for n in range(8))
        done = await asyncio.gather(*puts, return_exceptions=True)
        assert sorted(type(each).__name__ for each in done) == ["ConflictError"] * 7 + ["Tenant"]

    asyncio.run(scenario())


def test_an_empty_tenant_goes_with_the_roles_that_were_given_in_it(tenants, engine, log):
    async def scenario():
        roles = SqlRoleStore(engine)
        for tenant in ("acme", "default"):
            await roles.add(RoleAssignment(tenant, f"{tenant:12}", Role.ADMIN, "group", "staff", "x|y", NOW))
        added = await tenants.add(ACME)
        await tenants.delete(added)
        assert await tenants.get("acme") is None
        assert (await log.changes(1)).changed == (Change(Kind.TENANT, "acme", "acme"),)
        assert await roles.roles_of("acme", "x|y", ("staff", "acme-admins")) == frozenset()
        assert await roles.roles_of("default", "x|y", ("staff",)) == {Role.ADMIN}
        with pytest.raises(ConflictError):
            await tenants.delete(added)
        assert await tenants.add(ACME) == replace(ACME, revision=3)

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("belongings", "name", "what"),
    [(two_users, "acme", "users"), (a_team, "elsewhere", "teams"), (a_key, "acme", "API keys that are not revoked")],
)
def test_a_tenant_that_anything_belongs_to_stays(tenants, engine, belongings, name, what):
    async def scenario():
        log = SqlChangeLog(engine)
        added = await tenants.add(replace(ACME, name=name))
        other = await tenants.add(replace(ACME, name="empty"))
        await belongings(engine)
        newest = await log.revision()
        with pytest.raises(FailedPreconditionError, match=f'"{name}": {what} belong to it'):
            await tenants.delete(added)
        assert await tenants.get(name) == added
        assert await log.revision() == newest
        await tenants.delete(other)

    asyncio.run(scenario())


def test_revoked_keys_and_the_last_administrator_go_with_their_tenant(tenants, engine):
    async def scenario():
        keys, users = SqlKeyStore(engine, history=100), SqlUserStore(engine, history=100)
        added = await tenants.add(ACME)
        user = await a_user(engine)
        elsewhere = await a_key(engine, tenant="elsewhere", key_id="elsewhere123", labels={"env": "prod"})
        await a_key(engine, labels={"env": "prod"}, revoked_at=NOW)
        await tenants.delete(added)
        assert await tenants.get("acme") is None
        assert (await keys.lookup("abcdefghijkl"))[0] is None
        assert await keys.page(KeyQuery(KeyFilter("elsewhere", labels={"env": "prod"}), 10)) == [elsewhere]
        assert await users.get("acme", user.id) is None

    asyncio.run(scenario())


def test_tenants_are_listed_by_name(tenants):
    async def scenario():
        for name in ("zoo", "acme", "bank"):
            await tenants.add(replace(ACME, name=name))

        async def names(after, size):
            return [tenant.name for tenant in await tenants.page(after=after, size=size)]

        assert await names("", 3) == ["acme", "bank", "default"]
        assert await names("default", 3) == ["zoo"]
        assert await names("zoo", 3) == []

    asyncio.run(scenario())


def test_a_database_that_does_not_answer_is_told():
    async def scenario():
        engine = open_database("postgresql+psycopg://nobody@127.0.0.1:1/keys")
        tenants = SqlTenantStore(engine, history=5)
        for call in (tenants.add(ACME), tenants.get("x"), tenants.put(ACME), tenants.delete(ACME), tenants.page(after="", size=1)):
            with pytest.raises(UnavailableError, match="does not answer"):
                await call
        engine.dispose()

    asyncio.run(scenario())
