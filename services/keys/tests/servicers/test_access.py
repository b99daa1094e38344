"""Every method against everybody."""

from __future__ import annotations

import asyncio

import grpc
import pytest
from maas.keys.v1.api_keys_pb2 import CreateApiKeyRequest, GetApiKeyRequest, ListApiKeysRequest, RevokeApiKeyRequest
from maas.keys.v1.lookup_pb2 import LookupApiKeyRequest, WatchKeysRequest
from maas.keys.v1.usage_pb2 import RecordUsageRequest
from maas_common.testing import WORKLOAD

OK = grpc.StatusCode.OK
WHO = grpc.StatusCode.UNAUTHENTICATED
NONE = grpc.StatusCode.NOT_FOUND
CALLERS = ("nobody", "junk", "alice", "bob", "admin", "workload", "forger")
TABLE = {
    # alice owns the key
    "CreateApiKey": (WHO, WHO, OK, OK, OK, WHO, WHO),
    "GetApiKey": (WHO, WHO, OK, NONE, OK, WHO, WHO),
    "ListApiKeys": (WHO, WHO, OK, OK, OK, WHO, WHO),
    "RevokeApiKey": (WHO, WHO, OK, NONE, OK, WHO, WHO),
    "LookupApiKey": (WHO, WHO, WHO, WHO, WHO, OK, WHO),
    "WatchKeys": (WHO, WHO, WHO, WHO, WHO, OK, WHO),
    "RecordUsage": (WHO, WHO, WHO, WHO, WHO, OK, WHO),
}


async def ends_with(world, method, key_id, metadata):
    """The status that a call of that method ends with."""
    if method == "WatchKeys":
        call = world.lookup.WatchKeys(iter([WatchKeysRequest(start={"watcher": "w"})]), metadata=metadata)
        try:
            async for _ in call:
                pass
        except grpc.aio.AioRpcError as error:
            return error.code()
        return await call.code()
    stub, request = {
        "CreateApiKey": (world.keys.CreateApiKey, CreateApiKeyRequest(name="another")),
        "GetApiKey": (world.keys.GetApiKey, GetApiKeyRequest(id=key_id)),
        "ListApiKeys": (world.keys.ListApiKeys, ListApiKeysRequest()),
        "RevokeApiKey": (world.keys.RevokeApiKey, RevokeApiKeyRequest(id=key_id)),
        "LookupApiKey": (world.lookup.LookupApiKey, LookupApiKeyRequest(id=key_id)),
        "RecordUsage": (world.usage.RecordUsage, RecordUsageRequest()),
    }[method]
    return await stub(request, metadata=metadata).code()


@pytest.mark.parametrize("method", TABLE)
def test_who_may_call(keys_service, method):
    async def scenario():
        async with keys_service(heartbeat_s=0.01) as world:
            made = await world.keys.CreateApiKey(CreateApiKeyRequest(name="hers"), metadata=world.alice)
            metadata = {
                "nobody": None,
                "junk": (("authorization", "Bearer junk"),),
                "alice": world.alice,
                "bob": world.bob,
                "admin": world.admin,
                "workload": WORKLOAD,
                "forger": (("x-maas-workload", "guess"), *world.admin),
            }
            ended = [await ends_with(world, method, made.id, metadata[caller]) for caller in CALLERS]
            assert dict(zip(CALLERS, ended, strict=True)) == dict(zip(CALLERS, TABLE[method], strict=True))

    asyncio.run(scenario())
