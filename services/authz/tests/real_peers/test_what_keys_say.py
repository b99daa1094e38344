"""What people give a key, its team and its tenant is what requests are decided by, as soon as the call that gives it returns."""

from __future__ import annotations

import asyncio
import hashlib

import pytest
from maas.authz.v1 import authz_pb2
from maas.keys.v1 import api_keys_pb2, teams_pb2, tenants_pb2
from maas.registry.v1 import models_pb2, tiers_pb2

PATIENCE_S = 20
FREE = "tier/free/requests-1m:requests:10:1m:user"


async def made(suite, who="alice", groups=(), **request):
    new = api_keys_pb2.CreateApiKeyRequest(**{"name": "laptop"} | request)
    return await suite.keys.CreateApiKey(new, metadata=suite.people.bearer(who, groups=groups))


async def plan(suite, key: str) -> str:
    return (await suite.ask(key)).dynamic_metadata["plan"]


def test_limits_budget_and_scope_of_a_key(in_suite):
    async def scenario(suite):
        limits = [{"metric": "requests", "amount": 5, "window": "1m"}]
        key = await made(suite, limits=limits, budget={"amount": 7_000_000}, scope={"models": ["small"]})
        told = (await suite.ask(key.key)).dynamic_metadata
        assert told["plan"] == f"1;key/budget:cost:7000000:total:key:hard:50/80/100;key/requests-1m:requests:5:1m:key;{FREE}"
        await suite.as_admin(
            suite.models.CreateModel, models_pb2.CreateModelRequest(id="new", url="http://127.0.0.1:8090/v1", published_to="all")
        )
        assert (await suite.status(key.key), await suite.status(key.key, "new")) == (200, 403)
        narrower = api_keys_pb2.UpdateApiKeyRequest(id=key.id, scope={"models": ["new"]}, limits=[limits[0] | {"amount": 4}])
        await suite.keys.UpdateApiKey(narrower, metadata=suite.people.bearer("alice"))
        assert (await suite.status(key.key), await suite.status(key.key, "new")) == (403, 200)
        await suite.count("admit", await suite.ask(key.key, "new"))
        assert (await suite.quota("alice", key_id=key.id))["key/requests-1m"] == (1, 0, 3)

    in_suite(scenario)


def test_where_a_key_may_be_used_from(in_suite):
    async def scenario(suite):
        key = await made(suite, allowed_ips=["10.0.0.0/8"])
        assert await suite.status(key.key) == 403

    in_suite(scenario)


def test_disabled_enabled_rotated(in_suite):
    async def scenario(suite):
        alice = suite.people.bearer("alice")
        key = await made(suite)
        assert await suite.status(key.key) == 200
        await suite.keys.DisableApiKey(api_keys_pb2.DisableApiKeyRequest(id=key.id), metadata=alice)
        assert await suite.status(key.key) == 401
        await suite.keys.EnableApiKey(api_keys_pb2.EnableApiKeyRequest(id=key.id), metadata=alice)
        assert await suite.status(key.key) == 200
        rotated = await suite.keys.RotateApiKey(api_keys_pb2.RotateApiKeyRequest(id=key.id), metadata=alice)
        assert [await suite.status(each) for each in (key.key, rotated.key)] == [200, 200]
        at_once = await suite.keys.RotateApiKey(api_keys_pb2.RotateApiKeyRequest(id=key.id, grace="0"), metadata=alice)
        assert [await suite.status(each) for each in (key.key, rotated.key, at_once.key)] == [401, 401, 200]

    in_suite(scenario)


def test_a_key_bound_to_a_tier(in_suite):
    async def scenario(suite):
        gold = tiers_pb2.CreateTierRequest(name="gold", level=3, groups=["gold-users"])
        await suite.as_admin(suite.tiers.CreateTier, gold)
        key = await made(suite, groups=("gold-users",), subscription="free")
        beside = await made(suite, groups=("gold-users",))
        assert [(await suite.ask(each.key)).dynamic_metadata["tier"] for each in (key, beside)] == ["free", "gold"]

    in_suite(scenario)


