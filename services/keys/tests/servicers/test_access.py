"""Every method against those who are nobody, and those who are something else than it wants. People's roles: test_role_matrix.py."""

from __future__ import annotations

import asyncio

import grpc
from google.protobuf import descriptor_pool
from maas_common.auth.principal import Access
from maas_common.testing import WORKLOAD
from maas_keys.app import ACCESS

TURNED_AWAY = {grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNIMPLEMENTED}
METHODS = {method: access for service, access in ACCESS.items() for method in descriptor_pool.Default().FindServiceByName(service).methods}
REFUSED = {
    Access.PEOPLE: {"nobody", "junk", "workload", "forger"},
    Access.WORKLOAD: {"nobody", "junk", "forger", "admin"},
    Access.PUBLIC: set(),
}


async def ends_with(world, method, metadata):
    """The status of a call with nothing in its message."""
    path = f"/{method.containing_service.full_name}/{method.name}"
    if not method.server_streaming:
        return await world.channel.unary_unary(path)(b"", metadata=metadata).code()
    call = world.channel.stream_stream(path)(metadata=metadata)
    await call.done_writing()
    return await call.code()


def test_who_is_turned_away_before_anything_is_read(keys_service):
    async def scenario():
        async with keys_service() as world:
            callers = {
                "nobody": None,
                "junk": (("authorization", "Bearer junk"),),
                "workload": WORKLOAD,
                "forger": (("x-maas-workload", "guess"), *world.admin),
                "admin": world.admin,
            }
            found = {}
            for method in METHODS:
                ended = {name: await ends_with(world, method, metadata) for name, metadata in callers.items()}
                found[method.full_name] = {name for name, code in ended.items() if code in TURNED_AWAY}
            assert found == {method.full_name: REFUSED[access] for method, access in METHODS.items()}

    asyncio.run(scenario())
