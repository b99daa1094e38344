"""Between the protos and the core."""

from __future__ import annotations

from google.protobuf.timestamp_pb2 import Timestamp
from maas.common.v1.enforcement_pb2 import Enforcement
from maas.keys.v1 import api_keys_pb2 as api
from maas.keys.v1 import lookup_pb2 as lookup
from maas_common.auth.principal import Principal
from maas_common.watch import Enforced

from maas_keys.core import api_key as core
from maas_keys.core.caller import Caller
from maas_keys.core.changes import Changes
from maas_keys.core.creation import KeyOrder

_MADE_BEFORE = "this request id made the key before; its secret was in that answer and can't be shown again"


def caller_of(principal: Principal) -> Caller:
    """Somebody signed in."""
    owner = core.Owner(principal.issuer, principal.subject, principal.username, principal.groups)
    return Caller(owner, is_admin=principal.is_admin)


def order_of(request: api.CreateApiKeyRequest) -> KeyOrder:
    """What somebody asks for."""
    return KeyOrder(
        name=request.name,
        description=request.description,
        expires_in=request.expires_in,
        username=request.username,
        groups=tuple(request.groups),
        request_id=request.request_id,
    )


def created(key: core.ApiKey, secret: str, enforced: Enforced) -> api.CreateApiKeyResponse:
    """The answer that shows the whole key, or says why it does not."""
    return api.CreateApiKeyResponse(
        key=secret,
        key_prefix=key.shown,
        id=key.id,
        name=key.name,
        username=key.owner.username,
        created_at=Timestamp(seconds=key.created_at),
        expires_at=Timestamp(seconds=key.expires_at),
        enforcement=_enforcement(enforced),
        note="" if secret else _MADE_BEFORE,
    )


def shown(key: core.ApiKey, now: float, enforced: Enforced | None = None) -> api.ApiKey:
    """A key as people see it, after a change with how far that has reached."""
    return api.ApiKey(
        id=key.id,
        name=key.name,
        description=key.description,
        username=key.owner.username,
        groups=key.owner.groups,
        creation_date=Timestamp(seconds=key.created_at),
        expiration_date=Timestamp(seconds=key.expires_at),
        status=key.status(now),
        key_prefix=key.shown,
        enforcement=_enforcement(enforced) if enforced else None,
    )


def record(key: core.ApiKey) -> lookup.KeyRecord:
    """A key as decisions need it. Whether it expired is for the reader's clock, who keeps the record for a while."""
    return lookup.KeyRecord(
        id=key.id,
        tenant=key.tenant,
        username=key.owner.username,
        user=key.owner.user,
        groups=key.owner.groups,
        status=core.Status.ACTIVE if key.revoked_at is None else core.Status.REVOKED,
        expires_at=key.expires_at,
        hashes=[lookup.KeyHash(pepper_id=key.hash.pepper_id, hmac_sha256=key.hash.digest)],
        name=key.name,
    )


def watched(changes: Changes) -> lookup.WatchKeysResponse:
    """What a watcher is told."""
    if changes.ids is None:
        return lookup.WatchKeysResponse(revision=changes.revision, reset=lookup.KeysReset())
    if changes.ids:
        return lookup.WatchKeysResponse(revision=changes.revision, changed=lookup.KeysChanged(ids=changes.ids))
    return lookup.WatchKeysResponse(revision=changes.revision, heartbeat=lookup.KeysHeartbeat())


def _enforcement(enforced: Enforced) -> Enforcement:
    return Enforcement(enforced=enforced.enforced, revision=enforced.revision, lagging=enforced.lagging)
