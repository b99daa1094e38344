"""What every TeamStore promises, on every database."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from dataclasses import replace
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from maas_common.auth.roles import TeamRole
from maas_common.errors import AlreadyExistsError, ConflictError, DomainError, FailedPreconditionError, NotFoundError, UnavailableError
from maas_common.limits import Limit
from maas_common.sql import migrate, open_database
from maas_common.testing.databases import postgres_database
from maas_common.windows import Window
from maas_keys.adapters.change_log import SqlChangeLog
from maas_keys.adapters.sql_keys import SqlKeyStore
from maas_keys.adapters.sql_teams import SqlTeamStore
from maas_keys.adapters.sql_users import SqlUserStore
from maas_keys.adapters.tables import MIGRATIONS
from maas_keys.core.api_key import ApiKey, KeyHash
from maas_keys.core.budget import Budget
from maas_keys.core.changes import Change, Kind
from maas_keys.core.search import KeyFilter, KeyQuery
from maas_keys.core.team import Member, Team
from maas_keys.core.user import Person
from sqlalchemy import text
from sqlalchemy.engine import make_url

NOW = 1_800_000_000
OWNER, MEMBER, VIEWER = TeamRole.OWNER, TeamRole.MEMBER, TeamRole.VIEWER
LIMITS = (
    Limit.parse(id="requests-1m", metric="requests", amount=60, window="1m", per="team", over="soft 20"),
    Limit.parse(id="tokens", metric="total_tokens", amount=10**12, window="month in Europe/Berlin", per="team+model", notify=(50, 100)),
)
TEAM = Team("default", "science", "Science 鍵", "for\ntests", LIMITS, Budget(5_000_000, Window.parse("month")), NOW, NOW)
PLAIN = Team("default", "plain", "Plain", "", (), None, NOW, NOW)
OPTIONS = ({}, {"options": "-c lock_timeout=50ms"})
CHANGED = Change(Kind.TEAM, "default", "science")


class Stores:
    """Teams, and who and what is in them."""

    def __init__(self, engine):
        self.teams = SqlTeamStore(engine, history=100)
        self.users = SqlUserStore(engine, history=100)
        self.keys = SqlKeyStore(engine, history=100)
        self.log = SqlChangeLog(engine)
        self._made = 0

    async def user(self, name, tenant="default"):
        return await self.users.seen(Person(tenant, "https://idp", f"sub|{name}", name, f"{name}@example.com", (), NOW), at=NOW)

    async def key(self, user, team=""):
        self._made += 1
        hashes = (KeyHash("p1", bytes(32)),)
        owner, key_id = user.owner, f"key{self._made:09}"
        key = ApiKey(key_id, "sk-", user.person.tenant, "k", "", owner, owner.user, "", hashes, NOW, NOW + 1000, team=team)
        return await self.keys.add(key)

    async def revoked(self, *keys):
        read = [await self.keys.get(key.tenant, key.id) for key in keys]
        return [(key.revoked_at, key.revision) for key in read]

    async def roles(self, tenant="default"):
        return {member.username: member.role for member in await self.teams.members(tenant, "science")}

    async def logged(self, after):
        return (await self.log.changes(after)).changed


@pytest.fixture
def stores(engine):
    return Stores(engine)


def test_a_team_is_kept_whole_with_its_first_owner(stores):
    async def scenario():
        alice = await stores.user("alice")
        team = await stores.teams.add(TEAM, alice.id)
        assert team == replace(TEAM, revision=1)
        assert await stores.teams.get("default", "science") == team
        assert await stores.teams.members("default", "science") == [Member(alice.id, "alice", "alice@example.com", OWNER, NOW)]
        plain = await stores.teams.add(PLAIN, alice.id)
        assert await stores.teams.get("default", "plain") == plain == replace(PLAIN, revision=2)
        assert await stores.teams.get("default", "other") is None

    asyncio.run(scenario())


def test_an_id_that_is_taken_is_refused_and_nothing_is_logged(stores):
    async def scenario():
        alice = await stores.user("alice")
        added = await stores.teams.add(TEAM, alice.id)
        with pytest.raises(AlreadyExistsError, match='"science"'):
            await stores.teams.add(replace(TEAM, name="Other"), alice.id)
        assert await stores.teams.get("default", "science") == added
        assert await stores.log.revision() == 1

    asyncio.run(scenario())


def test_of_many_that_take_one_id_at_once_one_does(stores):
    async def scenario():
        alice = await stores.user("alice")
        adds = (stores.teams.add(replace(TEAM, name=f"n{n}"), alice.id) for n in range(8))
        done = await asyncio.gather(*adds, return_exceptions=True)
        assert sorted(type(each).__name__ for each in done) == ["AlreadyExistsError"] * 7 + ["Team"]

    asyncio.run(scenario())


def test_an_owner_whom_nobody_knows_makes_no_team(stores):
    async def scenario():
        elsewhere = await stores.user("alice", tenant="acme")
        for user_id in ("nobody", elsewhere.id):
            with pytest.raises(NotFoundError):
                await stores.teams.add(TEAM, user_id)
        assert await stores.teams.get("default", "science") is None

    asyncio.run(scenario())


def test_a_change_is_kept_and_logged_and_of_two_the_later_reads_again(stores):
    async def scenario():
        alice = await stores.user("alice")
        team = await stores.teams.add(TEAM, alice.id)
        changed = await stores.teams.put(replace(team, limits=(), budget=None, name="New", updated_at=NOW + 5))
        assert changed == replace(team, limits=(), budget=None, name="New", updated_at=NOW + 5, revision=2)
        assert await stores.teams.get("default", "science") == changed
        assert await stores.logged(1) == (CHANGED,)
        with pytest.raises(ConflictError):
            await stores.teams.put(replace(team, name="Newer"))
        with pytest.raises(ConflictError):
            await stores.teams.delete(team, at=NOW)
        assert await stores.teams.get("default", "science") == changed
        assert await stores.log.revision() == 2

    asyncio.run(scenario())


def test_of_many_changes_at_once_one_wins(stores):
    async def scenario():
        alice = await stores.user("alice")
        team = await stores.teams.add(TEAM, alice.id)
        puts = (stores.teams.put(replace(team, name=f"n{n}")) for n in range(8))
        done = await asyncio.gather(*puts, return_exceptions=True)
        assert sorted(type(each).__name__ for each in done) == ["ConflictError"] * 7 + ["Team"]

    asyncio.run(scenario())


def test_a_team_goes_with_its_members_and_its_keys_end_by_one_change(stores):
    async def scenario():
        alice, bob = await stores.user("alice"), await stores.user("bob")
        team = await stores.teams.add(TEAM, alice.id)
        await stores.teams.add(PLAIN, alice.id)
        await stores.teams.put_member("default", "science", bob.id, MEMBER, at=NOW)
        keys = [
            await stores.key(alice, "science"),
            await stores.key(bob, "science"),
            await stores.key(bob),
            await stores.key(alice, "plain"),
        ]
        newest = await stores.log.revision()
        assert await stores.teams.delete(team, at=NOW + 9) == (2, newest + 1)
        assert await stores.logged(newest) == (CHANGED,)
        assert await stores.teams.get("default", "science") is None
        assert await stores.teams.members("default", "science") == []
        assert await stores.teams.roles_of("default", bob.person.user) == {}
        ended, kept = (NOW + 9, newest + 1), [(None, keys[2].revision), (None, keys[3].revision)]
        assert await stores.revoked(*keys) == [ended, ended, *kept]
        with pytest.raises(ConflictError):
            await stores.teams.delete(team, at=NOW)
        with pytest.raises(ConflictError):
            await stores.teams.put(team)
        assert await stores.teams.add(TEAM, bob.id) == replace(TEAM, revision=newest + 2)
        assert await stores.roles() == {"bob": OWNER}
        assert not await stores.keys.page(KeyQuery(KeyFilter("default", team="science"), 10))
        assert {key.id for key in await stores.keys.page(KeyQuery(KeyFilter("default", team="plain"), 10))} == {keys[3].id}

    asyncio.run(scenario())


def test_members_are_listed_owners_first_then_by_name(stores):
    async def scenario():
        users = {name: await stores.user(name) for name in ("zoe", "adam", "mary", "bea")}
        await stores.teams.add(TEAM, users["zoe"].id)
        for name, role in (("mary", MEMBER), ("adam", VIEWER), ("bea", MEMBER)):
            await stores.teams.put_member("default", "science", users[name].id, role, at=NOW + 3)
        members = await stores.teams.members("default", "science")
        assert [(member.username, member.role, member.since) for member in members] == [
            ("zoe", OWNER, NOW),
            ("bea", MEMBER, NOW + 3),
            ("mary", MEMBER, NOW + 3),
            ("adam", VIEWER, NOW + 3),
        ]

    asyncio.run(scenario())


def test_another_role_keeps_since_when_and_the_name_is_the_one_of_today(stores):
    async def scenario():
        alice, bob = await stores.user("alice"), await stores.user("bob")
        await stores.teams.add(TEAM, alice.id)
        await stores.teams.put_member("default", "science", bob.id, MEMBER, at=NOW + 1)
        await stores.teams.put_member("default", "science", bob.id, OWNER, at=NOW + 2)
        await stores.users.seen(replace(bob.person, username="bobby"), at=NOW)
        assert [(m.username, m.role, m.since) for m in await stores.teams.members("default", "science")] == [
            ("alice", OWNER, NOW),
            ("bobby", OWNER, NOW + 1),
        ]
        assert await stores.teams.roles_of("default", bob.person.user) == {"science": OWNER}

    asyncio.run(scenario())


def test_who_leaves_a_team_loses_their_keys_there(stores):
    async def scenario():
        alice, bob = await stores.user("alice"), await stores.user("bob")
        await stores.teams.add(TEAM, alice.id)
        await stores.teams.put_member("default", "science", bob.id, MEMBER, at=NOW)
        keys = [await stores.key(bob, "science"), await stores.key(bob), await stores.key(alice, "science")]
        newest = await stores.log.revision()
        assert await stores.teams.remove_member("default", "science", bob.id, at=NOW + 9) == (1, newest + 1)
        assert await stores.logged(newest) == (Change(Kind.USER, "default", bob.person.user),)
        assert await stores.revoked(*keys) == [(NOW + 9, newest + 1), (None, keys[1].revision), (None, keys[2].revision)]
        assert await stores.roles() == {"alice": OWNER}
        assert await stores.teams.roles_of("default", bob.person.user) == {}

    asyncio.run(scenario())


def test_who_leaves_without_keys_changes_nothing_for_watchers(stores):
    async def scenario():
        alice, bob = await stores.user("alice"), await stores.user("bob")
        await stores.teams.add(TEAM, alice.id)
        await stores.teams.put_member("default", "science", bob.id, VIEWER, at=NOW)
        newest = await stores.log.revision()
        assert await stores.teams.remove_member("default", "science", bob.id, at=NOW) == (0, newest)
        assert await stores.log.revision() == newest

    asyncio.run(scenario())


def test_the_only_owner_stays(stores):
    async def scenario():
        alice, bob = await stores.user("alice"), await stores.user("bob")
        await stores.teams.add(TEAM, alice.id)
        await stores.teams.put_member("default", "science", bob.id, MEMBER, at=NOW)
        key = await stores.key(alice, "science")
        for refused in (
            stores.teams.remove_member("default", "science", alice.id, at=NOW),
            stores.teams.put_member("default", "science", alice.id, MEMBER, at=NOW),
        ):
            with pytest.raises(FailedPreconditionError, match='"science": this is its only owner'):
                await refused
        await stores.teams.put_member("default", "science", alice.id, OWNER, at=NOW)
        assert await stores.roles() == {"alice": OWNER, "bob": MEMBER}
        assert await stores.revoked(key) == [(None, key.revision)]
        await stores.teams.put_member("default", "science", bob.id, OWNER, at=NOW)
        await stores.teams.put_member("default", "science", alice.id, VIEWER, at=NOW)
        assert await stores.roles() == {"alice": VIEWER, "bob": OWNER}

    asyncio.run(scenario())


@pytest.mark.parametrize("leaving", [(0, 1, 2, 3, 4, 5), (0, 2, 4), ()])
def test_of_owners_that_all_leave_or_step_down_at_once_one_stays(stores, leaving):
    async def scenario():
        owners = [await stores.user(f"owner {n}") for n in range(6)]
        await stores.teams.add(TEAM, owners[0].id)
        for owner in owners[1:]:
            await stores.teams.put_member("default", "science", owner.id, OWNER, at=NOW)
        calls = [
            stores.teams.remove_member("default", "science", owner.id, at=NOW)
            if number in leaving
            else stores.teams.put_member("default", "science", owner.id, VIEWER, at=NOW)
            for number, owner in enumerate(owners)
        ]
        done = await asyncio.gather(*calls, return_exceptions=True)
        assert [type(each) for each in done if isinstance(each, Exception)] == [FailedPreconditionError]
        assert list((await stores.roles()).values()).count(OWNER) == 1

    asyncio.run(scenario())


def test_who_changes_members_waits_for_who_does_already(postgres):
    async def scenario(engine, impatient):
        stores, waiting = Stores(engine), Stores(impatient)
        alice, bob = await stores.user("alice"), await stores.user("bob")
        await stores.teams.add(TEAM, alice.id)
        await stores.teams.put_member("default", "science", bob.id, OWNER, at=NOW)
        with engine.begin() as connection:
            connection.execute(text("SELECT FROM teams FOR UPDATE"))
            for change in (
                waiting.teams.put_member("default", "science", bob.id, VIEWER, at=NOW),
                waiting.teams.remove_member("default", "science", bob.id, at=NOW),
            ):
                with pytest.raises(UnavailableError) as waited:
                    await change
                assert "lock timeout" in str(waited.value.__cause__)
        await waiting.teams.put_member("default", "science", bob.id, VIEWER, at=NOW)
        assert await stores.roles() == {"alice": OWNER, "bob": VIEWER}

    with postgres_database(postgres) as url:
        engines = [open_database(make_url(url).update_query_dict(options).render_as_string(hide_password=False)) for options in OPTIONS]
        migrate(engines[0], MIGRATIONS)
        asyncio.run(scenario(*engines))
        for engine in engines:
            engine.dispose()


def test_a_member_who_comes_while_the_team_goes_is_told_so(stores):
    async def scenario():
        alice, *others = [await stores.user(f"user {n}") for n in range(6)]
        team = await stores.teams.add(TEAM, alice.id)
        coming = [stores.teams.put_member("default", "science", other.id, MEMBER, at=NOW) for other in others]
        done = await asyncio.gather(*coming[:2], stores.teams.delete(team, at=NOW), *coming[2:], return_exceptions=True)
        assert done[2] == (0, 2)
        assert {type(each) for each in (*done[:2], *done[3:])} <= {type(None), NotFoundError}
        assert await stores.teams.members("default", "science") == []

    asyncio.run(scenario())


def test_members_of_what_is_not_there(stores):
    async def scenario():
        alice, bob = await stores.user("alice"), await stores.user("bob")
        await stores.teams.add(TEAM, alice.id)
        for call in (
            stores.teams.put_member("default", "other", alice.id, MEMBER, at=NOW),
            stores.teams.remove_member("default", "other", alice.id, at=NOW),
            stores.teams.put_member("default", "science", "nobody", MEMBER, at=NOW),
            stores.teams.remove_member("default", "science", bob.id, at=NOW),
        ):
            with pytest.raises(NotFoundError):
                await call
        assert await stores.teams.members("default", "other") == []
        assert await stores.teams.roles_of("default", "https://idp|nobody") == {}

    asyncio.run(scenario())


def test_teams_are_listed_by_id_all_or_those_of_somebody(stores):
    async def scenario():
        alice, bob = await stores.user("alice"), await stores.user("bob")
        for name in ("delta", "alpha", "charlie", "bravo"):
            await stores.teams.add(replace(TEAM, id=name), alice.id)
        for name in ("charlie", "alpha", "delta"):
            await stores.teams.put_member("default", name, bob.id, VIEWER, at=NOW)

        async def ids(member, after, size):
            return [team.id for team in await stores.teams.page("default", member=member, after=after, size=size)]

        assert await ids(None, "", 3) == ["alpha", "bravo", "charlie"]
        assert await ids(None, "charlie", 3) == ["delta"]
        assert await ids(bob.id, "", 2) == ["alpha", "charlie"]
        assert await ids(bob.id, "charlie", 2) == ["delta"]
        assert await ids("nobody", "", 2) == []
        assert (await stores.teams.page("default", member=bob.id, after="", size=1))[0].limits == LIMITS

    asyncio.run(scenario())


def test_no_tenant_reaches_anothers_teams(stores):
    async def scenario():
        here, there = await stores.user("alice"), await stores.user("alice", tenant="acme")
        team = await stores.teams.add(TEAM, here.id)
        other = await stores.teams.add(replace(TEAM, tenant="acme", name="Theirs"), there.id)
        keys = [await stores.key(here, "science"), await stores.key(there, "science")]
        assert await stores.teams.get("acme", "science") == other
        assert await stores.teams.page("acme", member=None, after="", size=10) == [other]
        assert await stores.teams.page("acme", member=here.id, after="", size=10) == []
        assert await stores.teams.roles_of("acme", here.person.user) == {"science": OWNER}
        assert [member.user_id for member in await stores.teams.members("acme", "science")] == [there.id]
        for call in (
            stores.teams.put_member("acme", "science", here.id, MEMBER, at=NOW),
            stores.teams.remove_member("acme", "science", here.id, at=NOW),
        ):
            with pytest.raises(NotFoundError):
                await call
        only_here = await stores.teams.add(PLAIN, here.id)
        assert await stores.teams.get("acme", "plain") is None
        with pytest.raises(ConflictError):
            await stores.teams.put(replace(only_here, tenant="acme"))
        with pytest.raises(ConflictError):
            await stores.teams.delete(replace(only_here, tenant="acme"), at=NOW)
        await stores.teams.delete(other, at=NOW)
        assert await stores.teams.get("default", "science") == team
        assert await stores.roles() == {"alice": OWNER}
        assert (await stores.revoked(keys[0]))[0] == (None, keys[0].revision)

    asyncio.run(scenario())


def test_a_database_that_does_not_answer_is_told():
    async def scenario():
        engine = open_database("postgresql+psycopg://nobody@127.0.0.1:1/keys")
        teams = SqlTeamStore(engine, history=5)
        for call in (
            teams.add(TEAM, "x"),
            teams.get("default", "x"),
            teams.put(TEAM),
            teams.delete(TEAM, at=NOW),
            teams.page("default", member=None, after="", size=1),
            teams.members("default", "x"),
            teams.put_member("default", "x", "y", OWNER, at=NOW),
            teams.remove_member("default", "x", "y", at=NOW),
            teams.roles_of("default", "x|y"),
        ):
            with pytest.raises(UnavailableError, match="does not answer"):
                await call
        engine.dispose()

    asyncio.run(scenario())


TENANTS = count()
STEPS = st.lists(st.tuples(st.booleans(), st.integers(0, 3), st.sampled_from(TeamRole)), max_size=25)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_whatever_happens_members_are_as_if_in_a_dictionary_that_never_loses_its_last_owner(stores, steps):
    async def scenario():
        tenant = f"tenant {next(TENANTS)}"  # each example on its own
        users = [await stores.user(f"user {n}", tenant) for n in range(4)]
        await stores.teams.add(replace(TEAM, tenant=tenant), users[0].id)
        expected = {"user 0": OWNER}
        for is_put, number, role in steps:
            name, user_id = f"user {number}", users[number].id
            after = {each: its for each, its in expected.items() if each != name} | ({name: role} if is_put else {})
            is_allowed = OWNER in after.values() and (is_put or name in expected)
            with nullcontext() if is_allowed else pytest.raises(DomainError):
                if is_put:
                    await stores.teams.put_member(tenant, "science", user_id, role, at=NOW)
                else:
                    await stores.teams.remove_member(tenant, "science", user_id, at=NOW)
            expected = after if is_allowed else expected
        assert await stores.roles(tenant=tenant) == expected

    asyncio.run(scenario())
