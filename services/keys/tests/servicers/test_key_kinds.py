"""Personal and playground keys, approval, subscriptions, and who may make keys at all."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import grpc
import pytest
from maas.keys.v1 import api_keys_pb2 as api
from maas.keys.v1.lookup_pb2 import LookupApiKeyRequest
from maas.keys.v1.teams_pb2 import CreateTeamRequest
from maas.keys.v1.tenants_pb2 import UpdateTenantRequest
from maas.keys.v1.users_pb2 import GetMeRequest
from maas.registry.v1 import tiers_pb2, tiers_pb2_grpc
from maas_common.testing import WORKLOAD

DAY_S = 86_400
TIERS = {"premium-users": "premium", "staff": "free"}


async def create(world, who, **order):
    return await world.keys.CreateApiKey(api.CreateApiKeyRequest(**{"name": "laptop"} | order), metadata=who)


async def personal(world, who, **request):
    return await world.keys.CreatePersonalApiKey(api.CreatePersonalApiKeyRequest(**request), metadata=who)


async def read(world, key_id, who):
    return await world.keys.GetApiKey(api.GetApiKeyRequest(id=key_id), metadata=who)


async def update(world, key_id, who, **said):
    return await world.keys.UpdateApiKey(api.UpdateApiKeyRequest(id=key_id, **said), metadata=who)


def test_everybody_has_one_personal_key_first_in_their_list(keys_service):
    async def scenario():
        async with keys_service() as world:
            await create(world, world.alice, name="older")
            first = personal(world, world.alice)
            made = await first
            await create(world, world.alice, name="newer")
            again = await personal(world, world.alice, expires_in="1d")
            assert (made.kind, made.name, bool(made.key), made.note) == ("personal", "Personal", True, "")
            assert (again.id, again.key, again.expires_at) == (made.id, "", made.expires_at)
            assert "rotate it for a new one" in again.note
            assert (await personal(world, world.bob)).id != made.id
            listed = await world.keys.ListApiKeys(api.ListApiKeysRequest(), metadata=world.alice)
            assert [key.name for key in listed.api_keys] == ["Personal", "newer", "older"]
            everything = await world.keys.ListApiKeys(api.ListApiKeysRequest(page_size=2), metadata=world.admin)
            assert [(key.kind, key.username) for key in everything.api_keys] == [("personal", "bob"), ("personal", "alice")]
            rest = await world.keys.ListApiKeys(api.ListApiKeysRequest(page_token=everything.next_page_token), metadata=world.admin)
            assert [key.name for key in rest.api_keys] == ["newer", "older"]

    asyncio.run(scenario())


def test_a_personal_key_is_a_201_when_it_is_made(keys_service):
    async def scenario():
        async with keys_service() as world:
            for status in ("201", None):
                call = world.keys.CreatePersonalApiKey(api.CreatePersonalApiKeyRequest(), metadata=world.alice)
                assert dict(await call.initial_metadata()).get("x-http-code") == status

    asyncio.run(scenario())


def test_many_at_once_make_one(keys_service, migrated_url):
    async def scenario():
        async with keys_service(database_url=migrated_url) as world:
            answers = await asyncio.gather(*(personal(world, world.alice) for _ in range(8)))
            assert len({answer.id for answer in answers}) == 1
            assert [bool(answer.key) for answer in answers].count(True) == 1

    asyncio.run(scenario())


@pytest.mark.parametrize("ended", ["revoked", "expired", "deleted"])
def test_one_that_has_ended_makes_room(keys_service, ended):
    async def scenario():
        async with keys_service() as world:
            made = await personal(world, world.alice, expires_in="1h")
            if ended == "expired":
                world.clock.advance(3600)
            elif ended == "revoked":
                await world.keys.RevokeApiKey(api.RevokeApiKeyRequest(id=made.id), metadata=world.alice)
            else:
                await world.keys.DeleteApiKey(api.DeleteApiKeyRequest(id=made.id), metadata=world.alice)
            again = await personal(world, world.alice)
            assert again.id != made.id
            assert again.key

    asyncio.run(scenario())


def test_many_at_once_put_one_in_the_place_of_an_expired_one(keys_service, migrated_url):
    async def scenario():
        async with keys_service(database_url=migrated_url) as world:
            before = await personal(world, world.alice, expires_in="1h")
            world.clock.advance(3600)
            answers = await asyncio.gather(*(personal(world, world.alice) for _ in range(8)))
            assert len({answer.id for answer in answers} - {before.id}) == 1

    asyncio.run(scenario())


def test_a_playground_key_has_limits_of_its_own(keys_service, refused, fields_of):
    async def scenario():
        limits = [{"metric": "requests", "amount": 3, "window": "1h"}]
        async with keys_service(playground_limits=limits) as world:
            made = await create(world, world.alice, kind="playground", name="try")
            again = await create(world, world.alice, kind="playground", name="again")
            assert (made.kind, again.id, again.key) == ("playground", made.id, "")
            record = (await world.lookup.LookupApiKey(LookupApiKeyRequest(id=made.id), metadata=WORKLOAD)).record
            assert record.kind == "playground"
            assert [(limit.id, limit.amount, limit.per) for limit in record.limits] == [("key/playground-requests-1h", 3, "user")]
            error = await refused(update(world, made.id, world.alice, budget={"amount": 5}))
            assert fields_of(error) == ["budget"]
            error = await refused(create(world, world.admin, kind="playground", username="alice"))
            assert fields_of(error) == ["username"]

    asyncio.run(scenario())


def test_self_service_past_the_lines_waits_for_an_approver(keys_service, refused):
    async def scenario():
        async with keys_service(approval_budget_usd=100, approval_expiry="30d") as world:
            small = await create(world, world.alice, expires_in="30d", budget={"amount": 100_000_000})
            assert small.status == "active"
            large = await create(world, world.alice, budget={"amount": 100_000_001})
            assert large.status == "pending"
            assert list(large.pending_reasons) == ["its budget of $100.000001 is over $100.00", "it lives longer than 30d"]
            record = (await world.lookup.LookupApiKey(LookupApiKeyRequest(id=large.id), metadata=WORKLOAD)).record
            assert record.status == "pending"
            error = await refused(world.keys.ApproveApiKey(api.ApproveApiKeyRequest(id=large.id), metadata=world.alice))
            assert error.code() is grpc.StatusCode.PERMISSION_DENIED
            waiting = await world.keys.ListApiKeys(api.ListApiKeysRequest(status=["pending"]), metadata=world.admin)
            assert [key.id for key in waiting.api_keys] == [large.id]

            approved = await world.keys.ApproveApiKey(api.ApproveApiKeyRequest(id=large.id), metadata=world.admin)
            assert (approved.status, list(approved.pending_reasons)) == ("active", [])
            assert approved.approved_by == f"{world.settings.oidc_issuer}|admin"
            assert approved.enforcement.enforced
            assert (await update(world, large.id, world.alice, name="x")).status == "active"
            assert (await update(world, large.id, world.alice, budget={"amount": 200_000_000})).status == "pending"
            assert (await update(world, large.id, world.alice, budget={"amount": 5}, expires_in="1d")).status == "active"
            assert (await create(world, world.admin, budget={"amount": 10**12})).status == "active"

    asyncio.run(scenario())


def test_a_rejected_key_never_works(keys_service, refused):
    async def scenario():
        async with keys_service(approval_expiry="30d") as world:
            made = await create(world, world.alice)
            error = await refused(world.keys.EnableApiKey(api.EnableApiKeyRequest(id=made.id), metadata=world.alice))
            assert error.code() is grpc.StatusCode.FAILED_PRECONDITION
            rejected = await world.keys.RejectApiKey(api.RejectApiKeyRequest(id=made.id), metadata=world.admin)
            assert (rejected.status, rejected.enforcement.enforced) == ("revoked", True)

    asyncio.run(scenario())


def test_nobody_approves_what_they_made(keys_service, refused):
    async def scenario():
        async with keys_service(approval_expiry="30d") as world:
            made = await create(world, world.person("carol"))
            promoted = world.person("carol", "maas-admins")
            error = await refused(world.keys.ApproveApiKey(api.ApproveApiKeyRequest(id=made.id), metadata=promoted))
            assert error.code() is grpc.StatusCode.PERMISSION_DENIED
            assert "another administrator" in error.details()

    asyncio.run(scenario())


class Registry(tiers_pb2_grpc.TiersServiceServicer):
    """Says whose tier is which, as the registry does."""

    async def LookupTier(self, request, context):
        assert dict(context.invocation_metadata())["x-maas-workload"] == dict(WORKLOAD)["x-maas-workload"]
        tiers = [TIERS[group] for group in request.groups if group in TIERS]
        if not tiers:
            await context.abort(grpc.StatusCode.NOT_FOUND, "no tier has any of these groups")
        return tiers_pb2.LookupTierResponse(tier=tiers[0], tiers=tiers)


@pytest.fixture
def with_registry(keys_service):
    @asynccontextmanager
    async def opened(**settings):
        server = grpc.aio.server()
        tiers_pb2_grpc.add_TiersServiceServicer_to_server(Registry(), server)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        async with keys_service(registry_address=f"127.0.0.1:{port}", **settings) as world:
            yield world, server
        await server.stop(0)

    return opened


def test_a_key_is_bound_to_a_tier_that_its_owner_has(with_registry, refused, fields_of):
    async def scenario():
        async with with_registry() as (world, _):
            made = await create(world, world.alice, subscription="free")
            assert made.subscription == "free"
            assert (await read(world, made.id, world.alice)).subscription == "free"
            for who, told in ((world.alice, "those are free"), (world.person("carol"), "they have none")):
                error = await refused(create(world, who, subscription="premium"))
                assert (error.code(), fields_of(error)) == (grpc.StatusCode.INVALID_ARGUMENT, ["subscription"])
                assert told in error.details()
            error = await refused(update(world, made.id, world.alice, subscription="premium"))
            assert fields_of(error) == ["subscription"]
            theirs = await create(world, world.admin, subscription="premium", username="dora", groups=["premium-users"])
            assert theirs.subscription == "premium"
            assert (await update(world, made.id, world.alice, update_mask={"paths": ["subscription"]})).subscription == ""

    asyncio.run(scenario())


def test_a_key_that_is_taken_over_is_bound_as_well(with_registry, refused, fields_of):
    async def scenario():
        async with with_registry() as (world, _):
            keys = [{"sha256": f"{n:064x}", "username": f"u{n}", "groups": ["staff"], "subscription": "free"} for n in range(3)]
            taken = await world.keys.ImportApiKeys(api.ImportApiKeysRequest(keys=keys), metadata=world.admin)
            assert (await read(world, taken.ids[0], world.admin)).subscription == "free"
            keys[1]["subscription"] = keys[2]["subscription"] = "premium"
            error = await refused(world.keys.ImportApiKeys(api.ImportApiKeysRequest(keys=keys), metadata=world.admin))
            assert fields_of(error) == ["keys[1].subscription", "keys[2].subscription"]

    asyncio.run(scenario())


def test_groups_that_are_too_old_give_no_tier(with_registry, refused, fields_of):
    async def scenario():
        async with with_registry(groups_max_age="1d") as (world, _):
            made = await create(world, world.alice)
            assert (await update(world, made.id, world.admin, subscription="free")).subscription == "free"
            world.clock.advance(86_400)
            error = await refused(update(world, made.id, world.admin, subscription="free"))
            assert fields_of(error) == ["subscription"]

    asyncio.run(scenario())


def test_without_the_registry_keys_without_a_subscription_are_made(with_registry, refused):
    async def scenario():
        async with with_registry() as (world, registry):
            await registry.stop(0)
            assert (await create(world, world.alice)).key
            error = await refused(create(world, world.alice, subscription="free"))
            assert error.code() is grpc.StatusCode.UNAVAILABLE

    asyncio.run(scenario())


def test_a_limit_of_the_tenant_is_tightened_not_loosened(keys_service, refused, fields_of):
    async def scenario():
        async with keys_service() as world:
            default = {"metric": "requests", "amount": 60, "window": "1m"}
            await world.tenants.UpdateTenant(UpdateTenantRequest(name="default", default_limits=[default]), metadata=world.admin)
            made = await create(world, world.alice, limits=[default | {"amount": 5, "per": "user"}])
            for limit in (default | {"amount": 61, "per": "user"}, default | {"over": "shadow", "per": "user"}, default):
                error = await refused(create(world, world.alice, limits=[limit]))
                assert fields_of(error) == ["limits[0]"]
                error = await refused(update(world, made.id, world.alice, limits=[limit]))
                assert fields_of(error) == ["limits[0]"]
            assert (await update(world, made.id, world.admin, limits=[default | {"amount": 600}])).limits[0].amount == 600

    asyncio.run(scenario())


def test_the_config_says_by_what_keys_are_made(keys_service):
    async def scenario():
        settings = {"default_expiry": "30d", "max_expiry": "60d", "ephemeral_expiry": "10m", "key_prefix": "sk-acme-"}
        approval = {"approval_budget_usd": 0.5, "approval_expiry": "45d", "rotation_grace": "2h"}
        async with keys_service(**settings, **approval, key_creation_roles=["admin"]) as world:
            config = await world.keys.GetApiKeyConfig(api.GetApiKeyConfigRequest(), metadata=world.alice)
            assert (config.default_expiry, config.max_expiry, config.ephemeral_expiry) == ("30d", "60d", "10m")
            assert (config.rotation_grace, config.key_prefix, config.max_page_size) == ("2h", "sk-acme-", 100)
            assert (config.approval_budget, config.approval_expiry, config.may_create) == (500_000, "45d", False)
            assert [limit.id for limit in config.playground_limits] == ["playground-requests-1m", "playground-total-tokens-day"]
            config = await world.keys.GetApiKeyConfig(api.GetApiKeyConfigRequest(), metadata=world.admin)
            assert config.may_create
        async with keys_service() as world:
            config = await world.keys.GetApiKeyConfig(api.GetApiKeyConfigRequest(), metadata=world.alice)
            assert (config.may_create, config.HasField("approval_budget"), config.approval_expiry) == (True, False, "")

    asyncio.run(scenario())


def test_making_keys_is_switched_off_by_role(keys_service, refused):
    async def scenario():
        async with keys_service(key_creation_roles=["admin", "team-owner"]) as world:
            await world.users.GetMe(GetMeRequest(), metadata=world.alice)
            await world.teams.CreateTeam(CreateTeamRequest(name="ds", owner_email="alice@example.org"), metadata=world.admin)
            for call in (create(world, world.alice), personal(world, world.alice), create(world, world.alice, kind="playground")):
                error = await refused(call)
                assert error.code() is grpc.StatusCode.PERMISSION_DENIED
                assert "making API keys is switched off for your roles" in error.details()
            assert (await create(world, world.alice, team="ds")).key
            assert (await create(world, world.admin)).key

    asyncio.run(scenario())
