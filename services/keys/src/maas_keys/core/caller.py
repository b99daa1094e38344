"""Who calls, and how far they reach."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from maas_common.auth.roles import Reach, Role, TeamRole, reach

from maas_keys.core.user import User


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody signed in, with their roles in their tenant and in their teams (by the teams' ids)."""

    user: User
    roles: frozenset[Role]
    teams: Mapping[str, TeamRole]

    @property
    def tenant(self) -> str:
        """The tenant that they belong to."""
        return self.user.person.tenant

    @property
    def name(self) -> str:
        """`<issuer>|<subject>`."""
        return self.user.person.user

    @property
    def is_admin(self) -> bool:
        """Whether they administer their tenant."""
        return Role.ADMIN in self.roles

    def reach(self, method: str, team: str = "") -> Reach:
        """How far they may use `package.Service/Method`, concerning that team's things or those of none."""
        return reach(method, self.roles, self.teams.get(team))
