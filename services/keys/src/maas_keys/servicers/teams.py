"""maas.keys.v1.TeamsService: teams, who is in them, and their keys."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import structlog
from maas.keys.v1 import teams_pb2 as pb
from maas.keys.v1.teams_pb2_grpc import TeamsServiceServicer
from maas_common.auth.roles import Reach, TeamRole
from maas_common.clock import Clock

from maas_keys.core.caller import Caller
from maas_keys.core.etag import check_etag
from maas_keys.core.team import Team
from maas_keys.core.team_rules import SERVICE, TeamDraft, new_team, updated_team
from maas_keys.core.text import check_line
from maas_keys.core.user import User
from maas_keys.core.user_search import the_user
from maas_keys.ports import TeamStore, UserStore
from maas_keys.servicers.feed import ChangeFeed
from maas_keys.servicers.limit_messages import pack_enforcement
from maas_keys.servicers.pages import PAGE_SIZE, after, cut
from maas_keys.servicers.retries import retried
from maas_keys.servicers.team_access import TeamAccess
from maas_keys.servicers.team_keys import TeamKeys
from maas_keys.servicers.team_members import TeamMembers
from maas_keys.servicers.team_messages import pack_team, unpack_draft, unpack_patch

log = structlog.get_logger(__name__)

_CREATED_OVER_REST = (("x-http-code", "201"),)
_Context = grpc.aio.ServicerContext[Any, Any]


class TeamsServicer(TeamsServiceServicer):
    """Needs a signed-in caller. Members and keys are in TeamMembers and TeamKeys."""

    def __init__(  # noqa: PLR0913, PLR0917 - what it is made of
        self,
        teams: TeamStore,
        users: UserStore,
        access: TeamAccess,
        members: TeamMembers,
        keys: TeamKeys,
        feed: ChangeFeed,
        clock: Clock,
    ) -> None:
        self._teams = teams
        self._users = users
        self._access = access
        self._members = members
        self._keys = keys
        self._feed = feed
        self._clock = clock

    async def CreateTeam(self, request: pb.CreateTeamRequest, context: _Context) -> pb.Team:
        """See the proto. Answers 201 over REST."""
        caller = await self._access.caller()
        owner = caller.user
        if name := request.owner_email:
            check_line("owner_email", name)
            owner = the_user("owner_email", name, await self._users.find(caller.tenant, name))
        team = await asyncio.shield(self._add(unpack_draft(request), owner, caller))
        enforced = await self._feed.enforced(team.revision)
        members = await self._teams.members(team.tenant, team.id)
        await context.send_initial_metadata(_CREATED_OVER_REST)
        return pack_team(team, TeamRole.OWNER if owner.id == caller.user.id else "", members=members, enforced=enforced)

    async def GetTeam(self, request: pb.GetTeamRequest, _context: _Context) -> pb.Team:
        """See the proto."""
        caller = await self._access.caller()
        team = await self._access.team(caller, "GetTeam", request.id)
        return pack_team(team, caller.teams.get(team.id, ""), members=await self._teams.members(team.tenant, team.id))

    async def ListTeams(self, request: pb.ListTeamsRequest, _context: _Context) -> pb.ListTeamsResponse:
        """See the proto."""
        caller, size = await self._access.caller(), request.page_size or PAGE_SIZE
        member = None if caller.reach(f"{SERVICE}/ListTeams") is Reach.ALL else caller.user.id
        found = await self._teams.page(caller.tenant, member=member, after=after(request.page_token), size=size + 1)
        teams, token = cut(found, size, lambda team: team.id)
        return pb.ListTeamsResponse(teams=[pack_team(team, caller.teams.get(team.id, "")) for team in teams], next_page_token=token)

    async def UpdateTeam(self, request: pb.UpdateTeamRequest, _context: _Context) -> pb.Team:
        """See the proto."""
        caller = await self._access.caller()
        team = await asyncio.shield(self._update(request, caller))
        enforced = await self._feed.enforced(team.revision)
        members = await self._teams.members(team.tenant, team.id)
        return pack_team(team, caller.teams.get(team.id, ""), members=members, enforced=enforced)

    async def DeleteTeam(self, request: pb.DeleteTeamRequest, _context: _Context) -> pb.DeleteTeamResponse:
        """See the proto."""
        revoked, revision = await asyncio.shield(self._delete(request, await self._access.caller()))
        enforced = await self._feed.enforced(revision)
        return pb.DeleteTeamResponse(revoked_count=revoked, enforcement=pack_enforcement(enforced))

    async def AddTeamMember(self, request: pb.AddTeamMemberRequest, _context: _Context) -> pb.Team:
        """See the proto."""
        return await self._members.add(request)

    async def RemoveTeamMember(self, request: pb.RemoveTeamMemberRequest, _context: _Context) -> pb.RemoveTeamMemberResponse:
        """See the proto."""
        return await self._members.remove(request)

    async def CreateTeamKey(self, request: pb.CreateTeamKeyRequest, context: _Context) -> pb.TeamKey:
        """See the proto. Answers 201 over REST."""
        key = await self._keys.create(request)
        await context.send_initial_metadata(_CREATED_OVER_REST)
        return key

    async def ListTeamKeys(self, request: pb.ListTeamKeysRequest, _context: _Context) -> pb.ListTeamKeysResponse:
        """See the proto."""
        return await self._keys.page(request)

    async def UpdateTeamKey(self, request: pb.UpdateTeamKeyRequest, _context: _Context) -> pb.TeamKey:
        """See the proto."""
        return await self._keys.update(request)

    async def DeleteTeamKey(self, request: pb.DeleteTeamKeyRequest, _context: _Context) -> pb.DeleteTeamKeyResponse:
        """See the proto."""
        return await self._keys.delete(request)

    async def _add(self, draft: TeamDraft, owner: User, caller: Caller) -> Team:
        team = await self._teams.add(new_team(draft, tenant=caller.tenant, now=int(self._clock.now())), owner.id)
        log.info("team created", team=team.id, owner=owner.person.user, actor=caller.name)
        return team

    async def _update(self, request: pb.UpdateTeamRequest, caller: Caller) -> Team:
        patch = unpack_patch(request)

        async def attempt() -> Team:
            team = await self._access.team(caller, "UpdateTeam", request.id)
            return await self._teams.put(updated_team(team, patch, caller, now=int(self._clock.now())))

        team = await retried(attempt, etag=request.etag)
        log.info("team updated", team=team.id, actor=caller.name)
        return team

    async def _delete(self, request: pb.DeleteTeamRequest, caller: Caller) -> tuple[int, int]:
        async def attempt() -> tuple[int, int]:
            team = await self._access.team(caller, "DeleteTeam", request.id)
            check_etag(f'team "{team.id}"', current=team.etag, given=request.etag)
            return await self._teams.delete(team, at=int(self._clock.now()))

        revoked, revision = await retried(attempt, etag=request.etag)
        log.info("team deleted", team=request.id, revoked_keys=revoked, actor=caller.name)
        return revoked, revision
