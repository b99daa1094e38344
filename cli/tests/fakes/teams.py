"""Teams, in memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from maas.keys.v1 import api_keys_pb2
from maas.keys.v1 import teams_pb2 as pb

from cli.tests.fakes.house import CREATED_S, House, found, updated
from cli.tests.fakes.keys import SECRET
from cli.tests.fakes.web import Request


@dataclass(slots=True)
class Teams:
    """Who makes a team owns it."""

    house: House
    kept: dict[str, pb.Team] = field(default_factory=dict)
    keys: list[pb.TeamKey] = field(default_factory=list)
    pending_because: str = ""

    def CreateTeam(self, asked: pb.CreateTeamRequest, request: Request) -> Any:
        team = pb.Team(id=asked.id or asked.name.lower().replace(" ", "-"), name=asked.name, limits=asked.limits, etag="1")
        if asked.HasField("budget"):
            team.budget.CopyFrom(asked.budget)
        owner = asked.owner_email or f"{self.house.caller(request)}@example.org"
        team.members.add(user_id="User00000000", username=owner.partition("@")[0], user_email=owner, role="owner")
        team.created_at.FromSeconds(CREATED_S)
        self.kept[team.id] = team
        return self.house.changed(team)

    def GetTeam(self, asked: pb.GetTeamRequest, request: Request) -> Any:
        return found(self.kept, asked.id, "team")

    def ListTeams(self, asked: pb.ListTeamsRequest, request: Request) -> Any:
        page, following = self.house.page(sorted(self.kept.values(), key=lambda team: team.id), asked.page_size, asked.page_token)
        return pb.ListTeamsResponse(teams=page, next_page_token=following)

    def UpdateTeam(self, asked: pb.UpdateTeamRequest, request: Request) -> Any:
        return self.house.changed(updated(found(self.kept, asked.id, "team"), asked))

    def DeleteTeam(self, asked: pb.DeleteTeamRequest, request: Request) -> Any:
        found(self.kept, asked.id, "team")
        del self.kept[asked.id]
        return pb.DeleteTeamResponse(revoked_count=3, enforcement=self.house.enforcement())

    def AddTeamMember(self, asked: pb.AddTeamMemberRequest, request: Request) -> Any:
        team: pb.Team = found(self.kept, asked.id, "team")
        team.members.add(username=asked.user_email.partition("@")[0], user_email=asked.user_email, role=asked.role or "member")
        return self.house.changed(team)

    def RemoveTeamMember(self, asked: pb.RemoveTeamMemberRequest, request: Request) -> Any:
        team: pb.Team = found(self.kept, asked.id, "team")
        staying = [member for member in team.members if member.user_email != asked.user]
        del team.members[:]
        team.members.extend(staying)
        return pb.RemoveTeamMemberResponse(revoked_count=2, team=self.house.changed(team))

    def CreateTeamKey(self, asked: pb.CreateTeamKeyRequest, request: Request) -> Any:
        key = pb.TeamKey(id=f"Key{len(self.keys):09d}", alias=asked.alias, team_id=asked.id, models=asked.models, status="active")
        if asked.HasField("budget_usd"):
            key.budget_usd = asked.budget_usd
        key.status = "pending" if self.pending_because else "active"
        self.keys.append(key)
        made = pb.TeamKey()
        made.CopyFrom(key)
        made.key = f"sk-maas-{key.id}_{SECRET}"
        made.api_key.CopyFrom(api_keys_pb2.ApiKey(id=key.id, enforcement=self.house.enforcement()))
        made.api_key.pending_reasons.extend([self.pending_because] if self.pending_because else [])
        return made

    def ListTeamKeys(self, asked: pb.ListTeamKeysRequest, request: Request) -> Any:
        found(self.kept, asked.id, "team")
        page, following = self.house.page(self.keys, asked.page_size, asked.page_token)
        return pb.ListTeamKeysResponse(keys=page, next_page_token=following)
