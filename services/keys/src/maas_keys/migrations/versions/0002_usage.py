"""Raw usage records, and thresholds of budgets that were passed."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "usage_records",
        sa.Column("request_id", sa.String(32), primary_key=True),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("admitted_ms", sa.BigInteger(), nullable=False),
        sa.Column("ended_ms", sa.BigInteger(), nullable=False),
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("user", sa.String(), nullable=False),
        sa.Column("team", sa.String(), nullable=False),
        sa.Column("tier", sa.String(), nullable=False),
        sa.Column("group", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("price", sa.String(), nullable=False),
        sa.Column("input_tokens", sa.BigInteger(), nullable=False),
        sa.Column("output_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cached_tokens", sa.BigInteger(), nullable=False),
        sa.Column("total_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cost", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "budgets_passed",
        sa.Column("tenant", sa.String(), primary_key=True),
        sa.Column("counter", sa.String(), primary_key=True),
        sa.Column("subject", sa.String(), primary_key=True),
        sa.Column("percent", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("window_end", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("used", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("budgets_passed")
    op.drop_table("usage_records")
