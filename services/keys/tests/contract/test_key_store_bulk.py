"""What every KeyStore promises of many keys at once, and of all that a decision needs, on every database."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from maas_common.limits import Limit
from maas_common.windows import Window
from maas_keys.adapters.sql_keys import SqlKeyStore
from maas_keys.adapters.sql_teams import SqlTeamStore
from maas_keys.adapters.sql_tenants import SqlTenantStore
from maas_keys.core.api_key import KeyHash, Owner
from maas_keys.core.budget import Budget
from maas_keys.core.changes import Change, Changes, Kind
from maas_keys.core.decided import KeyInContext
from maas_keys.core.search import KeyFilter, KeyQuery, Visible
from maas_keys.core.team import Team
from sqlalchemy.exc import IntegrityError

AT = 1_800_000_100


def logged(*numbers):
    return tuple(Change(Kind.KEY, "default", f"key{n:09}") for n in numbers)


def owned_by(key, subject):
    return replace(key, owner=Owner("https://idp", subject, subject))


@pytest.mark.parametrize(
    ("which", "ended"),
    [
        (KeyFilter("default", username="alice"), {1, 3}),
        (KeyFilter("default", user="https://idp|sub-bob"), {2}),
        (KeyFilter("default", team="red"), {2, 3}),
        (KeyFilter("default", labels={"env": "prod"}), {1, 2}),
        (KeyFilter("default", labels={"env": "prod"}, visible=Visible("https://idp|sub-alice")), {1}),
        (KeyFilter("default", visible=Visible("https://idp|sub-alice", ("red",))), {1, 2, 3}),
        (KeyFilter("default"), {1, 2, 3}),
    ],
)
def test_all_of_a_filter_that_are_not_revoked_are_revoked_under_one_revision(keys, a_key, log, which, ended):
    async def scenario():
        await keys.add(a_key(1, labels={"env": "prod"}))
        await keys.add(a_key(2, "bob", team="red", labels={"env": "prod"}))
        await keys.add(a_key(3, team="red", labels={"env": "test"}))
        await keys.add(a_key(4, labels={"env": "prod"}, team="red", revoked_at=1))
        await keys.add(a_key(5, labels={"env": "prod"}, team="red", tenant="other"))
        assert await keys.revoke_all(which, at=AT) == (len(ended), 6)
        assert {int(key.id[3:]) for key in await keys.page(KeyQuery(KeyFilter("default"), 10)) if key.revoked_at == AT} == ended
        assert {key.revision for key in await keys.page(KeyQuery(KeyFilter("default"), 10)) if key.revoked_at == AT} == {6}
        assert await log.changes(5) == Changes(6, logged(*sorted(ended)))

    asyncio.run(scenario())


def test_where_nothing_is_left_to_revoke_nothing_is_logged(keys, a_key, log):
    async def scenario():
        await keys.add(a_key(1, revoked_at=1))
        for which in (KeyFilter("default"), KeyFilter("default", team="blue"), KeyFilter("default", user="a|b", visible=Visible("c|d"))):
            assert await keys.revoke_all(which, at=AT) == (0, 1)
        assert (await keys.get("default", "key000000001")).revoked_at == 1
        assert await log.revision() == 1

    asyncio.run(scenario())


def test_of_more_keys_than_a_watcher_is_told_by_name_it_is_told_the_owners_or_of_more_the_tenant(keys, a_key, log, there):
    there("default", people=[f"sub-{n}" for n in (0, 1, *range(2000, 3001))])

    async def scenario():
        await keys.add_foreign([owned_by(a_key(n), f"sub-{n % 2}") for n in range(1001)])
        assert await keys.revoke_all(KeyFilter("default"), at=AT) == (1001, 1002)
        owners = (Change(Kind.USER, "default", "https://idp|sub-0"), Change(Kind.USER, "default", "https://idp|sub-1"))
        assert await log.changes(1001) == Changes(1002, owners)
        await keys.add_foreign([owned_by(a_key(n), f"sub-{n}") for n in range(2000, 3001)])
        assert await keys.revoke_all(KeyFilter("default"), at=AT) == (1001, 2004)
        assert await log.changes(2003) == Changes(2004, (Change(Kind.TENANT, "default", "default"),))

    asyncio.run(scenario())


def test_foreign_keys_are_imported_once(keys, a_key, log):
    async def scenario():
        await keys.add(a_key(3, name="there before"))
        foreign = [a_key(n, prefix="sk-proj-abc", hashes=(KeyHash("", bytes([n]) * 32),), labels={"from": "there"}) for n in range(1, 6)]
        assert await keys.add_foreign([*foreign, foreign[0]]) == (4, 5)
        assert await keys.add_foreign(foreign) == (0, 5)
        assert (await keys.get("default", "key000000003")).name == "there before"
        kept = await keys.get("default", "key000000002")
        assert kept == replace(foreign[1], created_revision=3, revision=3)
        assert await log.changes(1) == Changes(5, logged(1, 2, 4, 5))
        assert await keys.count(KeyFilter("default", labels={"from": "there"})) == 4

    asyncio.run(scenario())


def test_an_import_that_fails_leaves_nothing(keys, a_key, log):
    async def scenario():
        with pytest.raises(IntegrityError):
            await keys.add_foreign([a_key(1), a_key(2, request_id="r-1"), a_key(3, request_id="r-1")])
        assert await keys.count(KeyFilter("default")) == 0
        assert await log.revision() == 0

    asyncio.run(scenario())


@pytest.mark.usefixtures("keys")
def test_an_import_past_what_the_log_holds_has_watchers_start_anew(engine, a_key, log):
    async def scenario():
        store = SqlKeyStore(engine, history=5)
        assert await store.add_foreign([a_key(n) for n in range(1, 9)]) == (8, 8)
        assert await log.changes(0) == Changes(8, None)
        assert await log.changes(3) == Changes(8, logged(4, 5, 6, 7, 8))

    asyncio.run(scenario())


def test_ephemeral_keys_that_ended_before_a_time_are_forgotten_some_at_once(keys, a_key, log):
    async def scenario():
        for number in range(1, 5):
            await keys.add(a_key(number, is_ephemeral=True, expires_at=AT + number, labels={"env": "ci"}))
        await keys.add(a_key(5, expires_at=AT))
        assert await keys.delete_ephemeral(expired_before=AT + 4, at_most=2) == 2
        assert await log.changes(5) == Changes(6, logged(1, 2))
        assert await keys.delete_ephemeral(expired_before=AT + 4, at_most=2) == 1
        assert await keys.delete_ephemeral(expired_before=AT + 4, at_most=2) == 0
        assert await log.changes(6) == Changes(7, logged(3))
        assert [key.id for key in await keys.page(KeyQuery(KeyFilter("default"), 10))] == ["key000000005", "key000000004"]

    asyncio.run(scenario())


def test_a_lookup_brings_the_teams_and_the_tenants_limits_and_the_revision_it_was_read_at(keys, users, engine, a_key):
    hundred = Limit.parse(id="requests-1m", metric="requests", amount=100, window="1m", per="team")
    thousand = replace(hundred, amount=1000)
    budget = Budget(5_000_000, Window.parse("total"))

    async def scenario():
        assert await keys.lookup("key000000001") == (None, 0)
        alice = (await users.find("default", "alice"))[0]
        teams, tenants = SqlTeamStore(engine, history=100), SqlTenantStore(engine, history=100)
        await teams.add(Team("default", "blue", "Blue", "", (hundred,), budget, AT, AT), alice.id)
        alone, in_team = await keys.add(a_key(1)), await keys.add(a_key(2, team="blue"))
        assert await keys.lookup(alone.id) == (KeyInContext(alone, (), None, ()), 3)
        assert await keys.lookup(in_team.id) == (KeyInContext(in_team, (hundred,), budget, ()), 3)
        await tenants.put(replace(await tenants.get("default"), default_limits=(thousand,)))
        assert await keys.lookup(in_team.id) == (KeyInContext(in_team, (hundred,), budget, (thousand,)), 4)
        assert await keys.lookup(in_team.id, "default") == await keys.lookup(in_team.id)
        assert await keys.lookup(in_team.id, "other") == (None, 4)
        assert await keys.lookup("key000000003") == (None, 4)

    asyncio.run(scenario())
