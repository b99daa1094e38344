"""Tables of tenants, people, teams and roles. The migrations make them; a test holds the two together."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Column, ForeignKeyConstraint, Index, UniqueConstraint
from sqlmodel import Field

from maas_keys.adapters.tables import METADATA, Base


class TenantRow(Base, table=True):
    """One tenant. Limits are in the shape of the REST resource."""

    __tablename__ = "tenants"

    name: str = Field(primary_key=True)
    display_name: str
    description: str
    default_limits: list[dict[str, object]] = Field(sa_column=Column(JSON, nullable=False))
    admin_groups: list[str] = Field(sa_column=Column(JSON, nullable=False))
    admin_users: list[str] = Field(sa_column=Column(JSON, nullable=False))
    created_at: int = Field(sa_type=BigInteger)
    updated_at: int = Field(sa_type=BigInteger)
    revision: int = Field(sa_type=BigInteger)


class UserRow(Base, table=True):
    """One person or service account."""

    __tablename__ = "users"
    __table_args__ = (
        UniqueConstraint("tenant", "issuer", "subject", name="uq_users_identity"),
        # In the order of lists; with what they are searched by, so that a search reads no row that it does not find.
        Index("ix_users_tenant", "tenant", "id", "username_folded", "email_folded"),
        Index("ix_users_username", "tenant", "username", "id"),
        Index("ix_users_email", "tenant", "email_folded", "id"),
    )

    id: str = Field(primary_key=True)
    tenant: str
    kind: str
    issuer: str
    subject: str
    username: str
    username_folded: str
    """`username.casefold()`: databases disagree about what lower case is."""
    email: str
    email_folded: str
    """`email.casefold()`."""
    groups: list[str] = Field(sa_column=Column(JSON, nullable=False))
    """For reads; `user_groups` has the same, for searches."""
    groups_at: int = Field(sa_type=BigInteger)
    created_at: int = Field(sa_type=BigInteger)
    last_seen_at: int = Field(sa_type=BigInteger)


class UserGroupRow(Base, table=True):
    """One group of one user."""

    __tablename__ = "user_groups"
    __table_args__ = (Index("ix_user_groups_user_id", "user_id"),)

    tenant: str = Field(primary_key=True)
    group: str = Field(primary_key=True)
    user_id: str = Field(primary_key=True, foreign_key="users.id")


class TeamRow(Base, table=True):
    """One team. Limits are in the shape of the REST resource."""

    __tablename__ = "teams"

    tenant: str = Field(primary_key=True)
    id: str = Field(primary_key=True)
    name: str
    description: str
    limits: list[dict[str, object]] = Field(sa_column=Column(JSON, nullable=False))
    budget_amount: int | None = Field(sa_type=BigInteger)
    budget_period: str | None
    created_at: int = Field(sa_type=BigInteger)
    updated_at: int = Field(sa_type=BigInteger)
    revision: int = Field(sa_type=BigInteger)


class TeamMemberRow(Base, table=True):
    """Somebody in a team."""

    __tablename__ = "team_members"
    __table_args__ = (
        ForeignKeyConstraint(["tenant", "team_id"], ["teams.tenant", "teams.id"]),
        Index("ix_team_members_user_id", "user_id", "team_id"),
    )

    tenant: str = Field(primary_key=True)
    team_id: str = Field(primary_key=True)
    user_id: str = Field(primary_key=True, foreign_key="users.id")
    role: str
    since: int = Field(sa_type=BigInteger)


class RoleAssignmentRow(Base, table=True):
    """A role of a user or a group."""

    __tablename__ = "role_assignments"
    __table_args__ = (
        UniqueConstraint("tenant", "member_kind", "member", "role", name="uq_role_assignments_member_role"),
        Index("ix_role_assignments_tenant", "tenant", "id"),
    )

    id: str = Field(primary_key=True)
    tenant: str
    role: str
    member_kind: str
    member: str
    created_by: str
    created_at: int = Field(sa_type=BigInteger)


USERS = METADATA.tables["users"]
MEMBERS = METADATA.tables["team_members"]
