"""Tiers between messages and values."""

from __future__ import annotations

from maas.common.v1 import limit_pb2
from maas.registry.v1 import tiers_pb2
from maas_common.limit_drafts import LimitDraft
from maas_common.limit_messages import pack_limit
from maas_common.watch import Enforced

from maas_registry.core.tier import Tier
from maas_registry.core.tier_changes import TierDraft, TierPatch
from maas_registry.servicers.enforcement_messages import pack_enforcement
from maas_registry.servicers.patches import Presence


def unpack_draft(request: tiers_pb2.CreateTierRequest) -> TierDraft:
    """A tier to create."""
    return TierDraft(
        name=request.name,
        display_name=request.display_name,
        description=request.description,
        level=request.level,
        groups=tuple(request.groups),
        limits=tuple(map(_unpack_limit, request.limits)),
        is_strict=request.strict,
    )


def unpack_patch(request: tiers_pb2.UpdateTierRequest) -> TierPatch:
    """What to change of a tier."""
    fields = Presence(request, request.update_mask.paths)
    return TierPatch(
        display_name=fields.given("display_name", request.display_name),
        description=fields.given("description", request.description),
        level=fields.given("level", request.level),
        groups=fields.given("groups", tuple(request.groups)),
        limits=fields.given("limits", tuple(map(_unpack_limit, request.limits))),
        is_strict=fields.given("strict", request.strict),
        etag=request.etag,
    )


def pack_tier(tier: Tier, enforced: Enforced | None = None) -> tiers_pb2.Tier:
    """A tier; `enforced` in answers to changes."""
    return tiers_pb2.Tier(
        name=tier.name,
        display_name=tier.display_name,
        description=tier.description,
        level=tier.level,
        groups=tier.groups,
        limits=map(pack_limit, tier.limits),
        created=tier.created,
        updated=tier.updated,
        etag=tier.etag,
        strict=tier.is_strict,
        enforcement=pack_enforcement(enforced) if enforced else None,
    )


def _unpack_limit(limit: limit_pb2.Limit) -> LimitDraft:
    return LimitDraft(
        id=limit.id,
        metric=limit.metric,
        amount=limit.amount,
        window=limit.window,
        per=limit.per,
        over=limit.over,
        notify=tuple(limit.notify),
    )
