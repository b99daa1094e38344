"""Changing, rotating and ending keys, through the running service."""

from __future__ import annotations

import asyncio

import grpc
from maas.keys.v1 import api_keys_pb2 as api
from maas.keys.v1.lookup_pb2 import LookupApiKeyRequest
from maas.keys.v1.teams_pb2 import AddTeamMemberRequest, CreateTeamRequest
from maas.keys.v1.users_pb2 import GetMeRequest
from maas_common.apikey import Peppers, key_id_of
from maas_common.testing import WORKLOAD

DAY_S = 86_400


async def create(world, who, **order):
    return await world.keys.CreateApiKey(api.CreateApiKeyRequest(**{"name": "laptop"} | order), metadata=who)


async def read(world, key_id, who):
    return await world.keys.GetApiKey(api.GetApiKeyRequest(id=key_id), metadata=who)


async def works(world, *texts):
    """Which of the whole keys match what is known of their ids."""
    peppers = Peppers.parse(world.settings.pepper_file.read_text())
    records = [(await world.lookup.LookupApiKey(LookupApiKeyRequest(id=key_id_of(text)), metadata=WORKLOAD)).record for text in texts]
    now = world.clock.now()
    return [
        any(peppers.matches(text, h.pepper_id, h.hmac_sha256) and (not h.until or now < h.until) for h in record.hashes)
        for text, record in zip(texts, records, strict=True)
    ]


def test_an_update_changes_the_fields_it_carries(keys_service):
    async def scenario():
        async with keys_service() as world:
            made = await create(world, world.alice, description="d", labels={"a": "1"}, budget={"amount": 5})
            before = await read(world, made.id, world.alice)
            world.clock.advance(10)
            request = api.UpdateApiKeyRequest(id=made.id, name="desktop", expires_in="30d", labels={"b": "2"}, allowed_ips=["10.0.0.1"])
            after = await world.keys.UpdateApiKey(request, metadata=world.alice)
            assert after.enforcement.enforced
            assert (after.name, after.description, dict(after.labels), after.budget.amount) == ("desktop", "d", {"b": "2"}, 5)
            assert list(after.allowed_ips) == ["10.0.0.1/32"]
            assert after.expiration_date.seconds == int(world.clock.now()) + 30 * DAY_S
            assert (after.creation_date, after.updated_at.seconds) == (before.creation_date, before.updated_at.seconds + 10)
            assert after.etag != before.etag
            mask = {"paths": ["labels", "budget", "description", "allowed_ips", "limits", "scope"]}
            emptied = await world.keys.UpdateApiKey(api.UpdateApiKeyRequest(id=made.id, update_mask=mask), metadata=world.alice)
            assert (emptied.name, emptied.description, dict(emptied.labels), list(emptied.allowed_ips)) == ("desktop", "", {}, [])
            assert not emptied.HasField("budget")

    asyncio.run(scenario())


def test_bad_updates_are_refused_by_field(keys_service, refused, fields_of):
    bad = [
        ({"name": " "}, ["name"]),
        ({"name": "n" * 129}, ["name"]),
        ({"expires_in": "91d"}, ["expires_in"]),
        ({"labels": {"-": ""}, "allowed_ips": ["x"]}, ["labels", "allowed_ips[0]"]),
        ({"scope": {"models": ["*"]}}, ["scope.models[0]"]),
        ({"limits": [{"metric": "requests", "amount": 5, "window": "x"}]}, ["limits[0].window"]),
        ({"budget": {"amount": 5, "period": "x"}}, ["budget.period"]),
        ({"update_mask": {"paths": ["owner"]}}, ["update_mask"]),
        ({"update_mask": {"paths": ["name"]}}, ["name"]),
    ]

    async def scenario():
        async with keys_service() as world:
            made = await create(world, world.alice)
            before = await read(world, made.id, world.alice)
            for said, fields in bad:
                error = await refused(world.keys.UpdateApiKey(api.UpdateApiKeyRequest(id=made.id, **said), metadata=world.alice))
                assert (said, error.code(), fields_of(error)) == (said, grpc.StatusCode.INVALID_ARGUMENT, fields)
            assert await read(world, made.id, world.alice) == before

    asyncio.run(scenario())


def test_an_etag_that_is_not_current_is_a_conflict_everywhere(keys_service, refused):
    async def scenario():
        async with keys_service() as world:
            made = await create(world, world.alice)
            old = (await read(world, made.id, world.alice)).etag
            await world.keys.UpdateApiKey(api.UpdateApiKeyRequest(id=made.id, name="x", etag=old), metadata=world.alice)
            before = await read(world, made.id, world.alice)
            for call in (
                world.keys.UpdateApiKey(api.UpdateApiKeyRequest(id=made.id, name="y", etag=old), metadata=world.alice),
                world.keys.RotateApiKey(api.RotateApiKeyRequest(id=made.id, etag=old), metadata=world.alice),
                world.keys.DisableApiKey(api.DisableApiKeyRequest(id=made.id, etag=old), metadata=world.alice),
                world.keys.EnableApiKey(api.EnableApiKeyRequest(id=made.id, etag=old), metadata=world.alice),
                world.keys.DeleteApiKey(api.DeleteApiKeyRequest(id=made.id, etag=old), metadata=world.alice),
                world.keys.ApproveApiKey(api.ApproveApiKeyRequest(id=made.id, etag=old), metadata=world.admin),
            ):
                error = await refused(call)
                assert error.code() is grpc.StatusCode.ABORTED
                assert before.etag in error.details()
            assert await read(world, made.id, world.alice) == before

    asyncio.run(scenario())


