"""Watches: what they tell, how they resume, and how changes wait for them."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import grpc
import pytest
from maas.keys.v1.api_keys_pb2 import CreateApiKeyRequest, RevokeApiKeyRequest
from maas.keys.v1.lookup_pb2 import LookupApiKeyRequest, WatchKeysRequest
from maas_common.testing import WORKLOAD

PATIENT_S = 60.0
"""A wait that no test reaches: what must not be waited for would fail by timeout."""


async def create(world, name="laptop"):
    return await world.keys.CreateApiKey(CreateApiKeyRequest(name=name), metadata=world.alice)


async def revoke(world, key_id):
    return await world.keys.RevokeApiKey(RevokeApiKeyRequest(id=key_id), metadata=world.alice)


def test_a_watcher_of_one_tenant_hears_of_that_one_and_confirms_the_rest_too(two_tenants):
    async def scenario():
        async with two_tenants(enforcement_wait_s=PATIENT_S, heartbeat_s=PATIENT_S) as (world, acme):
            watch = await world.watch(tenant="acme")
            await watch.ack((await watch.any()).revision)
            creating = asyncio.create_task(create(world))
            said = await watch.any()
            # Nothing for this watcher to forget, and nothing that it would be waited for.
            assert said.HasField("heartbeat")
            await watch.ack(said.revision)
            answer = await creating
            assert (answer.enforcement.enforced, answer.enforcement.revision) == (True, said.revision)
            making = asyncio.ensure_future(world.keys.CreateApiKey(CreateApiKeyRequest(name="theirs"), metadata=acme.alice))
            said = await watch.any()
            await watch.ack(said.revision)
            assert list(said.changed.ids) == [(await making).id]
            again = await (await world.watch("authz-2", tenant="acme", resume_after=said.revision - 2)).any()
            assert (again.revision, list(again.changed.ids)) == (said.revision, list(said.changed.ids))

    asyncio.run(scenario())


def test_a_new_watcher_is_reset_and_then_told_each_change(keys_service):
    async def scenario():
        async with keys_service() as world:
            first = await create(world)
            watch = await world.watch()
            said = await watch.next()
            assert (said.WhichOneof("message"), said.revision) == ("reset", 1)
            await revoke(world, first.id)
            said = await watch.next()
            assert (said.revision, list(said.changed.ids)) == (2, [first.id])
            second = await create(world)
            said = await watch.next()
            assert (said.revision, list(said.changed.ids)) == (3, [second.id])

    asyncio.run(scenario())


def test_an_empty_log_resets_once_and_then_tells_the_first_change(keys_service):
    async def scenario():
        async with keys_service(heartbeat_s=0.01) as world:
            watch = await world.watch()
            assert (await watch.any()).HasField("reset")
            assert (await watch.any()).HasField("heartbeat")
            made = await create(world)
            assert list((await watch.next()).changed.ids) == [made.id]

    asyncio.run(scenario())


def test_a_watcher_resumes_after_its_revision_and_misses_nothing(keys_service):
    async def scenario():
        async with keys_service() as world:
            made = [await create(world) for _ in range(3)]
            await revoke(world, made[0].id)
            for after, ids in ((1, [made[1].id, made[2].id, made[0].id]), (3, [made[0].id])):
                said = await (await world.watch(resume_after=after)).any()
                assert (said.revision, list(said.changed.ids)) == (4, ids)
            said = await (await world.watch(resume_after=4)).any()
            assert (said.WhichOneof("message"), said.revision) == ("heartbeat", 4)

    asyncio.run(scenario())


@pytest.mark.parametrize("after", [2, 9, 2**64 - 1])
def test_a_watcher_too_far_behind_or_ahead_of_the_log_is_reset(keys_service, after):
    async def scenario():
        async with keys_service(history=2) as world:
            for _ in range(5):
                await create(world)
            said = await (await world.watch(resume_after=after)).any()
            assert (said.WhichOneof("message"), said.revision) == ("reset", 5)

    asyncio.run(scenario())


def test_heartbeats_come_when_nothing_changes(keys_service):
    async def scenario():
        async with keys_service(heartbeat_s=0.01) as world:
            await create(world)
            watch = await world.watch()
            await watch.next()
            for _ in range(3):
                said = await watch.any()
                assert (said.WhichOneof("message"), said.revision) == ("heartbeat", 1)

    asyncio.run(scenario())


@pytest.mark.parametrize("change", ["create", "revoke"])
def test_a_change_returns_when_every_watcher_has_confirmed_it(keys_service, change):
    async def scenario():
        async with keys_service(enforcement_wait_s=PATIENT_S) as world:
            made = await create(world)
            watches = [await world.drained(name) for name in ("authz-1", "authz-2")]
            changing = asyncio.create_task(create(world) if change == "create" else revoke(world, made.id))
            for watch in watches:
                assert (await watch.next()).revision == 2
            await watches[0].ack(2)
            # Calls made after that confirmation are answered while the change still waits for the other one.
            for _ in range(3):
                await world.lookup.LookupApiKey(LookupApiKeyRequest(id=made.id), metadata=WORKLOAD)
            assert not changing.done()
            await watches[1].ack(2)
            answer = await changing
            assert (answer.enforcement.enforced, answer.enforcement.revision, list(answer.enforcement.lagging)) == (True, 2, [])

    asyncio.run(scenario())


def test_a_change_names_the_watchers_that_did_not_confirm_in_time(keys_service):
    async def scenario():
        async with keys_service(enforcement_wait_s=0.5) as world:
            made = await create(world)
            prompt, *_laggards = [await world.drained(name) for name in ("authz-2", "authz-3", "authz-1")]
            revoking = asyncio.create_task(revoke(world, made.id))
            await prompt.ack((await prompt.next()).revision)
            answer = await revoking
            assert answer.status == "revoked"
            assert (answer.enforcement.enforced, list(answer.enforcement.lagging)) == (False, ["authz-1", "authz-3"])

    asyncio.run(scenario())


def test_a_watcher_that_leaves_is_waited_for_no_longer(keys_service):
    async def scenario():
        async with keys_service(enforcement_wait_s=PATIENT_S) as world:
            made = await create(world)
            watch = await world.drained()
            revoking = asyncio.create_task(revoke(world, made.id))
            await watch.next()
            await watch.leave()
            assert (await revoking).enforcement.enforced
            assert await watch.ended() is grpc.StatusCode.OK

    asyncio.run(scenario())


@pytest.mark.parametrize(("remembered_s", "lagging"), [(PATIENT_S, ["authz-1 (not connected)"]), (0, [])])
def test_a_watcher_whose_connection_broke_lags_while_it_may_decide_by_what_it_knew(keys_service, remembered_s, lagging):
    async def scenario():
        async with keys_service(remember_watchers_s=remembered_s) as world:
            made = await create(world)
            watch = await world.drained()
            # While it is connected it lags under its bare name, as it confirms nothing of this.
            assert list((await revoke(world, made.id)).enforcement.lagging) == ["authz-1"]
            watch.vanish()
            async with asyncio.timeout(PATIENT_S):
                while (last := list((await revoke(world, made.id)).enforcement.lagging)) == ["authz-1"]:
                    pass
            assert last == lagging

    asyncio.run(scenario())


def test_a_watcher_that_comes_back_and_confirms_lags_no_longer(keys_service):
    async def scenario():
        async with keys_service(enforcement_wait_s=PATIENT_S, remember_watchers_s=PATIENT_S) as world:
            made = await create(world)
            watch = await world.drained()
            watch.vanish()
            revoking = asyncio.create_task(revoke(world, made.id))
            back = await world.watch(resume_after=1)
            await back.ack((await back.next()).revision)
            assert (await revoking).enforcement.enforced

    asyncio.run(scenario())


def test_nothing_is_called_enforced_until_watchers_had_time_to_come_back_after_a_start(keys_service):
    async def scenario():
        async with keys_service(settle_s=PATIENT_S) as world:
            answer = await create(world)
            assert not answer.enforcement.enforced
            assert list(answer.enforcement.lagging) == ["watchers from before the start (not connected)"]

    asyncio.run(scenario())


def test_who_resumes_at_a_revision_has_confirmed_it(keys_service):
    async def scenario():
        async with keys_service(enforcement_wait_s=PATIENT_S) as world:
            made = await create(world)
            first = await revoke(world, made.id)
            watch = await world.watch(resume_after=2)
            await watch.any()
            # Revoked already: the answer waits only for the revision that did it.
            assert (await revoke(world, made.id)).enforcement == first.enforcement

    asyncio.run(scenario())


def test_a_watcher_that_has_confirmed_nothing_is_waited_for(keys_service):
    async def scenario():
        async with keys_service() as world:
            made = await create(world)
            await (await world.watch("authz-1")).any()
            answer = await revoke(world, made.id)
            assert list(answer.enforcement.lagging) == ["authz-1"]

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("messages", "says"),
    [
        ([], "a watch begins with it"),
        ([{"ack": 1}], "a watch begins with it"),
        ([{}], "message"),
        ([{"start": {}}], "watcher"),
        ([{"start": {"watcher": "w"}}, {"start": {"watcher": "w"}}], "takes ack alone"),
        ([{"start": {"watcher": "w"}}, {"ack": 2}], "revision 2 was never sent; the newest sent is 1"),
        ([{"start": {"watcher": "w"}}, {}], "message"),
    ],
)
def test_a_watch_that_breaks_the_rules_ends_with_what_is_wrong(keys_service, messages, says):
    async def scenario():
        async with keys_service(heartbeat_s=0.01) as world:
            await create(world)
            call = world.lookup.WatchKeys(metadata=WORKLOAD)
            for index, message in enumerate(messages):
                await call.write(WatchKeysRequest(**message))
                if index == 0 and len(messages) > 1:
                    await call.read()
            if not messages:
                await call.done_writing()
            assert await call.code() is grpc.StatusCode.INVALID_ARGUMENT
            assert says in await call.details()

    asyncio.run(scenario())


def test_lookups_bring_the_revision_and_no_record_for_an_unknown_id(keys_service):
    async def scenario():
        async with keys_service() as world:

            async def look_up(key_id):
                return await world.lookup.LookupApiKey(LookupApiKeyRequest(id=key_id), metadata=WORKLOAD)

            made = await create(world)
            found = await look_up(made.id)
            assert (found.record.id, found.record.status, found.revision) == (made.id, "active", 1)
            assert found.record.expires_at == made.expires_at.seconds
            for unknown in ("abcdefghijkl", "not an id", "a\x00b"):
                answer = await look_up(unknown)
                assert not answer.HasField("record")
                assert answer.revision == 1
            world.clock.advance(91 * 86_400)
            assert (await look_up(made.id)).record.status == "active"
            await revoke(world, made.id)
            found = await look_up(made.id)
            assert (found.record.status, found.revision) == ("revoked", 2)

    asyncio.run(scenario())


def test_replicas_on_one_database_tell_their_watchers_of_each_others_changes(keys_service, migrated_url):
    async def scenario():
        async with AsyncExitStack() as stack:
            # Heartbeats read the log too; none comes in time here, so what is told is what the replicas take up by themselves.
            settings = {"database_url": migrated_url, "poll_s": 0.01, "heartbeat_s": PATIENT_S}
            here = await stack.enter_async_context(keys_service(**settings))
            there = await stack.enter_async_context(keys_service(**settings))
            watches = [await here.watch("authz-1"), await there.watch("authz-2")]
            for watch in watches:
                assert (await watch.next()).HasField("reset")
            made = await create(here)
            assert [list((await watch.next()).changed.ids) for watch in watches] == [[made.id]] * 2
            await revoke(there, made.id)
            assert [(await watch.next()).revision for watch in watches] == [2, 2]

    asyncio.run(scenario())


def test_a_restart_keeps_keys_revisions_and_the_log(keys_service, migrated_url):
    async def scenario():
        async with keys_service(database_url=migrated_url) as world:
            made = [await create(world, "one"), await create(world, "two")]
            await revoke(world, made[0].id)
            before = await world.lookup.LookupApiKey(LookupApiKeyRequest(id=made[0].id), metadata=WORKLOAD)
        async with keys_service(database_url=migrated_url) as world:
            after = await world.lookup.LookupApiKey(LookupApiKeyRequest(id=made[0].id), metadata=WORKLOAD)
            assert after == before
            said = await (await world.watch(resume_after=1)).any()
            assert (said.revision, list(said.changed.ids)) == (3, [made[1].id, made[0].id])
            assert (await create(world)).enforcement.revision == 4

    asyncio.run(scenario())
