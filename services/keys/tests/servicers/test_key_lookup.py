"""What decisions are told of a key, and that they never hear of a change before they can see it."""

from __future__ import annotations

import asyncio
from hashlib import sha256

import pytest
from google.protobuf.json_format import MessageToDict
from maas.keys.v1.api_keys_pb2 import (
    CreateApiKeyRequest,
    DisableApiKeyRequest,
    ImportApiKeysRequest,
    RevokeApiKeyRequest,
    RotateApiKeyRequest,
)
from maas.keys.v1.lookup_pb2 import LookupApiKeyRequest
from maas.keys.v1.teams_pb2 import CreateTeamRequest, UpdateTeamRequest
from maas.keys.v1.tenants_pb2 import UpdateTenantRequest
from maas.keys.v1.users_pb2 import GetMeRequest
from maas_common.apikey import foreign_key_id, hash_key
from maas_common.testing import WORKLOAD

DAY_S = 86_400
MINUTE = {"metric": "requests", "window": "1m"}


async def look_up(world, key_id, tenant=""):
    return await world.lookup.LookupApiKey(LookupApiKeyRequest(id=key_id, tenant=tenant), metadata=WORKLOAD)


async def create(world, metadata, **order):
    return await world.keys.CreateApiKey(CreateApiKeyRequest(**{"name": "laptop"} | order), metadata=metadata)


async def make_team(world, **order):
    """Red, which alice owns: she is known from when she first came."""
    await world.users.GetMe(GetMeRequest(), metadata=world.alice)
    red = CreateTeamRequest(id="red", name="Red", owner_email="alice@example.org", **order)
    await world.teams.CreateTeam(red, metadata=world.admin)


async def set_tenant_limits(world, *limits):
    await world.tenants.UpdateTenant(UpdateTenantRequest(name="default", default_limits=limits), metadata=world.admin)


async def set_team_limit(world, amount):
    await world.teams.UpdateTeam(UpdateTeamRequest(id="red", limits=[MINUTE | {"amount": amount}]), metadata=world.admin)


def test_a_record_brings_all_that_a_decision_needs(keys_service):
    async def scenario():
        async with keys_service(groups_max_age="30d") as world:
            now, issuer = int(world.clock.now()), world.settings.oidc_issuer
            await set_tenant_limits(world, MINUTE | {"amount": 100}, {"metric": "requests", "window": "1h", "amount": 1000})
            await make_team(world, limits=[{"metric": "concurrency", "amount": 3}], budget={"amount": 7, "period": "month"})
            made = await create(
                world,
                world.alice,
                team="red",
                scope={"models": ["small"], "mcp_servers": ["files"], "vector_databases": ["papers"], "agents": ["clerk"]},
                limits=[MINUTE | {"amount": 5, "per": "user"}],
                budget={"amount": 9},
                allowed_ips=["10.0.0.0/8"],
            )
            record = (await look_up(world, made.id)).record
            pepper = bytes.fromhex("5a" * 32)
            assert [(known.pepper_id, known.hmac_sha256, known.sha256, known.until) for known in record.hashes] == [
                ("p1", hash_key(made.key, pepper), b"", 0)
            ]
            record.ClearField("hashes")
            shown = MessageToDict(record, preserving_proto_field_name=True)
            told = [50, 80, 100]
            assert shown == {
                "id": made.id,
                "tenant": "default",
                "username": "alice",
                "user": f"{issuer}|alice",
                "groups": ["staff", "system:authenticated"],
                "groups_until": str(now + 30 * DAY_S),
                "status": "active",
                "expires_at": str(now + 90 * DAY_S),
                "name": "laptop",
                "team": "red",
                "scope": {"models": ["small"], "mcp_servers": ["files"], "vector_databases": ["papers"], "agents": ["clerk"]},
                "limits": [
                    {"id": "key/requests-1m", "metric": "requests", "amount": "5", "window": "1m", "per": "user", "over": "hard"},
                    {"id": "key/budget", "metric": "cost", "amount": "9", "window": "total", "per": "key", "over": "hard", "notify": told},
                    {"id": "team/concurrency", "metric": "concurrency", "amount": "3", "window": "-", "per": "team", "over": "hard"},
                    {
                        "id": "team/budget",
                        "metric": "cost",
                        "amount": "7",
                        "window": "month",
                        "per": "team",
                        "over": "hard",
                        "notify": told,
                    },
                    {"id": "tenant/requests-1h", "metric": "requests", "amount": "1000", "window": "1h", "per": "user", "over": "hard"},
                ],
                "allowed_ips": ["10.0.0.0/8"],
                "kind": "standard",
            }

    asyncio.run(scenario())


