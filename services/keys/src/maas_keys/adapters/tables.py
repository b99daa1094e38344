"""The tables, and rows to and from keys. The migrations make them; a test holds the two together."""

from __future__ import annotations

from maas_common.sql import revisions_table
from sqlalchemy import JSON, BigInteger, Column, Index, UniqueConstraint
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from maas_keys.core.api_key import ApiKey, KeyHash, Owner


class Base(SQLModel, registry=registry()):
    """Tables of this service only: SQLModel's own registry is shared by whatever is imported."""


class ApiKeyRow(Base, table=True):
    """One key."""

    __tablename__ = "api_keys"
    __table_args__ = (
        UniqueConstraint("created_by", "request_id", name="uq_api_keys_created_by_request_id"),
        Index("ix_api_keys_owner", "owner_issuer", "owner_subject", "created_revision"),
        Index("ix_api_keys_username", "username", "created_revision"),
        Index("ix_api_keys_created_revision", "created_revision", unique=True),
    )

    id: str = Field(primary_key=True)
    prefix: str
    tenant: str
    name: str
    description: str
    owner_issuer: str
    owner_subject: str
    username: str
    owner_groups: list[str] = Field(sa_column=Column(JSON, nullable=False))
    created_by: str
    request_id: str | None
    pepper_id: str
    digest: bytes
    created_at: int = Field(sa_type=BigInteger)
    expires_at: int = Field(sa_type=BigInteger)
    revoked_at: int | None = Field(sa_type=BigInteger)
    created_revision: int = Field(sa_type=BigInteger)
    revision: int = Field(sa_type=BigInteger)


class KeyChangeRow(Base, table=True):
    """One entry of the change log: exactly one per revision."""

    __tablename__ = "key_changes"

    revision: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    key_id: str


METADATA = Base.metadata
REVISIONS = revisions_table(METADATA)
LOG = "keys"
"""This service's row of the revisions table; the migrations put it there."""


def row_of(key: ApiKey, revision: int) -> ApiKeyRow:
    """A new key as the row that this revision adds. No request id is NULL, which is unique beside any other."""
    return ApiKeyRow(
        id=key.id,
        prefix=key.prefix,
        tenant=key.tenant,
        name=key.name,
        description=key.description,
        owner_issuer=key.owner.issuer,
        owner_subject=key.owner.subject,
        username=key.owner.username,
        owner_groups=list(key.owner.groups),
        created_by=key.created_by,
        request_id=key.request_id or None,
        pepper_id=key.hash.pepper_id,
        digest=key.hash.digest,
        created_at=key.created_at,
        expires_at=key.expires_at,
        revoked_at=key.revoked_at,
        created_revision=revision,
        revision=revision,
    )


def key_of(row: ApiKeyRow) -> ApiKey:
    """The key that a row keeps."""
    return ApiKey(
        id=row.id,
        prefix=row.prefix,
        tenant=row.tenant,
        name=row.name,
        description=row.description,
        owner=Owner(row.owner_issuer, row.owner_subject, row.username, tuple(row.owner_groups)),
        created_by=row.created_by,
        request_id=row.request_id or "",
        hash=KeyHash(row.pepper_id, row.digest),
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        created_revision=row.created_revision,
        revision=row.revision,
    )
