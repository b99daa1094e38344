"""maas.registry.v1.TiersService."""

from __future__ import annotations

from typing import Any

import grpc
from maas.registry.v1 import tiers_pb2 as pb
from maas.registry.v1.tiers_pb2_grpc import TiersServiceServicer
from maas_common.errors import NotFoundError
from maas_common.paging import after_token, page_token

from maas_registry.core.page import page
from maas_registry.core.tier_changes import create_tier, delete_tier, models_withdrawn, update_tier
from maas_registry.servicers.changes import Changes
from maas_registry.servicers.enforcement_messages import pack_enforcement
from maas_registry.servicers.tier_messages import pack_tier, unpack_draft, unpack_patch

_Context = grpc.aio.ServicerContext[Any, Any]
_CREATED = (("x-http-code", "201"),)


class Tiers(TiersServiceServicer):
    """Tiers as administrators manage them, and whose tier is which."""

    def __init__(self, changes: Changes) -> None:
        self._changes = changes

    async def CreateTier(self, request: pb.CreateTierRequest, context: _Context) -> pb.Tier:
        """See the proto. Answers 201 over REST."""
        draft, now = unpack_draft(request), self._changes.now()
        change, enforced = await self._changes.make(
            "tier created", lambda catalogue, revision: create_tier(catalogue, draft, revision=revision, now=now)
        )
        await context.send_initial_metadata(_CREATED)
        return pack_tier(change.tiers[0], enforced)

    async def GetTier(self, request: pb.GetTierRequest, _context: _Context) -> pb.Tier:
        """See the proto."""
        return pack_tier((await self._changes.store.read()).tier(request.name))

    async def ListTiers(self, request: pb.ListTiersRequest, _context: _Context) -> pb.ListTiersResponse:
        """See the proto."""
        after = after_token(request.page_token, (int,))
        catalogue = await self._changes.store.read()
        tiers, more = page(catalogue.tiers.values(), follows=lambda tier: after is None or (tier.level,) > after, size=request.page_size)
        return pb.ListTiersResponse(tiers=map(pack_tier, tiers), next_page_token=page_token(tiers[-1].level) if more else "")

    async def UpdateTier(self, request: pb.UpdateTierRequest, _context: _Context) -> pb.Tier:
        """See the proto."""
        patch, now = unpack_patch(request), self._changes.now()
        change, enforced = await self._changes.make(
            "tier updated", lambda catalogue, revision: update_tier(catalogue, request.name, patch, revision=revision, now=now)
        )
        return pack_tier(change.tiers[0], enforced)

    async def DeleteTier(self, request: pb.DeleteTierRequest, _context: _Context) -> pb.DeleteTierResponse:
        """See the proto."""
        now = self._changes.now()
        change, enforced = await self._changes.make(
            "tier deleted",
            lambda catalogue, revision: delete_tier(catalogue, request.name, etag=request.etag, revision=revision, now=now),
        )
        return pb.DeleteTierResponse(enforcement=pack_enforcement(enforced), affected_models=models_withdrawn(change))

    async def LookupTier(self, request: pb.LookupTierRequest, _context: _Context) -> pb.LookupTierResponse:
        """See the proto."""
        tiers = self._changes.rollout.told.tiers_of(request.groups)
        if not tiers:
            raise NotFoundError(f"no tier has any of these groups: {', '.join(request.groups) or 'none'}", reason="NO_TIER")
        return pb.LookupTierResponse(tier=tiers[0].name, display_name=tiers[0].display_name, tiers=[tier.name for tier in tiers])