def test_updates_at_once_are_all_made(keys_service, migrated_url):
    async def scenario():
        async with keys_service(database_url=migrated_url) as world:
            made = await create(world, world.alice)
            requests = [{"name": "desktop"}, {"description": "d"}, {"labels": {"a": "1"}}, {"allowed_ips": ["10.0.0.0/8"]}]
            calls = (world.keys.UpdateApiKey(api.UpdateApiKeyRequest(id=made.id, **r), metadata=world.alice) for r in requests)
            await asyncio.gather(*calls)
            key = await read(world, made.id, world.alice)
            assert (key.name, key.description, dict(key.labels), list(key.allowed_ips)) == ("desktop", "d", {"a": "1"}, ["10.0.0.0/8"])

    asyncio.run(scenario())


def test_after_a_rotation_both_secrets_work_until_the_grace_ends(keys_service):
    async def scenario():
        async with keys_service() as world:
            made = await create(world, world.alice)
            rotated = await world.keys.RotateApiKey(api.RotateApiKeyRequest(id=made.id, grace="90m"), metadata=world.alice)
            assert rotated.key != made.key
            assert key_id_of(rotated.key) == rotated.api_key.id == made.id
            assert rotated.api_key.enforcement.enforced
            assert rotated.api_key.old_key_expires_at.seconds == int(world.clock.now()) + 5400
            assert await works(world, made.key, rotated.key) == [True, True]
            world.clock.advance(5400)
            assert await works(world, made.key, rotated.key) == [False, True]
            assert not (await read(world, made.id, world.alice)).HasField("old_key_expires_at")

    asyncio.run(scenario())


def test_the_grace_is_a_day_unless_said_and_none_ends_the_old_secret_at_once(keys_service):
    async def scenario():
        async with keys_service() as world:
            made = await create(world, world.alice)
            second = await world.keys.RotateApiKey(api.RotateApiKeyRequest(id=made.id), metadata=world.alice)
            assert second.api_key.old_key_expires_at.seconds == int(world.clock.now()) + DAY_S
            third = await world.keys.RotateApiKey(api.RotateApiKeyRequest(id=made.id, grace="0"), metadata=world.alice)
            assert not third.api_key.HasField("old_key_expires_at")
            assert await works(world, made.key, second.key, third.key) == [False, False, True]

    asyncio.run(scenario())


def test_a_grace_past_the_cap_is_refused(keys_service, refused, fields_of):
    async def scenario():
        async with keys_service(rotation_grace="0", max_rotation_grace="2h") as world:
            made = await create(world, world.alice)
            error = await refused(world.keys.RotateApiKey(api.RotateApiKeyRequest(id=made.id, grace="3h"), metadata=world.alice))
            assert (error.code(), fields_of(error)) == (grpc.StatusCode.INVALID_ARGUMENT, ["grace"])
            assert "at most 2h" in error.details()
            rotated = await world.keys.RotateApiKey(api.RotateApiKeyRequest(id=made.id), metadata=world.alice)
            assert await works(world, made.key, rotated.key) == [False, True]

    asyncio.run(scenario())


def test_a_key_is_disabled_and_enabled_and_says_so_to_watchers(keys_service):
    async def scenario():
        async with keys_service(enforcement_wait_s=20) as world:
            made = await create(world, world.alice)
            watch = await world.drained()
            for method, request, status in (
                (world.keys.DisableApiKey, api.DisableApiKeyRequest(id=made.id), "disabled"),
                (world.keys.EnableApiKey, api.EnableApiKeyRequest(id=made.id), "active"),
                (world.keys.RevokeApiKey, api.RevokeApiKeyRequest(id=made.id), "revoked"),
                (world.keys.DeleteApiKey, api.DeleteApiKeyRequest(id=made.id), ""),
            ):
                call = asyncio.ensure_future(method(request, metadata=world.alice))
                said = await watch.next()
                assert list(said.changed.ids) == [made.id]
                assert not call.done()
                await watch.ack(said.revision)
                answer = await call
                assert answer.enforcement.enforced
                if status:
                    assert answer.status == status
            await watch.leave()

    asyncio.run(scenario())


