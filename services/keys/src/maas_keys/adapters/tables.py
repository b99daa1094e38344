"""What the tables of this service share. Each aggregate declares its own; the migrations make them; a test holds the two together."""

from __future__ import annotations

from pathlib import Path

from maas_common.sql import revisions_table
from sqlalchemy import BigInteger, Column, String, Table
from sqlalchemy.orm import registry
from sqlmodel import SQLModel

MIGRATIONS = Path(__file__).parents[1] / "migrations"


class Base(SQLModel, registry=registry()):
    """Tables of this service only: SQLModel's own registry is shared by whatever is imported."""


METADATA = Base.metadata
REVISIONS = revisions_table(METADATA)
LOG = "keys"
"""This service's row of the revisions table; the migrations put it there."""
CHANGES = Table(
    "key_changes",
    METADATA,
    Column("revision", BigInteger, primary_key=True, autoincrement=False),
    *(Column(name, String, primary_key=True) for name in ("kind", "tenant", "name")),
)
"""The change log: one entry at least for each revision."""
