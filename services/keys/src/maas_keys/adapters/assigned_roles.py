"""The roles of people: what settings give to groups, and what administrators gave."""

from __future__ import annotations

from maas_common.auth.principal import Principal
from maas_common.auth.role_source import RememberedRoles, RoleSource
from maas_common.auth.roles import Role
from maas_common.clock import Clock

from maas_keys.ports import RoleStore


class AssignedRoles:
    """A RoleSource. Remembers an answer for a second. UnavailableError when the store can't be asked."""

    def __init__(self, by_group: RoleSource, given: RoleStore, clock: Clock) -> None:
        """`by_group`: the roles that settings give."""
        self._by_group = by_group
        self._given = given
        self._remembered = RememberedRoles(self._look_up, clock)

    async def roles_of(self, principal: Principal) -> frozenset[Role]:
        """See RoleSource."""
        return await self._remembered.roles_of(principal)

    async def _look_up(self, principal: Principal) -> frozenset[Role]:
        given = await self._given.roles_of(principal.tenant, principal.user, principal.groups)
        return await self._by_group.roles_of(principal) | given
