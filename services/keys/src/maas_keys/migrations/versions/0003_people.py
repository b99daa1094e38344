"""Tenants, people, teams and roles."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    tenants = op.create_table(
        "tenants",
        sa.Column("name", sa.String(), primary_key=True),
        sa.Column("display_name", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("default_limits", sa.JSON(), nullable=False),
        sa.Column("admin_groups", sa.JSON(), nullable=False),
        sa.Column("admin_users", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
    )
    texts = {"name": "default", "display_name": "Default", "description": "There from the start."}
    none_yet = {"default_limits": [], "admin_groups": [], "admin_users": [], "created_at": 0, "updated_at": 0, "revision": 0}
    op.bulk_insert(tenants, [texts | none_yet])
    op.create_table(
        "users",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("issuer", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("username", sa.String(), nullable=False),
        sa.Column("username_folded", sa.String(), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("email_folded", sa.String(), nullable=False),
        sa.Column("groups", sa.JSON(), nullable=False),
        sa.Column("groups_at", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("last_seen_at", sa.BigInteger(), nullable=False),
        sa.UniqueConstraint("tenant", "issuer", "subject", name="uq_users_identity"),
    )
    op.create_index("ix_users_tenant", "users", ["tenant", "id", "username_folded", "email_folded"])
    op.create_index("ix_users_username", "users", ["tenant", "username", "id"])
    op.create_index("ix_users_email", "users", ["tenant", "email_folded", "id"])
    op.create_table(
        "user_groups",
        sa.Column("tenant", sa.String(), primary_key=True),
        sa.Column("group", sa.String(), primary_key=True),
        sa.Column("user_id", sa.String(), sa.ForeignKey("users.id"), primary_key=True),
    )
    op.create_index("ix_user_groups_user_id", "user_groups", ["user_id"])
    op.create_table(
        "teams",
        sa.Column("tenant", sa.String(), primary_key=True),
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("limits", sa.JSON(), nullable=False),
        sa.Column("budget_amount", sa.BigInteger(), nullable=True),
        sa.Column("budget_period", sa.String(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "team_members",
        sa.Column("tenant", sa.String(), primary_key=True),
        sa.Column("team_id", sa.String(), primary_key=True),
        sa.Column("user_id", sa.String(), sa.ForeignKey("users.id"), primary_key=True),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["tenant", "team_id"], ["teams.tenant", "teams.id"]),
    )
    op.create_index("ix_team_members_user_id", "team_members", ["user_id", "team_id"])
    op.create_table(
        "role_assignments",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("member_kind", sa.String(), nullable=False),
        sa.Column("member", sa.String(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.UniqueConstraint("tenant", "member_kind", "member", "role", name="uq_role_assignments_member_role"),
    )
    op.create_index("ix_role_assignments_tenant", "role_assignments", ["tenant", "id"])


def downgrade() -> None:
    for table in ("role_assignments", "team_members", "teams", "user_groups", "users", "tenants"):
        op.drop_table(table)
