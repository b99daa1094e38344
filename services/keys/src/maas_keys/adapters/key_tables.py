"""The tables of keys. The migrations make them; a test holds the two together."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, BigInteger, Column, ForeignKey, Index, LargeBinary, String, text
from sqlmodel import Field

from maas_keys.adapters.tables import METADATA, Base
from maas_keys.core.search import SortBy

SORTED_BY = {
    SortBy.CREATED_AT: "created_at",
    SortBy.EXPIRES_AT: "expires_at",
    SortBy.LAST_USED_AT: "last_used_at",
    SortBy.NAME: "name",
    SortBy.PERSONAL_FIRST: "personal_rank",
}
"""The column that has the value of each order; `created_revision` comes after it."""
_PLACES = {"tenant": ("tenant",), "owner": ("tenant", "owner_issuer", "owner_subject"), "team": ("tenant", "team")}
_PYTHONS_ORDER = String().with_variant(String(collation="C"), "postgresql")


def _index(name: str, *columns: str, where: str = "", unique: bool = False) -> Index:
    only: dict[str, Any] = {"postgresql_where": text(where), "sqlite_where": text(where)} if where else {}
    return Index(name, *columns, unique=unique, **only)


def _pages(table: str, *orders: str) -> list[Index]:
    """One for each place that keys are looked for in, in each order: a page is a stretch of one of them, however deep."""
    return [
        _index(f"ix_{table}_{place}_{order}", *columns, order, "created_revision", where="team IS NOT NULL" if place == "team" else "")
        for place, columns in _PLACES.items()
        for order in orders
    ]


class ApiKeyRow(Base, table=True):
    """One key. What is known of its owner beyond their identity is kept with the user. No team, request id and reasons to wait are NULL."""

    __tablename__ = "api_keys"
    __table_args__ = (
        _index("uq_api_keys_created_revision", "created_revision", unique=True),
        _index("uq_api_keys_request_id", "tenant", "created_by", "request_id", unique=True),
        _index(
            "uq_api_keys_one_of_a_kind",
            *("tenant", "owner_issuer", "owner_subject", "kind"),
            where="kind <> 'standard' AND revoked_at IS NULL",
            unique=True,
        ),
        _index("ix_api_keys_pending", "tenant", "revoked_at", "created_revision", where="pending_reasons IS NOT NULL"),
        _index("ix_api_keys_ephemeral_until", "ephemeral_until", where="ephemeral_until IS NOT NULL"),
        *_pages("api_keys", "created_at", "expires_at", "name", "personal_rank"),
    )

    id: str = Field(primary_key=True)
    prefix: str
    tenant: str
    name: str = Field(sa_type=_PYTHONS_ORDER)
    name_folded: str
    """`name.casefold()`: databases disagree about what lower case is."""
    description: str
    kind: str
    personal_rank: int = Field(sa_type=BigInteger)
    owner_kind: str
    owner_issuer: str
    owner_subject: str
    team: str | None
    created_by: str
    request_id: str | None
    pepper_id: str
    digest: bytes = Field(sa_type=LargeBinary)
    old_pepper_id: str | None
    old_digest: bytes | None = Field(sa_type=LargeBinary)
    old_until: int | None = Field(sa_type=BigInteger)
    scope: dict[str, list[str]] = Field(sa_column=Column(JSON, nullable=False))
    subscription: str
    limits: list[dict[str, Any]] = Field(sa_column=Column(JSON, nullable=False))
    """In the shape of the REST resource."""
    budget_amount: int | None = Field(sa_type=BigInteger)
    budget_period: str | None
    labels: dict[str, str] = Field(sa_column=Column(JSON, nullable=False))
    """For reads; `api_key_labels` has the same, for searches."""
    allowed_ips: list[str] = Field(sa_column=Column(JSON, nullable=False))
    pending_reasons: list[str] | None = Field(sa_column=Column(JSON(none_as_null=True)))
    approved_by: str
    is_disabled: bool
    created_at: int = Field(sa_type=BigInteger)
    updated_at: int = Field(sa_type=BigInteger)
    expires_at: int = Field(sa_type=BigInteger)
    ephemeral_until: int | None = Field(sa_type=BigInteger)
    """`expires_at` of an ephemeral key."""
    revoked_at: int | None = Field(sa_type=BigInteger)
    created_revision: int = Field(sa_type=BigInteger)
    revision: int = Field(sa_type=BigInteger)


class ApiKeyUseRow(Base, table=True):
    """When one key was last used: written often, so beside the key and its many indexes. What finds the key never changes."""

    __tablename__ = "api_key_uses"
    __table_args__ = tuple(_pages("api_key_uses", "last_used_at"))

    key_id: str = Field(sa_column=Column(String, ForeignKey("api_keys.id", ondelete="CASCADE"), primary_key=True))
    tenant: str
    owner_issuer: str
    owner_subject: str
    team: str | None
    created_revision: int = Field(sa_type=BigInteger)
    last_used_at: int = Field(sa_type=BigInteger)
    """0: never."""


class ApiKeyLabelRow(Base, table=True):
    """One label of one key."""

    __tablename__ = "api_key_labels"
    __table_args__ = (_index("ix_api_key_labels_name", "name", "value", "key_id"),)

    key_id: str = Field(sa_column=Column(String, ForeignKey("api_keys.id", ondelete="CASCADE"), primary_key=True))
    name: str = Field(primary_key=True)
    value: str


KEYS = METADATA.tables["api_keys"]
USES = METADATA.tables["api_key_uses"]
LABELS = METADATA.tables["api_key_labels"]
