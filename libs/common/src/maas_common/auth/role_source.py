"""Which roles somebody has: by their groups, as a service's settings say, and for more behind a Protocol."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from maas_common.auth.principal import DEFAULT_TENANT, Principal
from maas_common.auth.roles import Role


class RoleSource(Protocol):
    """Knows the roles of people."""

    async def roles_of(self, principal: Principal) -> frozenset[Role]:
        """Their roles in their tenant."""
        ...


class RolesByGroup:
    """The roles that settings give to groups. Administrators and model owners of settings are those of the tenant `default`."""

    def __init__(self, groups: Mapping[Role, Iterable[str]]) -> None:
        """The groups that have each role."""
        self._groups = {role: frozenset(names) for role, names in groups.items()}

    async def roles_of(self, principal: Principal) -> frozenset[Role]:
        """See RoleSource."""
        everywhere = {Role.MODEL_CONSUMER}
        return frozenset(
            role
            for role, groups in self._groups.items()
            if not groups.isdisjoint(principal.groups) and (principal.tenant == DEFAULT_TENANT or role in everywhere)
        )
