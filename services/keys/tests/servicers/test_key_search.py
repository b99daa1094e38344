"""Searching keys, through the running service."""

from __future__ import annotations

import asyncio

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from maas.keys.v1 import api_keys_pb2 as api
from maas.keys.v1.lookup_pb2 import RecordLastUsedRequest
from maas.keys.v1.teams_pb2 import CreateTeamRequest
from maas.keys.v1.users_pb2 import GetMeRequest
from maas_common.testing import WORKLOAD


async def create(world, who, name, **order):
    return (await world.keys.CreateApiKey(api.CreateApiKeyRequest(name=name, **order), metadata=who)).id


async def search(world, who, **request):
    return await world.keys.SearchApiKeys(api.SearchApiKeysRequest(**request), metadata=who)


async def found(world, who, **request):
    return [key.name for key in (await search(world, who, **request)).data]


@pytest.fixture
def library(keys_service):
    """A world with keys of all kinds: each is named for what sets it apart."""

    async def opened(world):
        for who in (world.alice, world.bob):
            await world.users.GetMe(GetMeRequest(), metadata=who)
        await world.teams.CreateTeam(CreateTeamRequest(name="ds", owner_email="alice@example.org"), metadata=world.admin)
        start = int(world.clock.now())
        ids = {"plain": await create(world, world.alice, "plain")}
        world.clock.advance(10)
        ids["labelled"] = await create(world, world.alice, "labelled", labels={"env": "prod", "app": "x"}, expires_in="30d")
        ids["Teamwork"] = await create(world, world.alice, "Teamwork", team="ds", labels={"env": "prod"})
        world.clock.advance(10)
        ids["brief"] = await create(world, world.alice, "brief", ephemeral=True)
        ids["off"] = await create(world, world.alice, "off", expires_in="60d")
        ids["ended"] = await create(world, world.alice, "ended")
        ids["bobs"] = await create(world, world.bob, "bobs", expires_in="1m")
        ids["robot"] = await create(world, world.admin, "robot", username="ci", owner_kind="service_account")
        await world.keys.DisableApiKey(api.DisableApiKeyRequest(id=ids["off"]), metadata=world.alice)
        await world.keys.RevokeApiKey(api.RevokeApiKeyRequest(id=ids["ended"]), metadata=world.alice)
        uses = [{"id": ids["plain"], "at": start + 30}, {"id": ids["labelled"], "at": start + 40}]
        world.clock.advance(60)
        await world.lookup.RecordLastUsed(RecordLastUsedRequest(uses=uses), metadata=WORKLOAD)
        return ids, start

    return opened


def at(seconds, nanos=0):
    return Timestamp(seconds=seconds, nanos=nanos)


def test_every_filter_holds_what_it_names(keys_service, library):
    async def scenario():
        async with keys_service() as world:
            _, start = await library(world)
            for filters, names in [
                ({}, "robot bobs ended off Teamwork labelled plain"),
                ({"include_ephemeral": True}, "robot bobs ended off brief Teamwork labelled plain"),
                ({"ephemeral": True}, "brief"),
                ({"ephemeral": False, "include_ephemeral": True}, "robot bobs ended off Teamwork labelled plain"),
                ({"username": "alice"}, "ended off Teamwork labelled plain"),
                ({"username": "nobody"}, ""),
                ({"username": "ci"}, "robot"),
                ({"owner_kind": "service_account"}, "robot"),
                ({"owner_kind": "group"}, ""),
                ({"team": "ds"}, "Teamwork"),
                ({"status": ["disabled"]}, "off"),
                ({"status": ["revoked", "expired"]}, "bobs ended"),
                ({"status": ["active"]}, "robot Teamwork labelled plain"),
                ({"status": ["pending"]}, ""),
                ({"labels_contain": {"env": "prod"}}, "Teamwork labelled"),
                ({"labels_contain": {"env": "prod", "app": "x"}}, "labelled"),
                ({"labels_contain": {"env": "test"}}, ""),
                ({"name_contains": "TEAM"}, "Teamwork"),
                ({"name_contains": "%"}, ""),
                ({"created_after": at(start + 10)}, "robot bobs ended off Teamwork labelled"),
                ({"created_after": at(start + 10, 1)}, "robot bobs ended off"),
                ({"created_before": at(start + 10)}, "plain"),
                ({"created_before": at(start + 10, 1)}, "Teamwork labelled plain"),
                ({"expires_before": at(start + 31 * 86_400)}, "bobs labelled"),
                ({"expires_after": at(start + 31 * 86_400), "expires_before": at(start + 61 * 86_400)}, "off"),
                ({"last_used_after": at(start + 40)}, "labelled"),
                ({"last_used_before": at(start + 40), "username": "alice"}, "ended off Teamwork plain"),
                ({"labels_contain": {"env": "prod"}, "status": ["active"], "team": "ds", "name_contains": "work"}, "Teamwork"),
            ]:
                assert (filters, await found(world, world.admin, filters=filters)) == (filters, names.split())

    asyncio.run(scenario())


