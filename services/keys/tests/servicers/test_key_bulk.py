"""Ending many keys at once, and taking over those of another system, through the running service."""

from __future__ import annotations

import asyncio
from hashlib import sha256

import grpc
from google.protobuf.timestamp_pb2 import Timestamp
from maas.keys.v1 import api_keys_pb2 as api
from maas.keys.v1.lookup_pb2 import LookupApiKeyRequest
from maas.keys.v1.teams_pb2 import AddTeamMemberRequest, CreateTeamRequest
from maas.keys.v1.users_pb2 import GetMeRequest, ListUsersRequest
from maas_common.apikey import foreign_key_id, key_id_of
from maas_common.testing import WORKLOAD


async def create(world, who, **order):
    return (await world.keys.CreateApiKey(api.CreateApiKeyRequest(**{"name": "laptop"} | order), metadata=who)).id


async def bulk(world, who, **request):
    return await world.keys.BulkRevokeApiKeys(api.BulkRevokeApiKeysRequest(**request), metadata=who)


async def take_over(world, who, keys, **request):
    return await world.keys.ImportApiKeys(api.ImportApiKeysRequest(keys=keys, **request), metadata=who)


async def statuses(world, *ids):
    keys = [await world.keys.GetApiKey(api.GetApiKeyRequest(id=key_id), metadata=world.admin) for key_id in ids]
    return [key.status for key in keys]


async def team(world):
    """Alice's, with bob in it."""
    for who in (world.alice, world.bob):
        await world.users.GetMe(GetMeRequest(), metadata=who)
    await world.teams.CreateTeam(CreateTeamRequest(name="ds", owner_email="alice@example.org"), metadata=world.admin)
    await world.teams.AddTeamMember(AddTeamMemberRequest(id="ds", user_email="bob@example.org", role="member"), metadata=world.admin)


def test_a_dry_run_counts_and_ends_nothing(keys_service):
    async def scenario():
        async with keys_service() as world:
            mine = [await create(world, world.alice) for _ in range(3)]
            await world.keys.RevokeApiKey(api.RevokeApiKeyRequest(id=mine[0]), metadata=world.alice)
            await create(world, world.bob)
            said = await bulk(world, world.alice, dry_run=True)
            assert (said.revoked_count, said.message, said.dry_run) == (2, "2 API keys would be revoked", True)
            assert not said.HasField("enforcement")
            assert await statuses(world, *mine) == ["revoked", "active", "active"]

    asyncio.run(scenario())


def test_ones_own_keys_are_ended_all_at_once_and_watchers_know(keys_service):
    async def scenario():
        async with keys_service(enforcement_wait_s=20) as world:
            mine = [await create(world, world.alice) for _ in range(3)]
            his = await create(world, world.bob)
            watch = await world.drained()
            call = asyncio.ensure_future(bulk(world, world.alice, username="alice"))
            told = await watch.next()
            assert set(told.changed.ids) == set(mine)
            assert not call.done()
            await watch.ack(told.revision)
            said = await call
            assert (said.revoked_count, said.message, said.dry_run) == (3, "3 API keys revoked", False)
            assert said.enforcement.enforced
            assert await statuses(world, *mine, his) == ["revoked"] * 3 + ["active"]
            again = await bulk(world, world.alice)
            assert (again.revoked_count, again.message) == (0, "0 API keys revoked")
            await watch.leave()

    asyncio.run(scenario())


def test_administrators_end_keys_by_owner_team_and_label(keys_service, refused, fields_of):
    async def scenario():
        async with keys_service() as world:
            await team(world)
            plain, labelled = await create(world, world.alice), await create(world, world.bob, labels={"env": "test", "app": "x"})
            shared = await create(world, world.bob, team="ds")
            error = await refused(bulk(world, world.admin))
            assert (error.code(), fields_of(error)) == (grpc.StatusCode.INVALID_ARGUMENT, ["username"])
            for request, count in (
                ({"username": "bob"}, 2),
                ({"username": "bob", "team": "ds"}, 1),
                ({"username": "alice", "team": "ds"}, 0),
                ({"labels": {"env": "test"}}, 1),
                ({"labels": {"env": "test", "app": "y"}}, 0),
                ({"team": "ds"}, 1),
            ):
                assert (request, (await bulk(world, world.admin, dry_run=True, **request)).revoked_count) == (request, count)
            assert (await bulk(world, world.admin, labels={"env": "test"})).message == "1 API key revoked"
            assert await statuses(world, plain, labelled, shared) == ["active", "revoked", "active"]
            assert (await bulk(world, world.admin, username="alice")).revoked_count == 1
            assert (await bulk(world, world.admin, team="ds")).revoked_count == 1

    asyncio.run(scenario())


