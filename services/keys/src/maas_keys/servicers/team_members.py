"""The methods of TeamsService about who is in a team."""

from __future__ import annotations

import asyncio

import structlog
from maas.keys.v1 import teams_pb2 as pb
from maas_common.auth.roles import TeamRole
from maas_common.clock import Clock

from maas_keys.core.caller import Caller
from maas_keys.core.team import Member, Team
from maas_keys.core.team_members import check_may_remove, the_member
from maas_keys.core.text import check_line
from maas_keys.core.user import User
from maas_keys.core.user_search import the_user
from maas_keys.ports import TeamStore, UserStore
from maas_keys.servicers.feed import ChangeFeed
from maas_keys.servicers.team_access import TeamAccess
from maas_keys.servicers.team_messages import pack_team

log = structlog.get_logger(__name__)


class TeamMembers:
    """Puts people into teams, and takes them out."""

    def __init__(self, teams: TeamStore, users: UserStore, access: TeamAccess, feed: ChangeFeed, clock: Clock) -> None:
        self._teams = teams
        self._users = users
        self._access = access
        self._feed = feed
        self._clock = clock

    async def add(self, request: pb.AddTeamMemberRequest) -> pb.Team:
        """AddTeamMember."""
        caller = await self._access.caller()
        team = await self._access.team(caller, "AddTeamMember", request.id)
        check_line("user_email", request.user_email)
        user = the_user("user_email", request.user_email, await self._users.find(caller.tenant, request.user_email))
        await asyncio.shield(self._put(team, user, TeamRole(request.role or TeamRole.MEMBER), caller))
        role = await self._role_of(caller, team)
        return pack_team(team, role, members=await self._teams.members(caller.tenant, team.id))

    async def remove(self, request: pb.RemoveTeamMemberRequest) -> pb.RemoveTeamMemberResponse:
        """RemoveTeamMember."""
        caller = await self._access.caller()
        team = await self._access.team(caller, "RemoveTeamMember", request.id)
        member = the_member(team, await self._teams.members(caller.tenant, team.id), request.user)
        check_may_remove(caller, team, member)
        revoked, revision = await asyncio.shield(self._remove(team, member, caller))
        enforced = await self._feed.enforced(revision)
        role = await self._role_of(caller, team)
        members = await self._teams.members(caller.tenant, team.id)
        return pb.RemoveTeamMemberResponse(revoked_count=revoked, team=pack_team(team, role, members=members, enforced=enforced))

    async def _role_of(self, caller: Caller, team: Team) -> str:
        """The caller's own role now: it may be what was changed."""
        return (await self._teams.roles_of(caller.tenant, caller.name)).get(team.id, "")

    async def _put(self, team: Team, user: User, role: TeamRole, caller: Caller) -> None:
        await self._teams.put_member(team.tenant, team.id, user.id, role, at=int(self._clock.now()))
        log.info("team member put", team=team.id, user=user.person.user, role=role, actor=caller.name)

    async def _remove(self, team: Team, member: Member, caller: Caller) -> tuple[int, int]:
        revoked, revision = await self._teams.remove_member(team.tenant, team.id, member.user_id, at=int(self._clock.now()))
        log.info("team member removed", team=team.id, user_id=member.user_id, revoked_keys=revoked, actor=caller.name)
        return revoked, revision
