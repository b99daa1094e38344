"""What a key's record says beside whose it is, as it reaches Envoy and the rate limiter."""

from __future__ import annotations

import json
import secrets

import pytest
import structlog
from google.protobuf.json_format import MessageToDict
from maas_authz.settings import AuthzSettings
from maas_common.apikey import ALPHABET, mint

OF_KEY = {"id": "key/requests-1m", "metric": "requests", "amount": 5, "window": "1m", "per": "key"}
OF_TEAM = {"id": "team/budget", "metric": "cost", "amount": 900, "window": "month", "per": "team", "notify": [50, 80, 100]}


def mint_as(key_id: str) -> str:
    """A key of ours with that id."""
    number = 0
    for character in key_id:
        number = number * len(ALPHABET) + ALPHABET.index(character)
    parts = iter((number.to_bytes(16), secrets.token_bytes(32)))
    return mint(random_bytes=lambda _size: next(parts)).text


def told(response) -> dict[str, str]:
    return MessageToDict(response.dynamic_metadata)


def refusal(response) -> tuple[int, str]:
    return response.denied_response.status.code, json.loads(response.denied_response.body)["error"]["message"]


def test_the_limits_of_key_and_team_reach_the_rate_limiter_with_the_tiers(in_world):
    async def scenario(world):
        key = world.mint(team="physics", limits=[OF_TEAM, OF_KEY])
        for _ in range(2):
            answer = told(await world.ask(key.text))
            assert answer["team"] == "physics"
            assert answer["plan"] == (
                "1;key/requests-1m:requests:5:1m:key;team/budget:cost:900:month:team:hard:50/80/100;"
                "tier/free/requests-1m:requests:10:1m:user;tier/free/total-tokens-1m:total_tokens:2000:1m:user"
            )

    in_world(scenario)


def test_a_plan_follows_its_tier(in_world):
    async def scenario(world):
        key = world.mint(limits=[OF_KEY])
        await world.ask(key.text)
        for revision, amount in ((2, 20), (3, 30)):
            limit = {"id": "requests-1m", "metric": "requests", "amount": amount, "window": "1m", "per": "user"}
            world.registry.feed.say(
                revision, change={"tiers": [{"name": "free", "level": 0, "groups": ["system:authenticated"], "limits": [limit]}]}
            )
            await world.registry.feed.applied(revision)
            plan = f"1;key/requests-1m:requests:5:1m:key;tier/free/requests-1m:requests:{amount}:1m:user"
            assert told(await world.ask(key.text))["plan"] == plan
        assert world.keys.lookups == [key.id]

    in_world(scenario)


def test_a_playground_key_has_its_own_limits_and_is_charged_nothing(in_world):
    async def scenario(world):
        key = world.mint(groups=("metered-users",), kind="playground", limits=[OF_KEY])
        answer = told(await world.ask(key.text, model="pro"))
        assert (answer["tier"], answer["price"], answer["plan"]) == ("metered", "-", "1 strict;key/requests-1m:requests:5:1m:key")
        beside = world.mint(groups=("metered-users",), limits=[OF_KEY])
        assert told(await world.ask(beside.text, model="pro"))["price"] == "150000/600000/150000"

    in_world(scenario)


@pytest.mark.parametrize(
    "limits",
    [
        [OF_KEY | {"metric": "wishes"}],
        [OF_KEY, OF_KEY],
        [OF_KEY | {"id": "tier/free/requests-1m"}],
        [OF_KEY | {"id": "Key!"}],
    ],
)
def test_a_key_with_limits_that_cannot_be_applied_is_not_let_through(in_world, limits):
    async def scenario(world):
        with structlog.testing.capture_logs() as lines:
            answer = await world.ask(world.mint(limits=limits).text)
        assert refusal(answer) == (503, "The limits of this API key can't be applied.")
        assert "key's limits can't be applied" in [line["event"] for line in lines]
        assert await world.status(world.mint(limits=[OF_KEY]).text) == 200

    in_world(scenario)


def test_a_scope_is_a_list_of_models_or_of_anything_else(in_world):
    async def scenario(world):
        for scope, status in (
            ({}, 200),
            ({"models": ["small", "pro"]}, 200),
            ({"models": ["pro"]}, 403),
            ({"mcp_servers": ["search"]}, 403),
            ({"vector_databases": ["docs"]}, 403),
            ({"agents": ["clerk"]}, 403),
        ):
            assert await world.status(world.mint(scope=scope).text) == status

    in_world(scenario)


def test_groups_that_grow_too_old_count_no_more_though_they_are_remembered(in_world):
    async def scenario(world):
        key = world.mint(groups=("premium-users",), groups_until=int(world.clock.now()) + 60)
        bound = world.mint(groups=("premium-users",), groups_until=int(world.clock.now()) + 60, subscription="premium")
        assert told(await world.ask(key.text))["tier"] == "premium"
        assert await world.status(bound.text) == 200
        world.clock.advance(61)
        assert told(await world.ask(key.text))["group"] == "system:authenticated"
        assert refusal(await world.ask(bound.text)) == (
            403,
            "Access denied. None of your groups has the tier that this API key is bound to.",
        )

    in_world(scenario)


