"""Teams between messages and values."""

from __future__ import annotations

from collections.abc import Sequence

from maas.keys.v1 import teams_pb2 as pb
from maas_common.limit_messages import pack_limit
from maas_common.watch import Enforced

from maas_keys.core.money import dollars
from maas_keys.core.team import Member, Team
from maas_keys.core.team_rules import TeamDraft, TeamPatch
from maas_keys.servicers.budget_messages import unpack_budget, unpack_budget_patch
from maas_keys.servicers.limit_messages import pack_budget, pack_enforcement, pack_time, unpack_limits
from maas_keys.servicers.patches import Presence


def unpack_draft(request: pb.CreateTeamRequest) -> TeamDraft:
    """A team to make."""
    return TeamDraft(
        id=request.id,
        name=request.name,
        description=request.description,
        limits=unpack_limits(request.limits),
        budget=unpack_budget(request, Presence(request, (), key="id")),
    )


def unpack_patch(request: pb.UpdateTeamRequest) -> TeamPatch:
    """What to change of a team."""
    fields = Presence(request, request.update_mask.paths, key="id")
    return TeamPatch(
        name=fields.given("name", request.name),
        description=fields.given("description", request.description),
        limits=fields.given("limits", unpack_limits(request.limits)),
        budget=unpack_budget_patch(request, fields),
        etag=request.etag,
    )


def pack_team(team: Team, role: str = "", *, members: Sequence[Member] = (), enforced: Enforced | None = None) -> pb.Team:
    """A team; `role` is the caller's there."""
    return pb.Team(
        id=team.id,
        name=team.name,
        description=team.description,
        limits=map(pack_limit, team.limits),
        budget=pack_budget(team.budget),
        budget_usd=dollars(team.budget.amount) if team.budget else None,
        members=map(_pack_member, members),
        created_at=pack_time(team.created_at),
        updated_at=pack_time(team.updated_at),
        etag=team.etag,
        enforcement=pack_enforcement(enforced),
        tenant=team.tenant,
        role=role,
    )


def _pack_member(member: Member) -> pb.TeamMember:
    return pb.TeamMember(
        user_id=member.user_id, username=member.username, user_email=member.email, role=member.role, since=pack_time(member.since)
    )