def test_what_is_so_already_is_no_change(keys_service):
    async def scenario():
        async with keys_service() as world:
            made = await create(world, world.alice)
            before = await read(world, made.id, world.alice)
            enabled = await world.keys.EnableApiKey(api.EnableApiKeyRequest(id=made.id), metadata=world.alice)
            same = await world.keys.UpdateApiKey(api.UpdateApiKeyRequest(id=made.id, name="laptop"), metadata=world.alice)
            assert before.etag == enabled.etag == same.etag

    asyncio.run(scenario())


def test_an_ended_key_is_not_brought_back(keys_service, refused):
    async def scenario():
        async with keys_service() as world:
            revoked, expired = await create(world, world.alice), await create(world, world.alice, expires_in="1m")
            await world.keys.RevokeApiKey(api.RevokeApiKeyRequest(id=revoked.id), metadata=world.alice)
            world.clock.advance(60)
            for call in (
                world.keys.EnableApiKey(api.EnableApiKeyRequest(id=revoked.id), metadata=world.alice),
                world.keys.DisableApiKey(api.DisableApiKeyRequest(id=revoked.id), metadata=world.alice),
                world.keys.RotateApiKey(api.RotateApiKeyRequest(id=revoked.id), metadata=world.alice),
                world.keys.UpdateApiKey(api.UpdateApiKeyRequest(id=revoked.id, name="x"), metadata=world.alice),
                world.keys.ApproveApiKey(api.ApproveApiKeyRequest(id=revoked.id), metadata=world.admin),
                world.keys.RejectApiKey(api.RejectApiKeyRequest(id=revoked.id), metadata=world.admin),
                world.keys.EnableApiKey(api.EnableApiKeyRequest(id=expired.id), metadata=world.alice),
                world.keys.RotateApiKey(api.RotateApiKeyRequest(id=expired.id), metadata=world.alice),
            ):
                assert (await refused(call)).code() is grpc.StatusCode.FAILED_PRECONDITION
            assert (await read(world, revoked.id, world.alice)).status == "revoked"

    asyncio.run(scenario())


def test_a_deleted_key_is_in_no_list_and_works_no_more(keys_service, refused):
    async def scenario():
        async with keys_service() as world:
            made = await create(world, world.alice)
            gone = await world.keys.DeleteApiKey(api.DeleteApiKeyRequest(id=made.id), metadata=world.alice)
            assert gone.enforcement.enforced
            assert (await refused(read(world, made.id, world.alice))).code() is grpc.StatusCode.NOT_FOUND
            assert not (await world.keys.ListApiKeys(api.ListApiKeysRequest(), metadata=world.admin)).api_keys
            assert await works(world, made.key) == [False]
            error = await refused(world.keys.DeleteApiKey(api.DeleteApiKeyRequest(id=made.id), metadata=world.alice))
            assert error.code() is grpc.StatusCode.NOT_FOUND

    asyncio.run(scenario())


def test_who_sees_a_teams_key_but_may_not_change_it_is_told_what_is_missing(keys_service, refused):
    async def scenario():
        async with keys_service() as world:
            for who in (world.alice, world.bob):
                await world.users.GetMe(GetMeRequest(), metadata=who)
            await world.teams.CreateTeam(CreateTeamRequest(name="ds", owner_email="alice@example.org"), metadata=world.admin)
            await world.teams.AddTeamMember(
                AddTeamMemberRequest(id="ds", user_email="bob@example.org", role="viewer"), metadata=world.admin
            )
            made = await create(world, world.alice, team="ds")
            assert (await read(world, made.id, world.bob)).id == made.id
            error = await refused(world.keys.DisableApiKey(api.DisableApiKeyRequest(id=made.id), metadata=world.bob))
            assert error.code() is grpc.StatusCode.PERMISSION_DENIED
            assert error.details() == f'you may see API key "{made.id}" but not disable it: that takes admin, or team-owner'
            error = await refused(create(world, world.bob, team="ds"))
            assert error.code() is grpc.StatusCode.PERMISSION_DENIED

    asyncio.run(scenario())


def test_whole_keys_given_for_ids_are_not_shown_back(keys_service, refused):
    async def scenario():
        async with keys_service() as world:
            made = await create(world, world.alice)
            for method, request in (
                (world.keys.GetApiKey, api.GetApiKeyRequest),
                (world.keys.UpdateApiKey, api.UpdateApiKeyRequest),
                (world.keys.RotateApiKey, api.RotateApiKeyRequest),
                (world.keys.DisableApiKey, api.DisableApiKeyRequest),
                (world.keys.EnableApiKey, api.EnableApiKeyRequest),
                (world.keys.RevokeApiKey, api.RevokeApiKeyRequest),
                (world.keys.DeleteApiKey, api.DeleteApiKeyRequest),
                (world.keys.ApproveApiKey, api.ApproveApiKeyRequest),
                (world.keys.RejectApiKey, api.RejectApiKeyRequest),
            ):
                error = await refused(method(request(id=made.key), metadata=world.admin))
                assert error.code() is grpc.StatusCode.NOT_FOUND
                assert made.key not in error.details()

    asyncio.run(scenario())
