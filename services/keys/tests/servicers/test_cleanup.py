"""Ephemeral keys are forgotten some time after they expired."""

from __future__ import annotations

import asyncio

from maas.keys.v1.api_keys_pb2 import CreateApiKeyRequest, SearchApiKeysRequest
from maas_common.errors import UnavailableError
from maas_common.testing import FakeClock
from maas_keys.servicers.cleanup import Cleanup

HOUR_S = 3600


async def names(world):
    found = await world.keys.SearchApiKeys(SearchApiKeysRequest(filters={"include_ephemeral": True}), metadata=world.alice)
    return sorted(key.name for key in found.data)


def test_an_ephemeral_key_is_forgotten_when_it_was_kept_for_long_enough(keys_service):
    async def scenario():
        async with keys_service(ephemeral_keep="2h", cleanup_every_s=0.01, heartbeat_s=0.01) as world:
            soon, later, lasting = [
                await world.keys.CreateApiKey(CreateApiKeyRequest(**order), metadata=world.alice)
                for order in (
                    {"name": "soon", "ephemeral": True, "expires_in": "10m"},
                    {"name": "later", "ephemeral": True, "expires_in": "60m"},
                    {"name": "lasting", "expires_in": "10m"},
                )
            ]
            watch = await world.drained()
            world.clock.advance(2 * HOUR_S + 600)
            # Its time is the last at which it is kept: nothing of it is gone yet.
            assert await names(world) == ["lasting", "later", "soon"]
            world.clock.advance(1)
            assert list((await watch.next()).changed.ids) == [soon.id]
            assert await names(world) == ["lasting", "later"]
            world.clock.advance(HOUR_S)
            assert list((await watch.next()).changed.ids) == [later.id]
            assert await names(world) == [lasting.name]

    asyncio.run(scenario())


class Busy:
    """A store that has more than one batch, and does not always answer."""

    def __init__(self):
        self.asked = []
        self.idle = asyncio.Event()

    async def delete_ephemeral(self, *, expired_before, at_most):
        self.asked.append((expired_before, at_most))
        if len(self.asked) == 2:
            raise UnavailableError("the keys database does not answer just now; try again")
        if len(self.asked) == 5:
            self.idle.set()
        return at_most if len(self.asked) < 4 else 0


def test_it_goes_on_in_batches_and_after_the_database_was_away():
    async def scenario():
        store, clock = Busy(), FakeClock(now=10_000)
        cleanup = asyncio.create_task(Cleanup(store, clock, keep_s=100, every_s=0.001).run())
        await store.idle.wait()
        cleanup.cancel()
        assert {before for before, _ in store.asked} == {9_900}

    asyncio.run(scenario())