def test_a_rotated_key_has_both_hashes_and_a_foreign_one_its_sha256(keys_service):
    async def scenario():
        async with keys_service() as world:
            now, digest = int(world.clock.now()), sha256(b"a key from elsewhere").digest()
            made = await create(world, world.alice)
            await world.keys.RotateApiKey(RotateApiKeyRequest(id=made.id, grace="1h"), metadata=world.alice)
            new, old = (await look_up(world, made.id)).record.hashes
            assert (new.until, old.until) == (0, now + 3600)
            assert new.hmac_sha256 != old.hmac_sha256 == hash_key(made.key, bytes.fromhex("5a" * 32))
            order = {"sha256": digest.hex(), "shown": "old-", "username": "carol", "name": "from there"}
            await world.keys.ImportApiKeys(ImportApiKeysRequest(keys=[order]), metadata=world.admin)
            (known,) = (await look_up(world, foreign_key_id(digest))).record.hashes
            assert (known.pepper_id, known.hmac_sha256, known.sha256, known.until) == ("", b"", digest, 0)

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("owner", "user", "groups"),
    [
        ({"owner_kind": "group", "username": "research"}, "group|research", ["research", "system:authenticated"]),
        (
            {"owner_kind": "service_account", "username": "nightly", "groups": ["batch"]},
            "service-account|nightly",
            ["batch", "system:authenticated"],
        ),
    ],
)
def test_groups_of_who_never_signs_in_do_not_age(keys_service, owner, user, groups):
    async def scenario():
        async with keys_service() as world:
            made = await create(world, world.admin, **owner)
            record = (await look_up(world, made.id)).record
            assert (record.user, list(record.groups), record.groups_until) == (user, groups, 0)

    asyncio.run(scenario())


def test_status_is_what_it_is_before_expiry_and_a_playground_key_has_its_own_limits_alone(keys_service):
    async def scenario():
        async with keys_service(approval_expiry="1d") as world:
            await set_tenant_limits(world, MINUTE | {"amount": 1, "id": "all"})
            waits, works = await create(world, world.alice, expires_in="2d"), await create(world, world.alice, expires_in="1h")
            await world.keys.DisableApiKey(DisableApiKeyRequest(id=works.id), metadata=world.alice)
            world.clock.advance(2 * 3600)
            assert [(await look_up(world, key.id)).record.status for key in (waits, works)] == ["pending", "disabled"]
            play = await create(world, world.alice, kind="playground", expires_in="1d")
            record = (await look_up(world, play.id)).record
            assert (record.kind, {limit.id.partition("/")[0] for limit in record.limits}) == ("playground", {"key"})

    asyncio.run(scenario())


def test_a_look_up_in_another_tenant_finds_nothing(keys_service):
    async def scenario():
        async with keys_service() as world:
            made = await create(world, world.alice)
            found = {tenant: (await look_up(world, made.id, tenant)).HasField("record") for tenant in ("", "default", "acme")}
            assert found == {"": True, "default": True, "acme": False}

    asyncio.run(scenario())


async def revoke(world, key_id, _time):
    await world.keys.RevokeApiKey(RevokeApiKeyRequest(id=key_id), metadata=world.alice)


async def change_groups(world, _key_id, time):
    alice = world.person("alice", f"group-{time}", iat=int(world.clock.now()) + time)
    await world.users.GetMe(GetMeRequest(), metadata=alice)


async def change_team(world, _key_id, time):
    await set_team_limit(world, 10 + time)


async def change_tenant(world, _key_id, time):
    await set_tenant_limits(world, {"metric": "requests", "window": "1h", "amount": 10 + time})


CHANGES = {"ids": revoke, "users": change_groups, "teams": change_team, "tenants": change_tenant}


def names(world, key_id):
    """What a watcher is told, by the kind of the change."""
    return {"ids": [key_id], "users": [f"{world.settings.oidc_issuer}|alice"], "teams": [("default", "red")], "tenants": ["default"]}


@pytest.mark.parametrize("kind", CHANGES)
def test_a_change_is_told_of_as_what_changed_and_is_acknowledged(keys_service, migrated_url, kind):
    async def scenario():
        async with keys_service(database_url=migrated_url) as world:
            await make_team(world)
            made = await create(world, world.alice, team="red")
            watch, before = await world.drained(), await look_up(world, made.id)
            world.clock.advance(60)
            await CHANGES[kind](world, made.id, 0)
            said = await watch.next()
            changed = MessageToDict(said.changed)
            assert set(changed) == {kind}
            told = [(team.tenant, team.id) for team in said.changed.teams] if kind == "teams" else list(getattr(said.changed, kind))
            assert told == names(world, made.id)[kind]
            after = await look_up(world, made.id)
            assert before.revision < said.revision == after.revision
            assert after.record != before.record

    asyncio.run(scenario())


@pytest.mark.parametrize("kind", [kind for kind in CHANGES if kind != "ids"])
def test_a_look_up_at_a_changes_revision_shows_it_however_the_two_meet(keys_service, migrated_url, kind):
    """A watcher that forgot what a revision changed must not be given what was before it."""

    async def scenario():
        async with keys_service(database_url=migrated_url) as world:
            await make_team(world)
            made = await create(world, world.alice, team="red")
            seen, done = [], asyncio.Event()

            async def looking():
                while not done.is_set():
                    answer = await look_up(world, made.id)
                    seen.append((answer.revision, answer.record.SerializeToString(deterministic=True)))

            lookers = [asyncio.ensure_future(looking()) for _ in range(3)]
            world.clock.advance(60)
            for time in range(12):
                await CHANGES[kind](world, made.id, time)
            done.set()
            await asyncio.gather(*lookers)
            assert len(seen) > 12
            by_revision = {}
            for revision, record in seen:
                by_revision.setdefault(revision, set()).add(record)
            # One snapshot: each revision has one record, and no two revisions share one.
            assert {len(records) for records in by_revision.values()} == {1}
            assert len(set.union(*by_revision.values())) == len(by_revision)

    asyncio.run(scenario())
