"""Makes the sample people and teams known to keys. Each team once: what administrators change or delete later stays so."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import grpc
from google.protobuf.json_format import ParseDict, ParseError
from maas.keys.v1.teams_pb2 import AddTeamMemberRequest, CreateTeamRequest
from maas.keys.v1.teams_pb2_grpc import TeamsServiceStub
from maas.keys.v1.users_pb2 import ImportedUser, ImportUsersRequest
from maas.keys.v1.users_pb2_grpc import UsersServiceStub

from maas_local.catalogue import entries
from maas_local.management import bearer, channel
from maas_local.people import Person
from maas_local.seeding import REFUSALS, Seeded
from maas_local.state import write_private

_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class SampleTeam:
    """A team, and who is in it beside its owner."""

    order: CreateTeamRequest
    members: tuple[AddTeamMemberRequest, ...]


def read_teams(config: Path) -> list[SampleTeam]:
    """The teams of teams.yaml; ValueError names the file, the team and what is wrong with it."""
    path = config / "teams.yaml"
    teams = []
    for entry in entries(path):
        if "id" not in entry:
            raise ValueError(f"{path}: {entry.get('name', 'a team')}: id is missing")
        order = {name: value for name, value in entry.items() if name != "members"}
        try:
            members = tuple(ParseDict({"id": entry["id"], **member}, AddTeamMemberRequest()) for member in entry.get("members", ()))
            teams.append(SampleTeam(ParseDict(order, CreateTeamRequest()), members))
        except (TypeError, ParseError) as error:
            raise ValueError(f"{path}: {entry['id']}: {error}") from None
    return teams


def seed_teams(keys: str, token: str, people: Iterable[Person], teams: Iterable[SampleTeam], record: Path) -> Seeded:
    """Import the people, as whom they sign in, and make the teams that `record` does not have. grpc.RpcError when keys can't be asked."""
    done = Seeded()
    before: list[str] = json.loads(record.read_text()) if record.exists() else []
    now = list(before)
    with channel(keys) as opened:
        users = [ImportedUser(subject=each.name, username=each.name, email=each.email, groups=each.groups) for each in people]
        UsersServiceStub(opened).ImportUsers(ImportUsersRequest(users=users), metadata=bearer(token), timeout=_TIMEOUT_S)
        stub = TeamsServiceStub(opened)
        for team in teams:
            if team.order.id in before:
                continue
            try:
                _make(stub, team, token)
            except grpc.RpcError as error:
                if error.code() not in REFUSALS:
                    raise
                done.refused.append(f"team {team.order.id}: {error.details()}")
            else:
                done.created.append(f"team {team.order.id}")
                now.append(team.order.id)
    write_private(record, json.dumps(now) + "\n")
    return done


def _make(stub: TeamsServiceStub, team: SampleTeam, token: str) -> None:
    stub.CreateTeam(team.order, metadata=bearer(token), timeout=_TIMEOUT_S)
    for member in team.members:
        stub.AddTeamMember(member, metadata=bearer(token), timeout=_TIMEOUT_S)
