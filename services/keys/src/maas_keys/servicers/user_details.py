"""What is told of one user beside what is kept of them: roles, teams, personal key."""

from __future__ import annotations

from collections.abc import Sequence

from maas_common.auth.principal import Principal
from maas_common.auth.role_source import RoleSource
from maas_common.auth.roles import Role, TeamRole
from maas_common.clock import Clock

from maas_keys.core.api_key import KeyKind
from maas_keys.core.caller import Caller
from maas_keys.core.groups import shown_groups, trusted_groups
from maas_keys.core.team import Team
from maas_keys.core.user import User
from maas_keys.ports import KeyStore, TeamStore
from maas_keys.servicers.people_messages import Details

_TEAMS_AT_ONCE = 100


class UserDetails:
    """Gathers them from where each is known."""

    def __init__(self, teams: TeamStore, keys: KeyStore, roles: RoleSource, clock: Clock, *, groups_max_age_s: int) -> None:
        self._teams = teams
        self._keys = keys
        self._roles = roles
        self._clock = clock
        self._groups_max_age_s = groups_max_age_s

    async def of(self, user: User, caller: Caller) -> Details:
        """The details of a user of the caller's tenant, who may be the caller."""
        personal = await self._keys.of_kind(caller.tenant, user.person.user, KeyKind.PERSONAL)
        return Details(
            roles=caller.roles if user.id == caller.user.id else await self._roles_of(user),
            teams=await self._teams_of(user),
            personal_key_id=personal.id if personal else "",
        )

    async def _roles_of(self, user: User) -> frozenset[Role]:
        """The roles of somebody who does not call: by the groups that are remembered."""
        person = user.person
        groups = trusted_groups(person, self._groups_max_age_s, self._clock.now())
        return await self._roles.roles_of(
            Principal(person.issuer, person.subject, person.username, shown_groups(groups), tenant=person.tenant)
        )

    async def _teams_of(self, user: User) -> Sequence[tuple[Team, TeamRole]]:
        roles = await self._teams.roles_of(user.person.tenant, user.person.user)
        teams: list[Team] = []
        while True:
            last = teams[-1].id if teams else ""
            page = await self._teams.page(user.person.tenant, member=user.id, after=last, size=_TEAMS_AT_ONCE)
            teams += page
            if len(page) < _TEAMS_AT_ONCE:
                # Somebody may have been put in or taken out between the two reads.
                return [(team, roles[team.id]) for team in teams if team.id in roles]
