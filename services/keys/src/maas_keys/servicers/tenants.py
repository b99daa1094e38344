"""maas.keys.v1.TenantsService: tenants as their administrators manage them."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import structlog
from maas.keys.v1 import tenants_pb2 as pb
from maas.keys.v1.tenants_pb2_grpc import TenantsServiceServicer
from maas_common.auth.principal import current_principal
from maas_common.clock import Clock

from maas_keys.core.caller import Caller
from maas_keys.core.tenant import Tenant
from maas_keys.core.tenant_rules import (
    TenantDraft,
    check_deletable,
    check_keeps_tenants,
    keeps_tenants,
    new_tenant,
    tenant_for,
    updated_tenant,
)
from maas_keys.core.text import check_line
from maas_keys.ports import TenantStore
from maas_keys.servicers.feed import ChangeFeed
from maas_keys.servicers.pages import PAGE_SIZE, after, cut
from maas_keys.servicers.reception import Reception
from maas_keys.servicers.retries import retried
from maas_keys.servicers.tenant_messages import pack_tenant, unpack_draft, unpack_patch

log = structlog.get_logger(__name__)

_CREATED_OVER_REST = (("x-http-code", "201"),)
_Context = grpc.aio.ServicerContext[Any, Any]


class TenantsServicer(TenantsServiceServicer):
    """Needs an administrator: of the tenant `default`, or of the tenant in question."""

    def __init__(self, tenants: TenantStore, reception: Reception, feed: ChangeFeed, clock: Clock) -> None:
        self._tenants = tenants
        self._reception = reception
        self._feed = feed
        self._clock = clock

    async def CreateTenant(self, request: pb.CreateTenantRequest, context: _Context) -> pb.Tenant:
        """See the proto. Answers 201 over REST."""
        caller = await self._caller()
        check_keeps_tenants(caller)
        tenant = await asyncio.shield(self._add(unpack_draft(request), caller))
        enforced = await self._feed.enforced(tenant.revision)
        await context.send_initial_metadata(_CREATED_OVER_REST)
        return pack_tenant(tenant, enforced)

    async def GetTenant(self, request: pb.GetTenantRequest, _context: _Context) -> pb.Tenant:
        """See the proto."""
        return pack_tenant(await self._tenant(request.name, await self._caller()))

    async def ListTenants(self, request: pb.ListTenantsRequest, _context: _Context) -> pb.ListTenantsResponse:
        """See the proto."""
        caller, size = await self._caller(), request.page_size or PAGE_SIZE
        last = after(request.page_token)
        if keeps_tenants(caller):
            found = await self._tenants.page(after=last, size=size + 1)
        else:
            found = [await self._tenant(caller.tenant, caller)] if caller.tenant > last else []
        tenants, token = cut(found, size, lambda tenant: tenant.name)
        return pb.ListTenantsResponse(tenants=map(pack_tenant, tenants), next_page_token=token)

    async def UpdateTenant(self, request: pb.UpdateTenantRequest, _context: _Context) -> pb.Tenant:
        """See the proto."""
        caller = await self._caller()
        tenant = await asyncio.shield(self._update(request, caller))
        return pack_tenant(tenant, await self._feed.enforced(tenant.revision))

    async def DeleteTenant(self, request: pb.DeleteTenantRequest, _context: _Context) -> pb.DeleteTenantResponse:
        """See the proto."""
        await asyncio.shield(self._delete(request, await self._caller()))
        return pb.DeleteTenantResponse()

    async def _caller(self) -> Caller:
        return await self._reception.caller(current_principal())

    async def _tenant(self, name: str, caller: Caller) -> Tenant:
        check_line("name", name)
        return tenant_for(caller, name, await self._tenants.get(name))

    async def _add(self, draft: TenantDraft, caller: Caller) -> Tenant:
        tenant = await self._tenants.add(new_tenant(draft, now=int(self._clock.now())))
        log.info("tenant created", tenant=tenant.name, actor=caller.name)
        return tenant

    async def _update(self, request: pb.UpdateTenantRequest, caller: Caller) -> Tenant:
        patch = unpack_patch(request)

        async def attempt() -> Tenant:
            tenant = await self._tenant(request.name, caller)
            return await self._tenants.put(updated_tenant(tenant, patch, now=int(self._clock.now())))

        tenant = await retried(attempt, etag=request.etag)
        log.info("tenant updated", tenant=tenant.name, actor=caller.name)
        return tenant

    async def _delete(self, request: pb.DeleteTenantRequest, caller: Caller) -> None:
        async def attempt() -> None:
            tenant = await self._tenant(request.name, caller)
            check_keeps_tenants(caller)
            check_deletable(tenant, request.etag)
            await self._tenants.delete(tenant)

        await retried(attempt, etag=request.etag)
        log.info("tenant deleted", tenant=request.name, actor=caller.name)
