"""Who calls, and which team they mean: how every method about a team begins."""

from __future__ import annotations

from maas_common.auth.principal import current_principal

from maas_keys.core.caller import Caller
from maas_keys.core.team import Team
from maas_keys.core.team_rules import team_for
from maas_keys.core.text import check_line
from maas_keys.ports import TeamStore
from maas_keys.servicers.reception import Reception


class TeamAccess:
    """Finds teams for those who may use them."""

    def __init__(self, teams: TeamStore, reception: Reception) -> None:
        self._teams = teams
        self._reception = reception

    async def caller(self) -> Caller:
        """Who makes the call in hand."""
        return await self._reception.caller(current_principal())

    async def team(self, caller: Caller, method: str, team_id: str) -> Team:
        """The team, for a caller who may use that method of TeamsService on it; NotFoundError or PermissionDeniedError otherwise."""
        check_line("id", team_id)
        return team_for(caller, method, team_id, await self._teams.get(caller.tenant, team_id))