def test_every_order_goes_both_ways(keys_service, library):
    async def scenario():
        async with keys_service() as world:
            await library(world)
            for by, names in [
                ("created_at", "plain labelled Teamwork brief off ended"),
                ("expires_at", "brief labelled off plain Teamwork ended"),
                ("name", "Teamwork brief ended labelled off plain"),
                ("last_used_at", "Teamwork brief off ended plain labelled"),
            ]:
                filters = {"include_ephemeral": True}
                assert await found(world, world.alice, filters=filters, sort={"by": by, "order": "asc"}) == names.split()
                backwards = names.split()[::-1]
                assert await found(world, world.alice, filters=filters, sort={"by": by}) == backwards
                assert await found(world, world.alice, filters=filters, sort={"by": by, "order": "desc"}) == backwards

    asyncio.run(scenario())


def test_pages_by_token_and_by_offset_hold_the_whole_list(keys_service, library):
    async def scenario():
        async with keys_service() as world:
            await library(world)
            for by in ("created_at", "expires_at", "name", "last_used_at"):
                for order in ("asc", "desc"):
                    sort = {"by": by, "order": order}
                    whole = await found(world, world.admin, sort=sort)
                    by_token, by_offset, token = [], [], ""
                    while True:
                        answer = await search(world, world.admin, sort=sort, pagination={"limit": 2, "page_token": token})
                        assert (answer.object, answer.has_more) == ("list", bool(answer.next_page_token))
                        by_token += [key.name for key in answer.data]
                        token = answer.next_page_token
                        if not answer.has_more:
                            break
                    for offset in range(0, len(whole) + 2, 2):
                        by_offset += await found(world, world.admin, sort=sort, pagination={"limit": 2, "offset": offset})
                    assert by_token == by_offset == whole

    asyncio.run(scenario())


def test_a_page_by_offset_leads_on_by_token(keys_service, library):
    async def scenario():
        async with keys_service() as world:
            await library(world)
            first = await search(world, world.admin, pagination={"limit": 2, "offset": 1})
            rest = await found(world, world.admin, pagination={"page_token": first.next_page_token})
            assert [*(key.name for key in first.data), *rest] == (await found(world, world.admin))[1:]

    asyncio.run(scenario())


def test_bad_searches_are_refused_by_field(keys_service, library, refused, fields_of):
    async def scenario():
        async with keys_service() as world:
            await library(world)
            token = (await search(world, world.admin, pagination={"limit": 1})).next_page_token
            for request, fields in [
                ({"filters": {"status": ["gone"]}}, ["filters.status[0]"]),
                ({"filters": {"owner_kind": "robot"}}, ["filters.owner_kind"]),
                ({"filters": {"username": "a\x00"}}, ["username"]),
                ({"filters": {"team": "a\x00"}}, ["team"]),
                ({"filters": {"name_contains": "a\x00"}}, ["name_contains"]),
                ({"filters": {"labels_contain": {"a": "\x00"}}}, ["labels.a"]),
                ({"sort": {"by": "colour"}}, ["sort.by"]),
                ({"sort": {"order": "up"}}, ["sort.order"]),
                ({"pagination": {"limit": 101}}, ["pagination.limit"]),
                ({"pagination": {"page_token": "junk"}}, ["page_token"]),
                ({"pagination": {"page_token": token, "offset": 1}}, ["offset"]),
                ({"pagination": {"page_token": token}, "sort": {"order": "asc"}}, ["page_token"]),
                ({"pagination": {"page_token": token}, "sort": {"by": "name"}}, ["page_token"]),
                ({"pagination": {"page_token": token}, "sort": {"by": "expires_at"}}, ["page_token"]),
            ]:
                error = await refused(search(world, world.admin, **request))
                assert (request, error.code(), fields_of(error)) == (request, grpc.StatusCode.INVALID_ARGUMENT, fields)

    asyncio.run(scenario())


def test_others_find_their_own_and_their_teams_keys_only(keys_service, library, refused):
    async def scenario():
        async with keys_service() as world:
            await library(world)
            assert await found(world, world.bob) == ["bobs"]
            assert await found(world, world.bob, filters={"username": "bob"}) == ["bobs"]
            assert await found(world, world.bob, filters={"team": "ds"}) == []
            error = await refused(search(world, world.bob, filters={"username": "alice"}))
            assert error.code() is grpc.StatusCode.PERMISSION_DENIED
            await create(world, world.admin, "for the team", username="ci", owner_kind="service_account", team="ds")
            assert await found(world, world.alice, filters={"team": "ds"}) == ["for the team", "Teamwork"]
            assert await found(world, world.alice, filters={"team": "ds", "username": "ci"}) == ["for the team"]

    asyncio.run(scenario())


def test_lists_hold_those_of_the_statuses_asked_for(keys_service, library):
    async def scenario():
        async with keys_service() as world:
            await library(world)
            for status, names in (("disabled", ["off"]), ("expired", ["bobs"])):
                answer = await world.keys.ListApiKeys(api.ListApiKeysRequest(status=[status]), metadata=world.admin)
                assert [key.name for key in answer.api_keys] == names

    asyncio.run(scenario())


def test_when_a_key_was_last_used_is_told(keys_service, library):
    async def scenario():
        async with keys_service() as world:
            ids, start = await library(world)
            key = await world.keys.GetApiKey(api.GetApiKeyRequest(id=ids["plain"]), metadata=world.alice)
            assert key.last_used_at.seconds == start + 30

    asyncio.run(scenario())
