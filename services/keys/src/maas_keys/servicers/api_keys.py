"""maas.keys.v1.ApiKeysService: keys as their owners and administrators manage them."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import structlog
from maas.keys.v1 import api_keys_pb2 as api
from maas.keys.v1.api_keys_pb2_grpc import ApiKeysServiceServicer
from maas_common.apikey import mint
from maas_common.auth.principal import current_principal
from maas_common.clock import Clock
from maas_common.errors import InvalidArgumentError
from maas_common.paging import after_token, page_token

from maas_keys.core.api_key import ApiKey, is_key_id
from maas_keys.core.caller import Caller, listed, visible
from maas_keys.core.creation import Terms, new_key
from maas_keys.ports import KeyStore
from maas_keys.servicers.feed import ChangeFeed
from maas_keys.servicers.messages import caller_of, created, order_of, shown
from maas_keys.servicers.metrics import CREATED, REVOKED

log = structlog.get_logger(__name__)

_PAGE_SIZE = 50
_LAST_REVISION = 2**63 - 1
_CREATED_OVER_REST = (("x-http-code", "201"),)

Context = grpc.aio.ServicerContext[Any, Any]


class ApiKeysServicer(ApiKeysServiceServicer):
    """Needs a signed-in caller."""

    def __init__(self, store: KeyStore, feed: ChangeFeed, terms: Terms, clock: Clock) -> None:
        self._store = store
        self._feed = feed
        self._terms = terms
        self._clock = clock

    async def CreateApiKey(self, request: api.CreateApiKeyRequest, context: Context) -> api.CreateApiKeyResponse:
        """Make a key, or find the one that this caller's request id made before."""
        caller = caller_of(current_principal())
        minted = mint(self._terms.prefix)
        wanted = new_key(order_of(request), caller, self._terms, minted, now=self._clock.now())
        key = await asyncio.shield(self._add(wanted))
        enforced = await self._feed.enforced(key.revision)
        await context.send_initial_metadata(_CREATED_OVER_REST)
        return created(key, minted.text if key.id == minted.id else "", enforced)

    async def GetApiKey(self, request: api.GetApiKeyRequest, _context: Context) -> api.ApiKey:
        """Read one key that the caller may see."""
        key = await self._visible(request.id, caller_of(current_principal()))
        return shown(key, self._clock.now())

    async def ListApiKeys(self, request: api.ListApiKeysRequest, _context: Context) -> api.ListApiKeysResponse:
        """List keys, newest first."""
        keys = listed(caller_of(current_principal()), request.username)
        size = request.page_size or _PAGE_SIZE
        found = await self._store.page(keys, before=_before(request.page_token), size=size + 1)
        page, now = found[:size], self._clock.now()
        return api.ListApiKeysResponse(
            api_keys=[shown(key, now) for key in page],
            next_page_token=page_token(page[-1].created_revision) if len(found) > size else "",
        )

    async def RevokeApiKey(self, request: api.RevokeApiKeyRequest, _context: Context) -> api.ApiKey:
        """End a key that the caller may see."""
        caller = caller_of(current_principal())
        await self._visible(request.id, caller)
        key = await asyncio.shield(self._revoke(request.id, caller))
        return shown(key, self._clock.now(), await self._feed.enforced(key.revision))

    async def _add(self, wanted: ApiKey) -> ApiKey:
        """Store and log. Shielded, as the next: a caller who leaves does not stop the write, so its line must not be lost."""
        key = await self._store.add(wanted)
        if key.id == wanted.id:
            CREATED.inc()
            log.info("api key created", key_id=key.id, actor=key.created_by, owner=key.owner.user)
        return key

    async def _revoke(self, key_id: str, caller: Caller) -> ApiKey:
        key, revoked_now = await self._store.revoke(key_id, at=int(self._clock.now()))
        if revoked_now:
            REVOKED.inc()
            log.info("api key revoked", key_id=key.id, actor=caller.owner.user, owner=key.owner.user)
        return key

    async def _visible(self, key_id: str, caller: Caller) -> ApiKey:
        return visible(await self._store.get(key_id) if is_key_id(key_id) else None, key_id, caller)


def _before(token: str) -> int | None:
    """The revision that the page before ended at."""
    match after_token(token, (int,)):
        case None:
            return None
        case (int(revision),) if 0 < revision <= _LAST_REVISION:
            return revision
    raise InvalidArgumentError.of("page_token", "not a token that a list call returned; leave it out for the first page")
