"""When keys were last used, as the services that decide by them report it."""

from __future__ import annotations

import asyncio

import grpc
import pytest
from maas.keys.v1.api_keys_pb2 import CreateApiKeyRequest, GetApiKeyRequest
from maas.keys.v1.lookup_pb2 import KeyUse, LookupApiKeyRequest, RecordLastUsedRequest
from maas_common.testing import WORKLOAD


async def record(world, *uses):
    request = RecordLastUsedRequest(uses=[KeyUse(id=key_id, at=int(at)) for key_id, at in uses])
    return await world.lookup.RecordLastUsed(request, metadata=WORKLOAD)


async def last_used(world, key_id):
    key = await world.keys.GetApiKey(GetApiKeyRequest(id=key_id), metadata=world.alice)
    return key.last_used_at.seconds if key.HasField("last_used_at") else None


def test_the_latest_time_is_kept_and_none_from_the_future(keys_service):
    async def scenario():
        async with keys_service() as world:
            now = world.clock.now()
            one, other = [(await world.keys.CreateApiKey(CreateApiKeyRequest(name=n), metadata=world.alice)).id for n in ("one", "other")]
            assert await last_used(world, one) is None
            await record(world, (one, now - 50), (other, now - 70))
            await record(world, (one, now - 60))
            assert (await last_used(world, one), await last_used(world, other)) == (now - 50, now - 70)
            await record(world, (one, now + 1000))
            assert await last_used(world, one) == now

    asyncio.run(scenario())


def test_what_is_no_key_is_passed_over_and_nothing_is_logged_as_a_change(keys_service):
    async def scenario():
        async with keys_service() as world:
            made = await world.keys.CreateApiKey(CreateApiKeyRequest(name="laptop"), metadata=world.alice)
            before = await world.lookup.LookupApiKey(LookupApiKeyRequest(id=made.id), metadata=WORKLOAD)
            await record(world, ("zzzzzzzzzzzz", 5), ("not an id", 5), (made.id, 5))
            after = await world.lookup.LookupApiKey(LookupApiKeyRequest(id=made.id), metadata=WORKLOAD)
            assert after == before
            assert await last_used(world, made.id) == 5

    asyncio.run(scenario())


@pytest.mark.parametrize("use", [KeyUse(id="", at=1), KeyUse(id="abcdefghijkl", at=-1)])
def test_what_is_no_use_is_refused(keys_service, refused, use):
    async def scenario():
        async with keys_service() as world:
            error = await refused(world.lookup.RecordLastUsed(RecordLastUsedRequest(uses=[use]), metadata=WORKLOAD))
            assert error.code() is grpc.StatusCode.INVALID_ARGUMENT

    asyncio.run(scenario())
