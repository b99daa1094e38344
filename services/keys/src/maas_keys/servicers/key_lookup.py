"""maas.keys.v1.KeyLookupService: keys as the services that decide by them look them up and follow them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
from maas.keys.v1 import lookup_pb2 as lookup
from maas.keys.v1.lookup_pb2_grpc import KeyLookupServiceServicer
from maas_common.clock import Clock
from maas_common.errors import InvalidArgumentError
from maas_common.watch import Watcher

from maas_keys.core.api_key import is_key_id
from maas_keys.ports import KeyStore
from maas_keys.servicers.feed import ChangeFeed
from maas_keys.servicers.lookup_messages import record, watched

Context = grpc.aio.ServicerContext[Any, Any]
Requests = AsyncIterator[lookup.WatchKeysRequest]


class KeyLookupServicer(KeyLookupServiceServicer):
    """Needs the workload credential."""

    def __init__(self, store: KeyStore, feed: ChangeFeed, clock: Clock, *, groups_max_age_s: int) -> None:
        """`groups_max_age_s`: how long groups are relied on after a token vouched for them."""
        self._store = store
        self._feed = feed
        self._clock = clock
        self._groups_max_age_s = groups_max_age_s

    async def LookupApiKey(self, request: lookup.LookupApiKeyRequest, _context: Context) -> lookup.LookupApiKeyResponse:
        """Everything a decision needs of one key. What could not be an id costs no look-up."""
        if not is_key_id(request.id):
            return lookup.LookupApiKeyResponse(revision=self._feed.revision)
        decided, revision = await self._store.lookup(request.id, request.tenant)
        return lookup.LookupApiKeyResponse(record=record(decided, self._groups_max_age_s) if decided else None, revision=revision)

    async def RecordLastUsed(self, request: lookup.RecordLastUsedRequest, _context: Context) -> lookup.RecordLastUsedResponse:
        """Keep when keys were last used; nothing in the future, which would hide what comes next."""
        now = int(self._clock.now())
        await self._store.record_used({use.id: min(use.at, now) for use in request.uses if is_key_id(use.id)})
        return lookup.RecordLastUsedResponse()

    async def WatchKeys(self, request_iterator: Requests, _context: Context) -> AsyncIterator[lookup.WatchKeysResponse]:
        """Tell a watcher of every change until it leaves."""
        start = await _start(request_iterator)
        async with self._feed.join(start.watcher) as watcher:
            sent = _Sent()
            acks = asyncio.create_task(_take_acks(request_iterator, watcher, sent))
            acks.add_done_callback(lambda _: watcher.wanted.set())
            try:
                changes = await self._feed.first(start.resume_after, start.tenant)
                if changes.changed is not None:
                    watcher.ack(start.resume_after)
                while not acks.done():
                    sent.revision = changes.revision
                    yield watched(changes)
                    changes = await self._feed.next(watcher, changes.revision, start.tenant)
                acks.result()
                await watcher.farewell()
            finally:
                acks.cancel()
                await asyncio.gather(acks, return_exceptions=True)


class _Sent:
    """The newest revision that a watcher was sent: it can have applied no newer one."""

    __slots__ = ("revision",)

    def __init__(self) -> None:
        self.revision = 0


async def _start(requests: Requests) -> lookup.WatchKeysStart:
    first = await anext(requests, None)
    if first is None or not first.HasField("start"):
        raise InvalidArgumentError.of("start", "is missing; a watch begins with it")
    return first.start


async def _take_acks(requests: Requests, watcher: Watcher, sent: _Sent) -> None:
    async for request in requests:
        if request.HasField("start"):
            raise InvalidArgumentError.of("start", "came again; after the first message a watch takes ack alone")
        if request.ack > sent.revision:
            raise InvalidArgumentError.of("ack", f"revision {request.ack} was never sent; the newest sent is {sent.revision}")
        watcher.ack(request.ack)
