"""The roles of people: what settings give to groups, and what administrators gave."""

from __future__ import annotations

from cachetools import TTLCache
from maas_common.auth.principal import Principal
from maas_common.auth.role_source import RoleSource
from maas_common.auth.roles import Role
from maas_common.clock import Clock

from maas_keys.ports import RoleStore

_REMEMBERED_S = 1
_REMEMBERED = 20_000


class AssignedRoles:
    """A RoleSource. Remembers an answer for a second. UnavailableError when the store can't be asked."""

    def __init__(self, by_group: RoleSource, given: RoleStore, clock: Clock) -> None:
        """`by_group`: the roles that settings give."""
        self._by_group = by_group
        self._given = given
        self._known: TTLCache[tuple[str, str, tuple[str, ...]], frozenset[Role]] = TTLCache(_REMEMBERED, _REMEMBERED_S, timer=clock.now)

    async def roles_of(self, principal: Principal) -> frozenset[Role]:
        """See RoleSource."""
        who = (principal.tenant, principal.user, principal.groups)
        roles = self._known.get(who)
        if roles is None:
            roles = await self._by_group.roles_of(principal) | await self._given.roles_of(*who)
            self._known[who] = roles
        return roles
