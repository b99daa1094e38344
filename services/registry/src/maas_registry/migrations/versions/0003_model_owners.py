"""Who registered a model; of those that are there nobody knows."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("models", sa.Column("owner", sa.Text, nullable=False, server_default=""))


def downgrade() -> None:
    op.drop_column("models", "owner")
