"""Sample teams against the real sign-in and the real keys service."""

from __future__ import annotations

import secrets

import grpc
import pytest
from maas.keys.v1.teams_pb2 import AddTeamMemberRequest, CreateTeamRequest, DeleteTeamRequest, GetTeamRequest, ListTeamsRequest
from maas.keys.v1.teams_pb2_grpc import TeamsServiceStub
from maas_local.management import bearer, sign_in
from maas_local.people import read_people
from maas_local.sample_teams import SampleTeam, read_teams, seed_teams
from maas_local.seeding import Seeded


class Keys:
    """The keys service as the sample administrator sees it."""

    def __init__(self, suite, record) -> None:
        self.address = suite.settings.grpc_address("keys")
        self.token = sign_in(suite.settings.issuer_url, "admin", suite.secrets.password("admin").read_text())
        self.people = read_people(suite.settings.config)
        self.record = record
        self._channel = grpc.insecure_channel(self.address)
        self._stub = TeamsServiceStub(self._channel)

    def seed(self, *teams: SampleTeam) -> Seeded:
        return seed_teams(self.address, self.token, self.people, teams, self.record)

    def call(self, method: str, request):
        return getattr(self._stub, method)(request, metadata=bearer(self.token), timeout=20)

    def close(self) -> None:
        self._channel.close()


@pytest.fixture
def keys(suite, tmp_path):
    made = Keys(suite, tmp_path / "teams.json")
    yield made
    made.close()


@pytest.fixture
def team() -> SampleTeam:
    name = f"team-{secrets.token_hex(4)}"
    return SampleTeam(
        CreateTeamRequest(id=name, name="A team", owner_email="bob@example.org"),
        (AddTeamMemberRequest(id=name, user_email="alice@example.org", role="viewer"),),
    )


def test_a_team_is_made_with_people_who_never_signed_in(keys, team):
    assert keys.seed(team) == Seeded(created=[f"team {team.order.id}"])
    found = keys.call("GetTeam", GetTeamRequest(id=team.order.id))
    assert {(member.username, member.role) for member in found.members} == {("bob", "owner"), ("alice", "viewer")}


def test_a_team_that_was_deleted_stays_deleted(keys, team):
    keys.seed(team)
    keys.call("DeleteTeam", DeleteTeamRequest(id=team.order.id))
    assert keys.seed(team) == Seeded()
    assert team.order.id not in [found.id for found in keys.call("ListTeams", ListTeamsRequest()).teams]


def test_a_team_that_is_in_the_way_is_told_of_and_left_alone(keys, team):
    keys.call("CreateTeam", CreateTeamRequest(id=team.order.id, name="Theirs"))
    (refused,) = keys.seed(team).refused
    assert refused.startswith(f"team {team.order.id}: ")
    assert keys.call("GetTeam", GetTeamRequest(id=team.order.id)).name == "Theirs"


def test_the_sample_teams_are_ones_that_keys_takes(keys, suite):
    teams = read_teams(suite.settings.config)
    assert keys.seed(*teams) == Seeded(created=[f"team {team.order.id}" for team in teams])


@pytest.mark.parametrize(
    "text",
    ["- name: without an id", "- {id: a, nane: b}", "- {id: a, name: b, members: [{user: c}]}", "- {id: a, members: [c]}", "a: b"],
)
def test_a_file_that_is_wrong_is_named(tmp_path, text):
    (tmp_path / "teams.yaml").write_text(text)
    with pytest.raises(ValueError, match=r"teams\.yaml: "):
        read_teams(tmp_path)