def test_others_end_what_is_theirs_and_team_owners_their_teams(keys_service, refused):
    async def scenario():
        async with keys_service() as world:
            await team(world)
            hers, his = await create(world, world.alice, team="ds"), await create(world, world.bob, team="ds")
            elsewhere = await create(world, world.bob)
            for request in ({"username": "alice"}, {"username": "alice", "team": "ds"}):
                error = await refused(bulk(world, world.bob, **request))
                assert error.code() is grpc.StatusCode.PERMISSION_DENIED
            assert (await bulk(world, world.bob, team="ds")).revoked_count == 1
            assert await statuses(world, hers, his, elsewhere) == ["active", "revoked", "active"]
            again = await create(world, world.bob, team="ds")
            assert (await bulk(world, world.alice, team="ds")).revoked_count == 2
            assert await statuses(world, hers, again, elsewhere) == ["revoked", "revoked", "active"]

    asyncio.run(scenario())


def test_a_name_of_several_ends_no_keys_until_one_of_them_is_meant(keys_service, refused, fields_of):
    async def scenario():
        async with keys_service() as world:
            issuer = world.settings.oidc_issuer
            his = await create(world, world.bob)
            others = await create(world, world.person("b-2", "staff", preferred_username="bob"))
            for dry_run in (True, False):
                error = await refused(bulk(world, world.admin, username="bob", dry_run=dry_run))
                assert (error.code(), fields_of(error)) == (grpc.StatusCode.INVALID_ARGUMENT, ["username"])
                assert f"{issuer}|b-2, {issuer}|bob; give one of these" in error.details()
            assert await statuses(world, his, others) == ["active", "active"]
            assert (await bulk(world, world.admin, username=f"{issuer}|bob")).revoked_count == 1
            users = (await world.users.ListUsers(ListUsersRequest(email="b-2@example.org"), metadata=world.admin)).users
            assert (await bulk(world, world.admin, username=users[0].id)).revoked_count == 1
            assert await statuses(world, his, others) == ["revoked", "revoked"]

    asyncio.run(scenario())


def test_a_group_that_is_called_like_somebody_is_told_apart(keys_service, refused):
    async def scenario():
        async with keys_service() as world:
            his = await create(world, world.bob)
            groups = await create(world, world.admin, username="bob", owner_kind="group")
            error = await refused(bulk(world, world.admin, username="bob"))
            assert f"group|bob, {world.settings.oidc_issuer}|bob; give one of these" in error.details()
            assert (await bulk(world, world.admin, username="group|bob")).revoked_count == 1
            assert await statuses(world, his, groups) == ["active", "revoked"]
            await create(world, world.admin, username="vip", owner_kind="group")
            assert [(await bulk(world, world.admin, username="vip")).revoked_count for _ in range(2)] == [1, 0]

    asyncio.run(scenario())


def test_an_administrator_of_the_same_name_ends_nobodys_keys_by_it(keys_service, refused):
    async def scenario():
        async with keys_service() as world:
            namesake = world.person("other", "staff", preferred_username="admin")
            mine, theirs = await create(world, world.admin), await create(world, namesake)
            error = await refused(bulk(world, world.admin, username="admin"))
            assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
            assert (await bulk(world, namesake, username="admin", dry_run=True)).revoked_count == 1
            assert await statuses(world, mine, theirs) == ["active", "active"]

    asyncio.run(scenario())


def test_nobodys_keys_are_not_ended(keys_service, refused, fields_of):
    async def scenario():
        async with keys_service() as world:
            error = await refused(bulk(world, world.admin, username="nobody"))
            assert (error.code(), fields_of(error)) == (grpc.StatusCode.INVALID_ARGUMENT, ["username"])

    asyncio.run(scenario())


def foreign(text, username="bob", **fields):
    return {"sha256": sha256(text.encode()).hexdigest(), "username": username} | fields


def test_keys_of_another_system_are_taken_over_once(keys_service):
    async def scenario():
        async with keys_service(enforcement_wait_s=20) as world:
            await world.users.GetMe(GetMeRequest(), metadata=world.bob)
            watch = await world.drained()
            now = int(world.clock.now())
            keys = [
                foreign("abc-1", shown="abc-", name="old", labels={"a": "1"}, expires_at=Timestamp(seconds=now + 10**8)),
                foreign("abc-2", "erin", groups=["vip"], created_at=Timestamp(seconds=now - 5)),
            ]
            ids = [foreign_key_id(sha256(text).digest()) for text in (b"abc-1", b"abc-2")]
            tried = await take_over(world, world.admin, keys, dry_run=True)
            assert (tried.imported, tried.known, tried.dry_run, list(tried.ids)) == (2, 0, True, ids)
            assert not tried.HasField("enforcement")
            users = await world.users.ListUsers(ListUsersRequest(), metadata=world.admin)
            assert "erin" not in [user.username for user in users.users]

            call = asyncio.ensure_future(take_over(world, world.admin, keys))
            seen = set()
            while not call.done() and not seen >= set(ids):
                told = await watch.next()
                seen |= set(told.changed.ids)
                await watch.ack(told.revision)
            done = await call
            assert (done.imported, done.known, list(done.ids), done.enforcement.enforced) == (2, 0, ids, True)
            await watch.leave()

            again = await take_over(world, world.admin, keys)
            assert (again.imported, again.known, list(again.ids)) == (0, 2, ids)
            assert not again.HasField("enforcement")
            tried = await take_over(world, world.admin, [*keys, foreign("abc-3")], dry_run=True)
            assert (tried.imported, tried.known) == (1, 2)

            first = await world.keys.GetApiKey(api.GetApiKeyRequest(id=ids[0]), metadata=world.bob)
            assert (first.name, first.username, dict(first.labels), first.status) == ("old", "bob", {"a": "1"}, "active")
            assert (first.key_prefix, first.masked_key, first.expiration_date.seconds) == ("abc-", "abc-…", now + 10**8)
            second = await world.keys.GetApiKey(api.GetApiKeyRequest(id=ids[1]), metadata=world.admin)
            assert (second.username, list(second.groups)) == ("erin", ["vip", "system:authenticated"])
            assert (second.creation_date.seconds, second.expiration_date.seconds) == (now - 5, now + 90 * 86_400)

            record = (await world.lookup.LookupApiKey(LookupApiKeyRequest(id=ids[0]), metadata=WORKLOAD)).record
            assert [(h.sha256, h.hmac_sha256) for h in record.hashes] == [(sha256(b"abc-1").digest(), b"")]

    asyncio.run(scenario())


