"""Models, tiers, and the log of their changes."""

import time

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "models",
        sa.Column("id", sa.String(63), primary_key=True),
        sa.Column("display_name", sa.Text, nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("upstream_name", sa.Text, nullable=False),
        sa.Column("owned_by", sa.Text, nullable=False),
        sa.Column("published_to", sa.String(16), nullable=False),
        sa.Column("tiers", sa.JSON, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("updated", sa.BigInteger, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "tiers",
        sa.Column("name", sa.String(63), primary_key=True),
        sa.Column("display_name", sa.Text, nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("level", sa.Integer, nullable=False, unique=True),
        sa.Column("groups", sa.JSON, nullable=False),
        sa.Column("limits", sa.JSON, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("updated", sa.BigInteger, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "catalogue_log",
        sa.Column("revision", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.String(16), primary_key=True),
        sa.Column("name", sa.String(63), primary_key=True),
    )
    revisions = op.create_table(
        "revisions",
        sa.Column("log", sa.String(32), primary_key=True),
        sa.Column("value", sa.BigInteger, nullable=False),
    )
    # A watcher may come with a revision of a database that was there before. Starting at the time makes that one too old to
    # resume from, instead of one that this log seems to know.
    op.bulk_insert(revisions, [{"log": "catalogue", "value": int(time.time())}])


def downgrade() -> None:
    for table in ("revisions", "catalogue_log", "tiers", "models"):
        op.drop_table(table)
