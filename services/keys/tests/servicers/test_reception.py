"""Who calls, synchronised with the users that are known."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from maas_common.auth.principal import Principal
from maas_common.auth.roles import Role, TeamRole
from maas_common.errors import PermissionDeniedError
from maas_common.sql import migrate, open_database
from maas_common.testing import FakeClock
from maas_keys.adapters.change_log import SqlChangeLog
from maas_keys.adapters.sql_teams import SqlTeamStore
from maas_keys.adapters.sql_tenants import SqlTenantStore
from maas_keys.adapters.sql_users import SqlUserStore
from maas_keys.adapters.tables import MIGRATIONS
from maas_keys.core.changes import Change, Kind
from maas_keys.core.team import Team
from maas_keys.servicers.reception import Reception

NOW = 1_800_000_000
ANN = Principal(
    "https://idp",
    "ann",
    "Ann",
    ("staff", "system:authenticated"),
    roles=frozenset({Role.MODEL_CONSUMER}),
    email="ann@example.com",
    issued_at=NOW,
)


class Desk:
    """A reception on a real database that counts how often it writes."""

    def __init__(self, url):
        engine = open_database(url)
        migrate(engine, MIGRATIONS)
        self.clock = FakeClock(NOW)
        self.users = SqlUserStore(engine, history=100)
        self.teams = SqlTeamStore(engine, history=100)
        self.log = SqlChangeLog(engine)
        self.reception = Reception(self, self.teams, SqlTenantStore(engine, history=100), self.clock)
        self.writes = 0

    async def seen(self, person, *, at):
        self.writes += 1
        return await self.users.seen(person, at=at)

    async def kept(self, name="https://idp|ann"):
        return (await self.users.find("default", name))[0]


@pytest.fixture
def desk(tmp_path):
    return Desk(f"sqlite:///{tmp_path}/keys.db")


def test_a_caller_becomes_a_user(desk):
    async def scenario():
        caller = await desk.reception.caller(ANN)
        assert (caller.tenant, caller.name, caller.roles) == ("default", "https://idp|ann", ANN.roles)
        assert caller.user == await desk.kept()
        person = caller.user.person
        assert (person.username, person.email, person.groups, person.groups_at) == ("Ann", "ann@example.com", ("staff",), NOW)

    asyncio.run(scenario())


def test_most_calls_write_nothing(desk):
    async def scenario():
        for _ in range(60):
            await desk.reception.caller(ANN)
            desk.clock.advance(0.99)
        assert desk.writes == 1
        desk.clock.advance(1)
        await desk.reception.caller(ANN)
        assert desk.writes == 2
        assert (await desk.kept()).last_seen_at == NOW + 60

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("news", "is_told"), [({"groups": ("staff", "vip")}, True), ({"username": "Anne"}, True), ({"email": "anne@example.com"}, False)]
)
def test_what_is_new_is_kept_at_once_and_told_when_it_concerns_keys(desk, news, is_told):
    async def scenario():
        await desk.reception.caller(ANN)
        before = await desk.log.revision()
        told = replace(ANN, issued_at=NOW + 1, **news)
        desk.clock.advance(2)
        caller = await desk.reception.caller(told)
        assert (caller.user.person.groups, caller.user.person.username) == (
            tuple(g for g in told.groups if g != "system:authenticated"),
            told.username,
        )
        assert caller.user.person == (await desk.kept()).person
        changes = await desk.log.changes(before)
        assert changes.changed == ((Change(Kind.USER, "default", "https://idp|ann"),) if is_told else ())

    asyncio.run(scenario())


def test_a_newer_token_wins_whichever_comes_first(desk):
    async def scenario():
        newer = replace(ANN, groups=("staff", "vip"), issued_at=NOW + 10)
        desk.clock.advance(20)
        await desk.reception.caller(newer)
        for _ in range(3):
            caller = await desk.reception.caller(ANN)
            assert caller.user.person.groups == ("staff", "vip")
        assert desk.writes == 1
        assert (await desk.kept()).person.groups_at == NOW + 10

    asyncio.run(scenario())


def test_a_newer_token_makes_the_same_groups_young_again_at_once(desk):
    async def scenario():
        await desk.reception.caller(ANN)
        for later in (1, 2):
            desk.clock.advance(1)
            caller = await desk.reception.caller(replace(ANN, issued_at=NOW + later))
            assert caller.user.person.groups_at == (await desk.kept()).person.groups_at == NOW + later

    asyncio.run(scenario())


def test_an_issuer_whose_clock_is_ahead_does_not_keep_later_tokens_from_counting(desk):
    async def scenario():
        await desk.reception.caller(replace(ANN, groups=("wrong",), issued_at=NOW + 1_000_000))
        assert (await desk.kept()).person.groups_at == NOW
        desk.clock.advance(5)
        caller = await desk.reception.caller(replace(ANN, issued_at=NOW + 5))
        assert caller.user.person.groups == ("staff",)

    asyncio.run(scenario())


def test_the_order_of_groups_is_no_news(desk):
    async def scenario():
        await desk.reception.caller(replace(ANN, groups=("b", "a")))
        await desk.reception.caller(replace(ANN, groups=("a", "b"), issued_at=NOW + 1))
        assert desk.writes == 1

    asyncio.run(scenario())


def test_one_name_at_two_issuers_is_two_users(desk):
    async def scenario():
        first = await desk.reception.caller(ANN)
        second = await desk.reception.caller(replace(ANN, issuer="https://other"))
        assert first.user.id != second.user.id

    asyncio.run(scenario())


def test_roles_in_teams_are_those_of_now(desk):
    async def scenario():
        caller = await desk.reception.caller(ANN)
        assert caller.teams == {}
        await desk.teams.add(Team("default", "ds", "DS", "", (), None, NOW, NOW), caller.user.id)
        assert (await desk.reception.caller(ANN)).teams == {"ds": TeamRole.OWNER}

    asyncio.run(scenario())


def test_people_of_a_tenant_that_nobody_has_made_are_refused(desk):
    async def scenario():
        with pytest.raises(PermissionDeniedError, match='tenant "acme" does not exist yet'):
            await desk.reception.caller(replace(ANN, tenant="acme"))
        assert desk.writes == 0

    asyncio.run(scenario())