def test_the_limits_of_a_team_reach_every_key_of_it_and_no_other(in_suite):
    async def scenario(suite):
        await made(suite)  # now alice is known
        physics = teams_pb2.CreateTeamRequest(id="physics", name="Physics", budget={"amount": 900})
        await suite.teams.CreateTeam(physics, metadata=suite.people.admin())
        member = teams_pb2.AddTeamMemberRequest(id="physics", user_email="alice")
        await suite.teams.AddTeamMember(member, metadata=suite.people.admin())
        keys = [await made(suite, team="physics") for _ in range(2)]
        other = await made(suite)
        budget = "team/budget:cost:900:total:team:hard:50/80/100"
        assert [await plan(suite, key.key) for key in (*keys, other)] == [f"1;{budget};{FREE}"] * 2 + [f"1;{FREE}"]
        assert (await suite.ask(keys[0].key)).dynamic_metadata["team"] == "physics"
        more = teams_pb2.UpdateTeamRequest(id="physics", limits=[{"metric": "requests", "amount": 9, "window": "1m"}])
        await suite.as_admin(suite.teams.UpdateTeam, more)
        with_more = f"1;{budget};team/requests-1m:requests:9:1m:team;{FREE}"
        assert [await plan(suite, key.key) for key in (*keys, other)] == [with_more] * 2 + [f"1;{FREE}"]
        await suite.as_admin(suite.teams.DeleteTeam, teams_pb2.DeleteTeamRequest(id="physics"))
        assert [await suite.status(key.key) for key in (*keys, other)] == [401, 401, 200]

    in_suite(scenario)


def test_the_default_limits_of_a_tenant_reach_every_key_of_it(in_suite):
    async def scenario(suite):
        keys = [await made(suite, who) for who in ("alice", "bob")]
        assert [await plan(suite, key.key) for key in keys] == [f"1;{FREE}"] * 2
        limits = tenants_pb2.UpdateTenantRequest(name="default", default_limits=[{"metric": "requests", "amount": 8, "window": "1d"}])
        await suite.as_admin(suite.tenants.UpdateTenant, limits)
        assert [await plan(suite, key.key) for key in keys] == [f"1;tenant/requests-1d:requests:8:1d:user;{FREE}"] * 2

    in_suite(scenario)


def test_groups_follow_their_owners_sign_in(in_suite):
    async def scenario(suite):
        await suite.as_admin(suite.tiers.CreateTier, tiers_pb2.CreateTierRequest(name="gold", level=3, groups=["gold-users"]))
        key = await made(suite)
        assert (await suite.ask(key.key)).dynamic_metadata["tier"] == "free"
        await made(suite, groups=("gold-users",))
        async with asyncio.timeout(PATIENCE_S):
            while (await suite.ask(key.key)).dynamic_metadata["tier"] != "gold":  # signing in waits for nobody
                pass

    in_suite(scenario)


def test_a_key_that_another_system_made(in_suite):
    async def scenario(suite):
        text = "sk-old-Zm9yZWlnbg"
        assert await suite.status(text) == 401
        digest = hashlib.sha256(text.encode()).hexdigest()
        imported = api_keys_pb2.ImportApiKeysRequest(keys=[{"sha256": digest, "shown": "sk-old-Zm", "name": "old", "username": "alice"}])
        await suite.keys.ImportApiKeys(imported, metadata=suite.people.admin())
        assert await suite.status(text) == 200
        key_id = (await suite.ask(text)).dynamic_metadata["key"]
        rotated = await suite.keys.RotateApiKey(api_keys_pb2.RotateApiKeyRequest(id=key_id), metadata=suite.people.admin())
        assert [await suite.status(each) for each in (text, rotated.key)] == [200, 200]
        await suite.keys.RevokeApiKey(api_keys_pb2.RevokeApiKeyRequest(id=key_id), metadata=suite.people.admin())
        assert [await suite.status(each) for each in (text, rotated.key)] == [401, 401]

    in_suite(scenario, foreign_key_prefixes=["sk-old-"])


def test_when_a_key_was_last_used_is_seen_by_its_owner(in_suite):
    async def scenario(suite):
        used, unused = await made(suite), await made(suite)
        await suite.ask(used.key)

        async def last_used(key_id: str) -> bool:
            read = api_keys_pb2.GetApiKeyRequest(id=key_id)
            return (await suite.keys.GetApiKey(read, metadata=suite.people.bearer("alice"))).HasField("last_used_at")

        async with asyncio.timeout(PATIENCE_S):
            while not await last_used(used.id):
                pass
        assert not await last_used(unused.id)

    in_suite(scenario, last_used_every_s=0.05)


@pytest.mark.parametrize("asked", [{"user": "bob"}, {"model": "small"}])
def test_who_may_use_what(in_suite, asked):
    async def scenario(suite):
        await made(suite, "bob", groups=("gold-users",))
        await suite.as_admin(suite.tiers.CreateTier, tiers_pb2.CreateTierRequest(name="gold", level=3, groups=["gold-users"]))
        answer = await suite.list_access(authz_pb2.ListAccessRequest(**asked), metadata=suite.people.admin())
        told = {each.username: (each.model, each.allowed, each.tier, each.group) for each in answer.access}
        assert told["bob"] == ("small", True, "gold", "gold-users")

    in_suite(scenario)
