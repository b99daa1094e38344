"""maas.keys.v1.ApiKeysService: keys as their owners, their teams and administrators manage them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc
from maas.keys.v1 import api_keys_pb2 as api
from maas.keys.v1.api_keys_pb2_grpc import ApiKeysServiceServicer
from maas_common.apikey import mint
from maas_common.auth.principal import current_principal

from maas_keys.core.api_key import ApiKey, KeyKind, Status
from maas_keys.core.approval import approved, rejected
from maas_keys.core.caller import Caller
from maas_keys.core.creation import KeyOrder, makes_keys
from maas_keys.core.details import Details
from maas_keys.core.finding import found_by, revoked_by
from maas_keys.core.key_access import SERVICE
from maas_keys.core.key_states import disabled, enabled, revoked
from maas_keys.core.lifetime import grace_s
from maas_keys.core.rotation import rotated
from maas_keys.core.search import KeyFilter, SortBy
from maas_keys.ports import KeyStore
from maas_keys.servicers.key_changing import KeyChanging
from maas_keys.servicers.key_grounds import KeyGrounds
from maas_keys.servicers.key_importing import KeyImporting
from maas_keys.servicers.key_making import KeyMaking
from maas_keys.servicers.key_messages import pack_bulk, pack_config, pack_created, pack_imported, pack_key
from maas_keys.servicers.key_orders import filter_of, foreign_of, order_of, patch_of
from maas_keys.servicers.key_owners import KeyOwners
from maas_keys.servicers.key_pages import MAX_PAGE_SIZE, key_page
from maas_keys.servicers.limit_messages import pack_enforcement
from maas_keys.servicers.reception import Reception

_CREATED_OVER_REST = (("x-http-code", "201"),)

Context = grpc.aio.ServicerContext[Any, Any]


def _method(name: str) -> str:
    return f"{SERVICE}/{name}"


_CREATE, _PERSONAL, _LIST, _SEARCH = map(_method, ("CreateApiKey", "CreatePersonalApiKey", "ListApiKeys", "SearchApiKeys"))


class ApiKeysServicer(ApiKeysServiceServicer):
    """Needs a signed-in caller. Each answer is of what the caller reaches: core/key_access.py."""

    def __init__(  # noqa: PLR0913, PLR0917 - what its methods delegate to
        self,
        reception: Reception,
        store: KeyStore,
        making: KeyMaking,
        changing: KeyChanging,
        importing: KeyImporting,
        owners: KeyOwners,
        grounds: KeyGrounds,
    ) -> None:
        self._reception = reception
        self._store = store
        self._making = making
        self._changing = changing
        self._importing = importing
        self._owners = owners
        self._terms = grounds.terms
        self._clock = grounds.clock

    async def CreateApiKey(self, request: api.CreateApiKeyRequest, context: Context) -> api.CreateApiKeyResponse:
        """Make a key, or find the one that this caller's request id made before."""
        made = await self._making.make(order_of(request), await self._caller(), _CREATE)
        await context.send_initial_metadata(_CREATED_OVER_REST)
        return pack_created(made.key, made.secret, self._clock.now(), made.enforced)

    async def CreatePersonalApiKey(self, request: api.CreatePersonalApiKeyRequest, context: Context) -> api.CreateApiKeyResponse:
        """The caller's personal key, made now when they have none."""
        order = KeyOrder(Details(name="Personal", expires_in=request.expires_in), kind=KeyKind.PERSONAL)
        made = await self._making.make(order, await self._caller(), _PERSONAL)
        if made.secret:
            await context.send_initial_metadata(_CREATED_OVER_REST)
        return pack_created(made.key, made.secret, self._clock.now(), made.enforced)

    async def GetApiKeyConfig(self, _request: api.GetApiKeyConfigRequest, _context: Context) -> api.ApiKeyConfig:
        """The caps and defaults."""
        may_create = makes_keys(await self._caller(), self._terms)
        return pack_config(self._terms, may_create=may_create, max_page_size=MAX_PAGE_SIZE)

    async def GetApiKey(self, request: api.GetApiKeyRequest, _context: Context) -> api.ApiKey:
        """Read one key."""
        key = await self._changing.read(request.id, await self._caller(), _method("GetApiKey"))
        return pack_key(key, self._clock.now())

    async def ListApiKeys(self, request: api.ListApiKeysRequest, _context: Context) -> api.ListApiKeysResponse:
        """A page of keys, personal ones first, then the newest."""
        caller, now = await self._caller(), self._clock.now()
        statuses = frozenset(map(Status, request.status))
        asked = KeyFilter(caller.tenant, username=request.username, team=request.team, statuses=statuses, now=int(now))
        keys = found_by(asked, caller, _LIST)
        page, token = await key_page(self._store, keys, size=request.page_size, token=request.page_token)
        return api.ListApiKeysResponse(api_keys=(pack_key(key, now) for key in page), next_page_token=token)

    async def SearchApiKeys(self, request: api.SearchApiKeysRequest, _context: Context) -> api.SearchApiKeysResponse:
        """A page of keys, by filters and in an order."""
        caller, now, wanted = await self._caller(), self._clock.now(), request.pagination
        page, token = await key_page(
            self._store,
            found_by(filter_of(request.filters, caller.tenant, now), caller, _SEARCH),
            size=wanted.limit,
            token=wanted.page_token,
            sort=SortBy(request.sort.by or SortBy.CREATED_AT),
            descending=request.sort.order != "asc",
            offset=wanted.offset,
        )
        data = (pack_key(key, now) for key in page)
        return api.SearchApiKeysResponse(object="list", data=data, has_more=bool(token), next_page_token=token)

    async def UpdateApiKey(self, request: api.UpdateApiKeyRequest, _context: Context) -> api.ApiKey:
        """Change the fields that the request carries."""
        caller, said = await self._caller(), patch_of(request)
        key, enforced = await self._changing.update(request.id, caller, _method("UpdateApiKey"), said, etag=request.etag)
        return pack_key(key, self._clock.now(), enforced)

    async def RotateApiKey(self, request: api.RotateApiKeyRequest, _context: Context) -> api.RotateApiKeyResponse:
        """Give a key a new secret; the old one works for a while."""
        grace = grace_s(request.grace, self._terms.grace)
        minted: list[str] = []

        def rotate(key: ApiKey) -> ApiKey:
            fresh = mint(self._terms.prefix, key.id)
            minted[:] = [fresh.text]
            return rotated(key, fresh, grace, self._terms, self._clock.now())

        key, enforced = await self._changing.change(request.id, await self._caller(), _method("RotateApiKey"), rotate, etag=request.etag)
        return api.RotateApiKeyResponse(key=minted[0], api_key=pack_key(key, self._clock.now(), enforced))

    async def DisableApiKey(self, request: api.DisableApiKeyRequest, _context: Context) -> api.ApiKey:
        """Have a key refused until it is enabled."""
        return await self._changed("DisableApiKey", request.id, disabled, request.etag)

    async def EnableApiKey(self, request: api.EnableApiKeyRequest, _context: Context) -> api.ApiKey:
        """End what DisableApiKey began."""
        return await self._changed("EnableApiKey", request.id, lambda key: enabled(key, self._clock.now()), request.etag)

    async def RevokeApiKey(self, request: api.RevokeApiKeyRequest, _context: Context) -> api.ApiKey:
        """End a key for ever."""
        return await self._changed("RevokeApiKey", request.id, lambda key: revoked(key, self._clock.now()))

    async def ApproveApiKey(self, request: api.ApproveApiKeyRequest, _context: Context) -> api.ApiKey:
        """Let a pending key work."""
        caller = await self._caller()
        return await self._changed("ApproveApiKey", request.id, lambda key: approved(key, caller.name), request.etag)

    async def RejectApiKey(self, request: api.RejectApiKeyRequest, _context: Context) -> api.ApiKey:
        """End a pending key for ever."""
        return await self._changed("RejectApiKey", request.id, lambda key: rejected(key, self._clock.now()))

    async def DeleteApiKey(self, request: api.DeleteApiKeyRequest, _context: Context) -> api.DeleteApiKeyResponse:
        """End a key and forget it."""
        enforced = await self._changing.delete(request.id, await self._caller(), _method("DeleteApiKey"), etag=request.etag)
        return api.DeleteApiKeyResponse(enforcement=pack_enforcement(enforced))

    async def BulkRevokeApiKeys(self, request: api.BulkRevokeApiKeysRequest, _context: Context) -> api.BulkRevokeApiKeysResponse:
        """End every key that matches, or say how many that would be."""
        caller = await self._caller()
        asked = KeyFilter(caller.tenant, username=request.username, team=request.team, labels=request.labels, now=int(self._clock.now()))
        keys = await self._owners.of_one(revoked_by(asked, caller))
        if request.dry_run:
            count, enforced = await self._store.count(keys), None
        else:
            count, enforced = await self._changing.revoke_all(keys, caller)
        return pack_bulk(count, enforced, is_dry_run=request.dry_run)

    async def ImportApiKeys(self, request: api.ImportApiKeysRequest, _context: Context) -> api.ImportApiKeysResponse:
        """Take over keys that another system made."""
        keys = [*map(foreign_of, request.keys)]
        taken, enforced = await self._importing.take_over(keys, await self._caller(), dry_run=request.dry_run)
        return pack_imported(taken, enforced, is_dry_run=request.dry_run)

    async def _changed(self, name: str, key_id: str, change: Callable[[ApiKey], ApiKey], etag: str = "") -> api.ApiKey:
        key, enforced = await self._changing.change(key_id, await self._caller(), _method(name), change, etag=etag)
        return pack_key(key, self._clock.now(), enforced)

    async def _caller(self) -> Caller:
        return await self._reception.caller(current_principal())
