"""Tenants: everything belongs to one."""

from __future__ import annotations

from dataclasses import dataclass

from maas_common.limits import Limit


@dataclass(frozen=True, slots=True)
class Tenant:
    """A tenant. Times are Unix seconds; `revision` is 0 until it is stored."""

    name: str
    display_name: str
    description: str
    default_limits: tuple[Limit, ...]
    admin_groups: tuple[str, ...]
    admin_users: tuple[str, ...]
    """Each `<issuer>|<subject>`."""
    created_at: int
    updated_at: int
    revision: int = 0

    @property
    def etag(self) -> str:
        """Version of this tenant."""
        return str(self.revision)
