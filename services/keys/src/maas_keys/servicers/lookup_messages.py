"""Keys and changes as the services that decide by them are told."""

from __future__ import annotations

from maas.keys.v1 import api_keys_pb2 as api
from maas.keys.v1 import lookup_pb2 as lookup
from maas_common.limit_messages import pack_limit

from maas_keys.core.api_key import KeyHash, Scope
from maas_keys.core.changes import Change, Changes, Kind
from maas_keys.core.decided import KeyInContext
from maas_keys.core.effective_limits import effective_limits
from maas_keys.core.groups import groups_until, shown_groups


def record(decided: KeyInContext, groups_max_age_s: int) -> lookup.KeyRecord:
    """A key as decisions need it. Whether it expired is for the reader's clock, who keeps the record for a while."""
    key, owner = decided.key, decided.key.owner
    return lookup.KeyRecord(
        id=key.id,
        tenant=key.tenant,
        username=owner.username,
        user=owner.user,
        groups=shown_groups(owner.groups),
        status=key.state(),
        expires_at=key.expires_at,
        hashes=map(_hash, key.hashes),
        name=key.name,
        team=key.team,
        subscription=key.subscription,
        scope=_scope(key.scope),
        limits=map(pack_limit, effective_limits(decided)),
        allowed_ips=key.allowed_ips,
        kind=key.kind,
        groups_until=groups_until(owner.groups_at, groups_max_age_s),
    )


def _hash(known: KeyHash) -> lookup.KeyHash:
    until = known.until or 0
    if known.pepper_id:
        return lookup.KeyHash(pepper_id=known.pepper_id, hmac_sha256=known.digest, until=until)
    return lookup.KeyHash(sha256=known.digest, until=until)


def _scope(scope: Scope) -> api.AssetScope:
    return api.AssetScope(models=scope.models, mcp_servers=scope.mcp_servers, vector_databases=scope.vector_databases, agents=scope.agents)


def watched(changes: Changes) -> lookup.WatchKeysResponse:
    """What a watcher is told."""
    if changes.changed is None:
        return lookup.WatchKeysResponse(revision=changes.revision, reset=lookup.KeysReset())
    if changes.changed:
        return lookup.WatchKeysResponse(revision=changes.revision, changed=_changed(changes.changed))
    return lookup.WatchKeysResponse(revision=changes.revision, heartbeat=lookup.KeysHeartbeat())


def _changed(changes: tuple[Change, ...]) -> lookup.KeysChanged:
    return lookup.KeysChanged(
        ids=_names(changes, Kind.KEY),
        # Users of two tenants may have the same name: that forgets a few keys too many.
        users=_names(changes, Kind.USER),
        teams=[lookup.ChangedTeam(tenant=change.tenant, id=change.name) for change in changes if change.kind is Kind.TEAM],
        tenants=_names(changes, Kind.TENANT),
    )


def _names(changes: tuple[Change, ...], kind: Kind) -> dict[str, None]:
    return dict.fromkeys(change.name for change in changes if change.kind is kind)
