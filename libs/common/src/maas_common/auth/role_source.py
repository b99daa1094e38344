"""Which roles somebody has: by their groups, as a service's settings say, and for more behind a Protocol."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Protocol

from cachetools import TTLCache

from maas_common.auth.principal import DEFAULT_TENANT, Principal
from maas_common.auth.roles import Role
from maas_common.clock import Clock

REMEMBERED_S = 1.0
"""Keys remembers its answers, and who asks it does too: a role that was given or taken away counts within twice this."""
_REMEMBERED = 10_000
_OF_EVERY_TENANT = frozenset({Role.MODEL_CONSUMER})


def kept_in(tenant: str, roles: frozenset[Role]) -> frozenset[Role]:
    """What is left of roles where all tenants share what is administered: only `default` has administrators and model owners there."""
    return roles if tenant == DEFAULT_TENANT else roles & _OF_EVERY_TENANT


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
        roles = frozenset(role for role, groups in self._groups.items() if not groups.isdisjoint(principal.groups))
        return kept_in(principal.tenant, roles)


class RememberedRoles:
    """A RoleSource that looks up somebody's roles once a second at most."""

    def __init__(self, look_up: Callable[[Principal], Awaitable[frozenset[Role]]], clock: Clock) -> None:
        """What `look_up` raises is not remembered."""
        self._look_up = look_up
        self._known: TTLCache[tuple[str, str, tuple[str, ...]], frozenset[Role]] = TTLCache(_REMEMBERED, REMEMBERED_S, timer=clock.now)

    async def roles_of(self, principal: Principal) -> frozenset[Role]:
        """See RoleSource."""
        who = (principal.tenant, principal.user, principal.groups)
        roles = self._known.get(who)
        if roles is None:
            roles = self._known[who] = await self._look_up(principal)
        return roles
