"""Keys as people see them."""

from __future__ import annotations

from google.protobuf.timestamp_pb2 import Timestamp
from maas.keys.v1 import api_keys_pb2 as api
from maas_common.limit_messages import pack_limit
from maas_common.watch import Enforced

from maas_keys.core.api_key import NO_ISSUER, ApiKey, KeyKind, Scope, Status
from maas_keys.core.groups import shown_groups
from maas_keys.core.importing import TakenOver
from maas_keys.core.terms import Terms
from maas_keys.servicers.limit_messages import pack_budget, pack_enforcement, pack_time

_MADE_BEFORE = "this request id made the key before; its secret was in that answer and can't be shown again"
_ONE_EACH = "this is the one {kind} key that you have; its secret was shown when it was made, rotate it for a new one"


def pack_created(key: ApiKey, secret: str, now: float, enforced: Enforced) -> api.CreateApiKeyResponse:
    """The answer that shows the whole key, or says why it does not."""
    before = _MADE_BEFORE if key.kind is KeyKind.STANDARD else _ONE_EACH.format(kind=key.kind)
    return api.CreateApiKeyResponse(
        key=secret,
        key_prefix=key.shown,
        id=key.id,
        name=key.name,
        username=key.owner.username,
        created_at=Timestamp(seconds=key.created_at),
        expires_at=Timestamp(seconds=key.expires_at),
        enforcement=pack_enforcement(enforced),
        note="" if secret else before,
        ephemeral=key.is_ephemeral,
        subscription=key.subscription,
        status=key.status(now),
        pending_reasons=key.pending_reasons,
        team=key.team,
        kind=key.kind,
    )


def pack_key(key: ApiKey, now: float, enforced: Enforced | None = None) -> api.ApiKey:
    """A key without its secret, after a change with how far that has reached."""
    status = key.status(now)
    return api.ApiKey(
        id=key.id,
        name=key.name,
        description=key.description,
        username=key.owner.username,
        groups=shown_groups(key.owner.groups),
        creation_date=Timestamp(seconds=key.created_at),
        expiration_date=Timestamp(seconds=key.expires_at),
        status=status,
        key_prefix=key.shown,
        enforcement=pack_enforcement(enforced),
        owner=api.KeyOwner(
            kind=key.owner.kind,
            issuer="" if key.owner.kind in NO_ISSUER else key.owner.issuer,
            subject=key.owner.subject,
        ),
        created_by=key.created_by,
        team=key.team,
        scope=_scope(key.scope),
        subscription=key.subscription,
        limits=map(pack_limit, key.limits),
        budget=pack_budget(key.budget),
        labels=dict(key.labels),
        allowed_ips=key.allowed_ips,
        ephemeral=key.is_ephemeral,
        kind=key.kind,
        last_used_at=pack_time(key.last_used_at),
        masked_key=key.masked,
        etag=key.etag,
        updated_at=Timestamp(seconds=key.updated_at),
        old_key_expires_at=pack_time(_old_until(key, now)) if status is not Status.REVOKED else None,
        pending_reasons=key.pending_reasons if status is not Status.REVOKED else (),
        approved_by=key.approved_by,
        tenant=key.tenant,
    )


def pack_config(terms: Terms, *, may_create: bool, max_page_size: int) -> api.ApiKeyConfig:
    """The caps and defaults."""
    return api.ApiKeyConfig(
        default_expiry=terms.lifetimes.default.text,
        max_expiry=terms.lifetimes.longest.text,
        ephemeral_expiry=terms.ephemeral.longest.text,
        rotation_grace=terms.grace.default.text,
        key_prefix=terms.prefix,
        may_create=may_create,
        approval_budget=terms.approval.budget,
        approval_expiry=terms.approval.lifetime.text if terms.approval.lifetime else "",
        playground_limits=map(pack_limit, terms.playground_limits),
        max_page_size=max_page_size,
    )


def pack_bulk(count: int, enforced: Enforced | None, *, is_dry_run: bool) -> api.BulkRevokeApiKeysResponse:
    """How many keys were ended, or would be."""
    keys = f"{count} API key{'' if count == 1 else 's'}"
    message = f"{keys} would be revoked" if is_dry_run else f"{keys} revoked"
    return api.BulkRevokeApiKeysResponse(revoked_count=count, message=message, dry_run=is_dry_run, enforcement=pack_enforcement(enforced))


def pack_imported(taken: TakenOver, enforced: Enforced | None, *, is_dry_run: bool) -> api.ImportApiKeysResponse:
    """What was taken over, or would be."""
    return api.ImportApiKeysResponse(
        imported=taken.imported, known=taken.known, dry_run=is_dry_run, ids=taken.ids, enforcement=pack_enforcement(enforced)
    )


def _old_until(key: ApiKey, now: float) -> int | None:
    """Until when a secret from before the last rotation works."""
    return max((each.until for each in key.hashes if each.until is not None and each.until > now), default=None)


def _scope(scope: Scope) -> api.AssetScope:
    return api.AssetScope(models=scope.models, mcp_servers=scope.mcp_servers, vector_databases=scope.vector_databases, agents=scope.agents)
