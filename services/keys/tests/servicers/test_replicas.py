"""Two keys services on one PostgreSQL: what one writes, the watchers of both obey."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest
from maas.keys.v1.api_keys_pb2 import CreateApiKeyRequest, RevokeApiKeyRequest
from maas_common.sql import open_database
from maas_common.testing.databases import postgres_database
from sqlalchemy import text

PATIENT_S = 60.0
"""A wait that no test reaches: what must not be waited for would fail by timeout."""

CUT_OFF = text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = current_database()")


@pytest.fixture
def database(postgres):
    with postgres_database(postgres) as url:
        yield url


@pytest.fixture
def pair(keys_service, database):
    """Opens two services: `async with AsyncExitStack() as stack: here, there = await pair(stack)`."""

    async def opened(stack, **settings):
        shared = {"database_url": database, "poll_s": PATIENT_S, "heartbeat_s": PATIENT_S, "enforcement_wait_s": PATIENT_S} | settings
        return [await stack.enter_async_context(keys_service(replica_name=f"keys-{name}", **shared)) for name in "ab"]

    return opened


async def create(world):
    return await world.keys.CreateApiKey(CreateApiKeyRequest(name="laptop"), metadata=world.alice)


async def revoke(world, key_id):
    return await world.keys.RevokeApiKey(RevokeApiKeyRequest(id=key_id), metadata=world.alice)


def test_a_revocation_is_enforced_only_when_the_other_replicas_watcher_has_confirmed_it(pair):
    async def scenario():
        async with AsyncExitStack() as stack:
            here, there = await pair(stack)
            made = await create(here)
            watch = await there.drained("authz-2")
            revoking = asyncio.create_task(revoke(here, made.id))
            # Neither polls in this test: it is the notification that brings it.
            said = await watch.next()
            assert list(said.changed.ids) == [made.id]
            assert not revoking.done()
            await watch.ack(said.revision)
            assert (await revoking).enforcement.enforced

    asyncio.run(scenario())


def test_who_lags_at_the_other_replica_is_named(pair):
    async def scenario():
        async with AsyncExitStack() as stack:
            here, there = await pair(stack, enforcement_wait_s=0)
            made = await create(here)
            await there.watch("authz-2")
            watch = await there.drained("authz-1")
            # Confirming is heard of by and by.
            while list((await create(here)).enforcement.lagging) != ["authz-1 at keys-b", "authz-2 at keys-b"]:
                pass
            await watch.leave()
            while list((await revoke(here, made.id)).enforcement.lagging) != ["authz-2 at keys-b"]:
                pass

    asyncio.run(scenario())


def test_a_watcher_that_moves_to_the_other_replica_is_waited_for_there(pair):
    async def scenario():
        async with AsyncExitStack() as stack:
            here, there = await pair(stack, remember_watchers_s=PATIENT_S)
            made = await create(here)
            watch = await there.drained("authz-1")
            watch.vanish()
            revoking = asyncio.create_task(revoke(here, made.id))
            back = await here.watch("authz-1", resume_after=1)
            await back.ack((await back.next()).revision)
            assert (await revoking).enforcement.enforced

    asyncio.run(scenario())


def test_polling_brings_changes_while_the_database_cuts_every_listener_off(pair, database):
    async def scenario():
        async with AsyncExitStack() as stack:
            here, there = await pair(stack, poll_s=0.01)
            engine = open_database(database)
            stack.callback(engine.dispose)
            watch = await there.drained("authz-2")
            for _ in range(3):
                with engine.begin() as connection:
                    connection.execute(CUT_OFF)
                creating = asyncio.create_task(create(here))
                said = await watch.next()
                await watch.ack(said.revision)
                answer = await creating
                assert (list(said.changed.ids), answer.enforcement.enforced) == ([answer.id], True)

    asyncio.run(scenario())


def test_a_replica_that_stops_leaves_its_watchers_to_be_waited_for(keys_service, database):
    async def scenario():
        shared = {"database_url": database, "remember_watchers_s": PATIENT_S}
        async with keys_service(replica_name="keys-a", **shared) as here:
            made = await create(here)
            async with keys_service(replica_name="keys-b", **shared) as there:
                await there.drained("authz-2")
            assert list((await revoke(here, made.id)).enforcement.lagging) == ["authz-2 (not connected)"]

    asyncio.run(scenario())
