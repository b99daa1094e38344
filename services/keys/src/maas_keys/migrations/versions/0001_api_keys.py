"""API keys and the log of their changes."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("prefix", sa.String(), nullable=False),
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("owner_issuer", sa.String(), nullable=False),
        sa.Column("owner_subject", sa.String(), nullable=False),
        sa.Column("username", sa.String(), nullable=False),
        sa.Column("owner_groups", sa.JSON(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("request_id", sa.String(), nullable=True),
        sa.Column("pepper_id", sa.String(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.Column("created_revision", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.UniqueConstraint("created_by", "request_id", name="uq_api_keys_created_by_request_id"),
    )
    op.create_index("ix_api_keys_owner", "api_keys", ["owner_issuer", "owner_subject", "created_revision"])
    op.create_index("ix_api_keys_username", "api_keys", ["username", "created_revision"])
    op.create_index("ix_api_keys_created_revision", "api_keys", ["created_revision"], unique=True)
    op.create_table(
        "key_changes",
        sa.Column("revision", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("key_id", sa.String(), nullable=False),
    )
    revisions = op.create_table(
        "revisions",
        sa.Column("log", sa.String(32), primary_key=True),
        sa.Column("value", sa.BigInteger(), nullable=False),
    )
    op.bulk_insert(revisions, [{"log": "keys", "value": 0}])


def downgrade() -> None:
    op.drop_table("revisions")
    op.drop_table("key_changes")
    op.drop_table("api_keys")