def test_groups_are_taken_over_of_newcomers_only(keys_service):
    async def scenario():
        async with keys_service() as world:
            await world.users.GetMe(GetMeRequest(), metadata=world.bob)
            world.clock.advance(60)
            keys = [foreign("abc-1", groups=["vip"]), foreign("abc-2", "erin"), foreign("abc-3", "erin", groups=["vip"])]
            taken = await take_over(world, world.admin, keys)
            found = [await world.keys.GetApiKey(api.GetApiKeyRequest(id=key_id), metadata=world.admin) for key_id in taken.ids]
            assert [key.groups[0] for key in found] == ["premium-users", "vip", "vip"]

    asyncio.run(scenario())


def test_a_taken_over_key_gets_a_secret_of_ours(keys_service):
    async def scenario():
        async with keys_service() as world:
            (key_id,) = (await take_over(world, world.admin, [foreign("abc-1", shown="abc-")])).ids
            rotated = await world.keys.RotateApiKey(api.RotateApiKeyRequest(id=key_id), metadata=world.admin)
            assert key_id_of(rotated.key) == rotated.api_key.id == key_id
            assert rotated.api_key.key_prefix == f"sk-maas-{key_id}"
            record = (await world.lookup.LookupApiKey(LookupApiKeyRequest(id=key_id), metadata=WORKLOAD)).record
            assert [(bool(h.hmac_sha256), bool(h.sha256), bool(h.until)) for h in record.hashes] == [
                (True, False, False),
                (False, True, True),
            ]

    asyncio.run(scenario())


def test_with_one_wrong_key_none_is_taken_over(keys_service, refused, fields_of):
    async def scenario():
        async with keys_service() as world:
            now = int(world.clock.now())
            past = Timestamp(seconds=now - 1)
            for wrong, fields in [
                ({"sha256": "xyz"}, ["sha256"]),
                ({"sha256": sha256(b"good").hexdigest()}, ["sha256"]),
                ({"username": ""}, ["username"]),
                ({"username": " bob"}, ["username"]),
                ({"username": "group|bob"}, ["username"]),
                ({"groups": ["a\n"]}, ["groups[0]"]),
                ({"shown": "x" * 17}, ["shown"]),
                ({"name": " "}, ["name"]),
                ({"name": "n" * 129}, ["name"]),
                ({"description": "\x00"}, ["description"]),
                ({"expires_at": past, "created_at": Timestamp(seconds=now + 1)}, ["created_at", "expires_at"]),
                ({"labels": {"-": ""}}, ["labels"]),
                ({"team": "a\x00"}, ["team"]),
            ]:
                keys = [foreign("good"), foreign("bad") | wrong]
                for dry_run in (True, False):
                    error = await refused(take_over(world, world.admin, keys, dry_run=dry_run))
                    assert (wrong, error.code()) == (wrong, grpc.StatusCode.INVALID_ARGUMENT)
                    assert fields_of(error) == [f"keys[1].{field}" for field in fields]
            error = await refused(take_over(world, world.admin, [foreign("good"), foreign("bad", team="ds")]))
            assert error.code() is grpc.StatusCode.NOT_FOUND
            assert not (await world.keys.ListApiKeys(api.ListApiKeysRequest(), metadata=world.admin)).api_keys
            error = await refused(take_over(world, world.admin, []))
            assert fields_of(error) == ["keys"]

    asyncio.run(scenario())


def test_only_administrators_take_over_keys(keys_service, refused):
    async def scenario():
        async with keys_service() as world:
            error = await refused(take_over(world, world.alice, [foreign("abc-1", "alice")]))
            assert error.code() is grpc.StatusCode.PERMISSION_DENIED

    asyncio.run(scenario())