def test_groups_that_were_vouched_for_meanwhile_are_found_when_the_older_word_ends(in_world):
    async def scenario(world):
        key = world.mint(groups=("premium-users",), groups_until=int(world.clock.now()) + 60)
        assert told(await world.ask(key.text))["tier"] == "premium"
        world.keys.records[key.id].groups_until += 60  # it is told once a day, not each time
        world.clock.advance(61)
        assert [told(await world.ask(key.text))["tier"] for _ in range(3)] == ["premium"] * 3
        world.clock.advance(60)
        assert [told(await world.ask(key.text))["tier"] for _ in range(3)] == ["free"] * 3
        assert world.keys.lookups.count(key.id) == 3

    in_world(scenario)


def test_a_key_is_used_from_its_networks_as_the_gateway_tells(in_world):
    async def scenario(world):
        key = world.mint(allowed_ips=["203.0.113.0/24", "2001:db8::/32"]).text

        async def asked(peer: str):
            return await world.ask(key, headers={"x-forwarded-for": "203.0.113.7"}, peer=peer)

        for peer in ("203.0.113.7", "2001:db8::7", "::ffff:203.0.113.7"):
            assert (await asked(peer)).HasField("ok_response")
        for peer in ("10.0.0.1", "", "unknown", "203.0.113.7:443", "203.0.113.0/24"):
            assert refusal(await asked(peer)) == (403, "Access denied. This API key may not be used from your address.")
        assert (await world.ask(key, method="GET", path="/v1/models", peer="10.0.0.1")).denied_response.status.code == 403

    in_world(scenario)


def test_behind_trusted_proxies_the_client_is_whom_they_speak_for(in_world):
    async def scenario(world):
        key = world.mint(allowed_ips=["203.0.113.0/24"]).text
        for forwarded_for, status in (
            ("203.0.113.7, 10.0.0.2, 10.0.0.1", 200),
            ("1.1.1.1, 203.0.113.7, 10.0.0.2, 10.0.0.1", 200),
            ("203.0.113.7, 1.1.1.1, 10.0.0.2, 10.0.0.1", 403),
            ("203.0.113.7, 10.0.0.1", 403),
            ("203.0.113.7", 403),
        ):
            assert await world.status(key, headers={"x-forwarded-for": forwarded_for}) == status

    in_world(scenario, trusted_hops=2)


def test_the_old_secret_works_until_its_grace_ends(in_world):
    async def scenario(world):
        old = world.mint()
        new = mint_as(old.id)
        hashes = world.keys.records[old.id].hashes
        hashes[0].until = int(world.clock.now()) + 60
        hashes.insert(0, world.hashed(new))
        assert [await world.status(old.text), await world.status(new)] == [200, 200]
        world.clock.advance(60)
        assert [await world.status(old.text), await world.status(new)] == [401, 200]

    in_world(scenario)


def test_keys_of_another_system_are_known_by_prefix_and_hash(in_world):
    async def scenario(world):
        text = "sk-old-Zm9yZWlnbg"
        key_id = world.take_over(text)
        for _ in range(2):
            assert told(await world.ask(text))["key"] == key_id
        assert [await world.status(key) for key in ("sk-old-Zm9yZWlnbh", "sk-other-x", "sk-old-", text + " ")] == [401, 401, 401, 200]
        assert world.keys.lookups[0] == key_id
        assert len(world.keys.lookups) == 3  # two of them junk that begins as such keys do
        world.keys.records[key_id].status = "revoked"
        world.keys.revision = 2
        world.keys.feed.say(2, changed={"ids": [key_id]})
        await world.keys.feed.applied(2)
        assert await world.status(text) == 401

    in_world(scenario, foreign_key_prefixes=["sk-old-", "team:"])


def test_without_a_prefix_for_them_they_cost_no_look_up(in_world):
    async def scenario(world):
        world.take_over("sk-old-Zm9yZWlnbg")
        assert await world.status("sk-old-Zm9yZWlnbg") == 401
        assert world.keys.lookups == []

    in_world(scenario)


def test_junk_that_looks_like_them_does_not_keep_our_own_keys_out(in_world):
    async def scenario(world):
        world.take_over("sk-old-good")
        assert [await world.status(f"sk-old-{number}") for number in range(4)] == [401, 401, 503, 503]
        assert await world.status("sk-old-good") == 503
        assert await world.status(world.mint().text) == 200
        assert await world.status(mint().text) == 401
        world.clock.advance(1)
        assert [await world.status("sk-old-good"), await world.status("sk-old-good")] == [200, 200]
        assert await world.status("sk-old-4") == 401

    in_world(scenario, foreign_key_prefixes=["sk-old-"], foreign_key_lookups_burst=2, foreign_key_lookups_per_s=1.0)


def test_a_key_of_another_system_can_be_rotated_to_one_of_ours(in_world):
    async def scenario(world):
        text = "sk-old-Zm9yZWlnbg"
        key_id = world.take_over(text)
        rotated = mint_as(key_id)
        hashes = world.keys.records[key_id].hashes
        hashes[0].until = int(world.clock.now()) + 60
        hashes.insert(0, world.hashed(rotated))
        assert [await world.status(text), await world.status(rotated)] == [200, 200]
        world.clock.advance(60)
        assert [await world.status(text), await world.status(rotated)] == [401, 200]
        assert world.keys.lookups == [key_id]

    in_world(scenario, foreign_key_prefixes=["sk-old-"])


@pytest.mark.parametrize("prefix", ["", "sk-maas-", "sk-maas-old-"])
def test_a_prefix_that_our_own_keys_begin_with_is_refused(tmp_path, prefix):
    with pytest.raises(ValueError, match="want what no key of ours begins with"):
        AuthzSettings(workload_secret_file=tmp_path, pepper_file=tmp_path, foreign_key_prefixes=["old-", prefix])
