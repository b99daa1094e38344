"""Keys to and from rows."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, select

from maas_keys.adapters.key_tables import KEYS, USES
from maas_keys.adapters.limit_json import budget_of, limits_of_json, limits_to_json
from maas_keys.adapters.people_tables import UserRow
from maas_keys.adapters.tables import METADATA
from maas_keys.core.api_key import ApiKey, KeyHash, KeyKind, Owner, OwnerKind, Scope

USERS = METADATA.tables[UserRow.__tablename__]
"""Of the owners that are no groups: those have no row."""
IS_OWNER = and_(
    USERS.c.tenant == KEYS.c.tenant,
    USERS.c.issuer == KEYS.c.owner_issuer,
    USERS.c.subject == KEYS.c.owner_subject,
)
_LAST_USED_AT = select(USES.c.last_used_at).where(USES.c.key_id == KEYS.c.id).correlate(KEYS).scalar_subquery().label("last_used_at")
KEY_COLUMNS: tuple[ColumnElement[Any], ...] = (*KEYS.c, _LAST_USED_AT, USERS.c.username, USERS.c.groups, USERS.c.groups_at)
"""What `key_of` reads."""


def row_of(key: ApiKey, revision: int) -> dict[str, Any]:
    """The columns of a new key that this revision adds."""
    return {
        "id": key.id,
        "tenant": key.tenant,
        "kind": key.kind.value,
        "personal_rank": int(key.kind is KeyKind.PERSONAL),
        "owner_kind": key.owner.kind.value,
        "owner_issuer": key.owner.issuer,
        "owner_subject": key.owner.subject,
        "created_by": key.created_by,
        "request_id": key.request_id or None,
        "created_at": key.created_at,
        "created_revision": revision,
        **changed_row_of(key, revision),
    }


def changed_row_of(key: ApiKey, revision: int) -> dict[str, Any]:
    """The columns of a key that may change."""
    old = key.hashes[1] if len(key.hashes) > 1 else None
    return {
        "prefix": key.prefix,
        "name": key.name,
        "name_folded": key.name.casefold(),
        "description": key.description,
        "team": key.team or None,
        "pepper_id": key.hashes[0].pepper_id,
        "digest": key.hashes[0].digest,
        "old_pepper_id": old and old.pepper_id,
        "old_digest": old and old.digest,
        "old_until": old and old.until,
        "scope": asdict(key.scope),
        "subscription": key.subscription,
        "limits": limits_to_json(key.limits),
        "budget_amount": key.budget and key.budget.amount,
        "budget_period": key.budget and key.budget.period.text,
        "labels": dict(key.labels),
        "allowed_ips": key.allowed_ips,
        "pending_reasons": key.pending_reasons or None,
        "approved_by": key.approved_by,
        "is_disabled": key.is_disabled,
        "updated_at": key.updated_at,
        "expires_at": key.expires_at,
        "ephemeral_until": key.expires_at if key.is_ephemeral else None,
        "revoked_at": key.revoked_at,
        "revision": revision,
    }


def use_row_of(key: ApiKey, revision: int) -> dict[str, Any]:
    """When a new key that this revision adds was last used."""
    return {
        "key_id": key.id,
        "tenant": key.tenant,
        "owner_issuer": key.owner.issuer,
        "owner_subject": key.owner.subject,
        "team": key.team or None,
        "created_revision": revision,
        "last_used_at": key.last_used_at,
    }


def label_rows_of(key: ApiKey) -> list[dict[str, str]]:
    """The labels of a key, a row for each."""
    return [{"key_id": key.id, "name": name, "value": value} for name, value in key.labels.items()]


def key_of(row: Row[Any]) -> ApiKey:
    """The key of a row of KEY_COLUMNS."""
    newest = KeyHash(row.pepper_id, row.digest)
    old = () if row.old_digest is None else (KeyHash(row.old_pepper_id, row.old_digest, row.old_until),)
    return ApiKey(
        id=row.id,
        prefix=row.prefix,
        tenant=row.tenant,
        name=row.name,
        description=row.description,
        owner=_owner_of(row),
        created_by=row.created_by,
        request_id=row.request_id or "",
        hashes=(newest, *old),
        created_at=row.created_at,
        expires_at=row.expires_at,
        updated_at=row.updated_at,
        kind=KeyKind(row.kind),
        is_ephemeral=row.ephemeral_until is not None,
        team=row.team or "",
        scope=Scope(**{kind: tuple(ids) for kind, ids in row.scope.items()}),
        subscription=row.subscription,
        limits=limits_of_json(row.limits),
        budget=budget_of(row.budget_amount, row.budget_period),
        labels=row.labels,
        allowed_ips=tuple(row.allowed_ips),
        pending_reasons=tuple(row.pending_reasons or ()),
        approved_by=row.approved_by,
        is_disabled=row.is_disabled,
        revoked_at=row.revoked_at,
        last_used_at=row.last_used_at,
        created_revision=row.created_revision,
        revision=row.revision,
    )


def _owner_of(row: Row[Any]) -> Owner:
    kind, subject = OwnerKind(row.owner_kind), row.owner_subject
    if kind is OwnerKind.GROUP:
        return Owner(row.owner_issuer, subject, subject, kind, (subject,))
    if row.username is None:
        return Owner(row.owner_issuer, subject, subject, kind)
    return Owner(row.owner_issuer, subject, row.username, kind, tuple(row.groups), row.groups_at)
