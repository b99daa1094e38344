"""Roles that administrators gave."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from maas_common.auth.roles import Role


@dataclass(frozen=True, slots=True)
class RoleAssignment:
    """A role that a user (`<issuer>|<subject>`) or everybody in a group has in a tenant."""

    tenant: str
    id: str
    role: Role
    member_kind: Literal["user", "group"]
    member: str
    created_by: str
    created_at: int
