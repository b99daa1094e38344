"""The registry's tables. Lists are JSON: they are read and written with what they belong to, never searched."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from maas_common.limits import Limit
from maas_common.sql import revisions_table
from sqlalchemy import JSON, BigInteger, Boolean, Column, MetaData, String, Text, false
from sqlmodel import Field, SQLModel

from maas_registry.core.model import Audience, Model, Pricing
from maas_registry.core.tier import Tier

LOG = "catalogue"
METADATA = MetaData()
REVISIONS = revisions_table(METADATA)


class _Table(SQLModel):
    metadata = METADATA


class ModelRow(_Table, table=True):
    """A model."""

    __tablename__ = "models"

    id: str = Field(sa_column=Column(String(63), primary_key=True))
    display_name: str = Field(sa_column=Column(Text, nullable=False))
    description: str = Field(sa_column=Column(Text, nullable=False))
    url: str = Field(sa_column=Column(Text, nullable=False))
    upstream_name: str = Field(sa_column=Column(Text, nullable=False))
    owned_by: str = Field(sa_column=Column(Text, nullable=False))
    published_to: str = Field(sa_column=Column(String(16), nullable=False))
    tiers: list[str] = Field(sa_column=Column(JSON, nullable=False))
    pricing: dict[str, Any] | None = Field(sa_column=Column(JSON(none_as_null=True)))
    owner: str = Field(sa_column=Column(Text, nullable=False, server_default=""))
    created: int = Field(sa_column=Column(BigInteger, nullable=False))
    updated: int = Field(sa_column=Column(BigInteger, nullable=False))
    revision: int = Field(sa_column=Column(BigInteger, nullable=False))


class TierRow(_Table, table=True):
    """A tier."""

    __tablename__ = "tiers"

    name: str = Field(sa_column=Column(String(63), primary_key=True))
    display_name: str = Field(sa_column=Column(Text, nullable=False))
    description: str = Field(sa_column=Column(Text, nullable=False))
    level: int = Field(unique=True)
    groups: list[str] = Field(sa_column=Column(JSON, nullable=False))
    limits: list[dict[str, Any]] = Field(sa_column=Column(JSON, nullable=False))
    strict: bool = Field(sa_column=Column(Boolean, nullable=False, server_default=false()))
    created: int = Field(sa_column=Column(BigInteger, nullable=False))
    updated: int = Field(sa_column=Column(BigInteger, nullable=False))
    revision: int = Field(sa_column=Column(BigInteger, nullable=False))


class LogRow(_Table, table=True):
    """One resource that a revision made, changed or removed."""

    __tablename__ = "catalogue_log"

    revision: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    kind: str = Field(sa_column=Column(String(16), primary_key=True))
    name: str = Field(sa_column=Column(String(63), primary_key=True))


def model_row(model: Model) -> ModelRow:
    """A model as it is stored."""
    return ModelRow(
        id=model.id,
        display_name=model.display_name,
        description=model.description,
        url=model.url,
        upstream_name=model.upstream_name,
        owned_by=model.owned_by,
        published_to=model.published_to.value,
        tiers=list(model.tiers),
        pricing=asdict(model.pricing) if model.pricing else None,
        owner=model.owner,
        created=model.created,
        updated=model.updated,
        revision=model.revision,
    )


def model_of(row: ModelRow) -> Model:
    """A stored model."""
    return Model(
        id=row.id,
        display_name=row.display_name,
        description=row.description,
        url=row.url,
        upstream_name=row.upstream_name,
        owned_by=row.owned_by,
        published_to=Audience(row.published_to),
        tiers=tuple(row.tiers),
        pricing=Pricing(**row.pricing) if row.pricing else None,
        owner=row.owner,
        created=row.created,
        updated=row.updated,
        revision=row.revision,
    )


def tier_row(tier: Tier) -> TierRow:
    """A tier as it is stored."""
    return TierRow(
        name=tier.name,
        display_name=tier.display_name,
        description=tier.description,
        level=tier.level,
        groups=list(tier.groups),
        limits=[_limit_json(each) for each in tier.limits],
        strict=tier.is_strict,
        created=tier.created,
        updated=tier.updated,
        revision=tier.revision,
    )


def tier_of(row: TierRow) -> Tier:
    """A stored tier."""
    return Tier(
        name=row.name,
        display_name=row.display_name,
        description=row.description,
        level=row.level,
        groups=tuple(row.groups),
        limits=tuple(Limit.parse(**each | {"notify": tuple(each["notify"])}) for each in row.limits),
        is_strict=row.strict,
        created=row.created,
        updated=row.updated,
        revision=row.revision,
    )


def _limit_json(limit: Limit) -> dict[str, Any]:
    return {
        "id": limit.id,
        "metric": limit.metric.value,
        "amount": limit.amount,
        "window": limit.window.text,
        "per": limit.per.text,
        "over": limit.over.text,
        "notify": list(limit.notify),
    }
