"""Requests about keys, as what the core asks for."""

from __future__ import annotations

from google.protobuf.timestamp_pb2 import Timestamp
from maas.common.v1 import budget_pb2
from maas.keys.v1 import api_keys_pb2 as api

from maas_keys.core.api_key import KeyKind, OwnerKind, Scope, Status
from maas_keys.core.budget import BudgetPatch
from maas_keys.core.creation import KeyOrder
from maas_keys.core.details import Details
from maas_keys.core.importing import ForeignKey
from maas_keys.core.key_owner import OwnerDraft
from maas_keys.core.limit_drafts import budget_of
from maas_keys.core.search import KeyFilter
from maas_keys.servicers.limit_messages import unpack_limits
from maas_keys.servicers.patches import Presence

_NO_BUDGET = BudgetPatch(0)


def order_of(request: api.CreateApiKeyRequest) -> KeyOrder:
    """A key to make."""
    return KeyOrder(
        details=Details(
            name=request.name,
            description=request.description,
            expires_in=request.expires_in,
            labels=request.labels,
            subscription=request.subscription,
            scope=_scope(request.scope),
            limits=unpack_limits(request.limits) or None,
            budget=_budget(request.budget) if request.HasField("budget") else None,
            allowed_ips=request.allowed_ips,
        ),
        owner=OwnerDraft(request.username, OwnerKind(request.owner_kind or OwnerKind.USER), tuple(request.groups)),
        team=request.team,
        kind=KeyKind(request.kind or KeyKind.STANDARD),
        is_ephemeral=request.ephemeral,
        request_id=request.request_id,
    )


def patch_of(request: api.UpdateApiKeyRequest) -> Details:
    """What to change of a key."""
    fields = Presence(request, request.update_mask.paths, key="id")
    return Details(
        name=fields.given("name", request.name),
        description=fields.given("description", request.description),
        expires_in=fields.given("expires_in", request.expires_in),
        labels=fields.given("labels", request.labels),
        subscription=fields.given("subscription", request.subscription),
        scope=fields.given("scope", _scope(request.scope)),
        limits=fields.given("limits", unpack_limits(request.limits)),
        budget=(_budget(request.budget) if request.HasField("budget") else _NO_BUDGET) if "budget" in fields else None,
        allowed_ips=fields.given("allowed_ips", request.allowed_ips),
    )


def filter_of(filters: api.SearchFilters, tenant: str, now: float) -> KeyFilter:
    """What found keys must be."""
    given = filters.HasField
    return KeyFilter(
        tenant=tenant,
        username=filters.username,
        team=filters.team,
        owner_kind=OwnerKind(filters.owner_kind) if filters.owner_kind else None,
        statuses=frozenset(map(Status, filters.status)),
        now=int(now),
        labels=filters.labels_contain,
        is_ephemeral=filters.ephemeral if given("ephemeral") else None if filters.include_ephemeral else False,
        name_contains=filters.name_contains,
        created_after=_from(filters.created_after) if given("created_after") else None,
        created_before=_from(filters.created_before) if given("created_before") else None,
        expires_after=_from(filters.expires_after) if given("expires_after") else None,
        expires_before=_from(filters.expires_before) if given("expires_before") else None,
        last_used_after=_from(filters.last_used_after) if given("last_used_after") else None,
        last_used_before=_from(filters.last_used_before) if given("last_used_before") else None,
    )


def foreign_of(key: api.ImportedApiKey) -> ForeignKey:
    """A key that another system made."""
    return ForeignKey(
        sha256=bytes.fromhex(key.sha256),
        username=key.username,
        shown=key.shown,
        name=key.name,
        description=key.description,
        groups=tuple(key.groups),
        expires_at=key.expires_at.seconds if key.HasField("expires_at") else None,
        created_at=key.created_at.seconds if key.HasField("created_at") else None,
        labels=key.labels,
        subscription=key.subscription,
        team=key.team,
    )


def _scope(scope: api.AssetScope) -> Scope:
    return Scope(tuple(scope.models), tuple(scope.mcp_servers), tuple(scope.vector_databases), tuple(scope.agents))


def _budget(budget: budget_pb2.Budget) -> BudgetPatch:
    read = budget_of("budget", budget.amount, budget.period)
    return BudgetPatch(read.amount, read.period)


def _from(time: Timestamp) -> int:
    """The first whole second that is not before a time: those of keys are whole."""
    return time.seconds + (time.nanos > 0)
