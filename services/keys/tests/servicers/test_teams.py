"""Teams, their members and their keys, through the running service."""

from __future__ import annotations

import asyncio

import grpc
import pytest
from maas.keys.v1.api_keys_pb2 import CreateApiKeyRequest, GetApiKeyRequest
from maas.keys.v1.lookup_pb2 import LookupApiKeyRequest
from maas.keys.v1.teams_pb2 import (
    AddTeamMemberRequest,
    CreateTeamKeyRequest,
    CreateTeamRequest,
    DeleteTeamKeyRequest,
    DeleteTeamRequest,
    GetTeamRequest,
    ListTeamKeysRequest,
    ListTeamsRequest,
    RemoveTeamMemberRequest,
    UpdateTeamKeyRequest,
    UpdateTeamRequest,
)
from maas.keys.v1.users_pb2 import GetMeRequest
from maas_common.apikey import key_id_of
from maas_common.testing import WORKLOAD

Code = grpc.StatusCode
REQUESTS = {"metric": "requests", "amount": 10, "window": "1m"}


async def team_of(world, **members):
    """The team `ds`, owned by alice."""
    await world.users.GetMe(GetMeRequest(), metadata=world.alice)
    await world.users.GetMe(GetMeRequest(), metadata=world.bob)
    made = await world.teams.CreateTeam(CreateTeamRequest(id="ds", name="DS", owner_email="alice"), metadata=world.admin)
    for name, role in members.items():
        made = await world.teams.AddTeamMember(AddTeamMemberRequest(id="ds", user_email=name, role=role), metadata=world.alice)
    return made


async def made_by(world, who, **fields):
    return await world.teams.CreateTeamKey(CreateTeamKeyRequest(id="ds", **{"alias": "notebook"} | fields), metadata=who)


async def record(world, key_id):
    return (await world.lookup.LookupApiKey(LookupApiKeyRequest(id=key_id), metadata=WORKLOAD)).record


def test_a_team_is_made_read_changed_and_deleted(keys_service, refused):
    async def scenario():
        async with keys_service() as world:
            request = CreateTeamRequest(name="Data Science", description="d", limits=[REQUESTS], budget_usd=25.5)
            call = world.teams.CreateTeam(request, metadata=world.admin)
            made = await call
            assert ("x-http-code", "201") in list(await call.initial_metadata())
            assert (made.id, made.name, made.description, made.tenant) == ("data-science", "Data Science", "d", "default")
            assert [(limit.id, limit.per) for limit in made.limits] == [("requests-1m", "team")]
            assert (made.budget.amount, made.budget.period, made.budget_usd) == (25_500_000, "total", 25.5)
            assert [(member.username, member.user_email, member.role) for member in made.members] == [
                ("admin", "admin@example.org", "owner")
            ]
            assert (made.role, made.enforcement.enforced, made.created_at.seconds) == ("owner", True, int(world.clock.now()))

            read = await world.teams.GetTeam(GetTeamRequest(id=made.id), metadata=world.admin)
            made.ClearField("enforcement")
            assert read == made

            world.clock.advance(5)
            patch = UpdateTeamRequest(id=made.id, name="DS", update_mask={"paths": ["description", "limits"]}, etag=made.etag)
            changed = await world.teams.UpdateTeam(patch, metadata=world.admin)
            assert (changed.name, changed.description, list(changed.limits), changed.budget_usd) == ("DS", "", [], 25.5)
            assert changed.updated_at.seconds == made.created_at.seconds + 5
            assert (await refused(world.teams.UpdateTeam(patch, metadata=world.admin))).code() is Code.ABORTED

            delete = DeleteTeamRequest(id=made.id, etag=made.etag)
            assert (await refused(world.teams.DeleteTeam(delete, metadata=world.admin))).code() is Code.ABORTED
            gone = await world.teams.DeleteTeam(DeleteTeamRequest(id=made.id, etag=changed.etag), metadata=world.admin)
            assert (gone.revoked_count, gone.enforcement.enforced) == (0, True)
            for call in (
                world.teams.GetTeam(GetTeamRequest(id=made.id), metadata=world.admin),
                world.teams.UpdateTeam(UpdateTeamRequest(id=made.id), metadata=world.admin),
                world.teams.DeleteTeam(DeleteTeamRequest(id=made.id), metadata=world.admin),
                world.teams.AddTeamMember(AddTeamMemberRequest(id=made.id, user_email="alice"), metadata=world.admin),
                world.teams.RemoveTeamMember(RemoveTeamMemberRequest(id=made.id, user="alice"), metadata=world.admin),
                world.teams.CreateTeamKey(CreateTeamKeyRequest(id=made.id, alias="a"), metadata=world.admin),
                world.teams.ListTeamKeys(ListTeamKeysRequest(id=made.id), metadata=world.admin),
            ):
                assert (await refused(call)).code() is Code.NOT_FOUND

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("request_", "fields"),
    [
        ({}, ["name"]),
        ({"name": "  "}, ["name"]),
        ({"name": "日本"}, ["id"]),
        ({"name": "x", "id": "No Spaces"}, ["id"]),
        ({"name": "x", "description": "\x00"}, ["description"]),
        ({"name": "x", "limits": [{"metric": "requests", "amount": 1, "window": "x"}]}, ["limits[0].window"]),
        ({"name": "x", "limits": [REQUESTS, REQUESTS]}, ["limits[1].id"]),
        ({"name": "x", "budget": {"amount": 1, "period": "never"}}, ["budget.period"]),
        ({"name": "x", "budget": {"amount": 1}, "budget_usd": 1}, ["budget_usd"]),
        ({"name": "x", "budget_usd": -1}, ["budget_usd"]),
        ({"name": "x", "budget_usd": 0}, ["budget_usd"]),
        ({"name": "x", "budget_usd": float("nan")}, ["budget_usd"]),
        ({"name": "x", "owner_email": "nobody@example.org"}, ["owner_email"]),
    ],
)
def test_a_wrong_team_is_refused_by_field(keys_service, refused, fields_of, request_, fields):
    async def scenario():
        async with keys_service() as world:
            error = await refused(world.teams.CreateTeam(CreateTeamRequest(**request_), metadata=world.admin))
            assert (error.code(), fields_of(error)) == (Code.INVALID_ARGUMENT, fields)
            assert not (await world.teams.ListTeams(ListTeamsRequest(), metadata=world.admin)).teams

    asyncio.run(scenario())


def test_an_id_is_taken_once(keys_service, refused):
    async def scenario():
        async with keys_service() as world:
            await team_of(world)
            error = await refused(world.teams.CreateTeam(CreateTeamRequest(name="ds"), metadata=world.admin))
            assert error.code() is Code.ALREADY_EXISTS

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("patch", "budget"),
    [
        ({"name": "x"}, (5, "month", 0.000005)),
        ({"budget_usd": 2}, (2_000_000, "month", 2)),
        ({"budget": {"amount": 7}}, (7, "total", 0.000007)),
        ({"budget": {"amount": 7, "period": "7d"}}, (7, "7d", 0.000007)),
        ({"budget_usd": 0}, None),
        ({"update_mask": {"paths": ["budget"]}}, None),
        ({"update_mask": {"paths": ["budget_usd"]}}, None),
    ],
)
def test_a_budget_is_changed_or_taken_away(keys_service, patch, budget):
    async def scenario():
        async with keys_service() as world:
            request = CreateTeamRequest(id="ds", name="DS", budget={"amount": 5, "period": "month"})
            await world.teams.CreateTeam(request, metadata=world.admin)
            team = await world.teams.UpdateTeam(UpdateTeamRequest(id="ds", **patch), metadata=world.admin)
            has = (team.budget.amount, team.budget.period, team.budget_usd) if team.HasField("budget") else None
            assert has == budget
            assert team.HasField("budget_usd") == bool(budget)

    asyncio.run(scenario())


def test_a_mask_that_names_no_field_is_refused(keys_service, refused, fields_of):
    async def scenario():
        async with keys_service() as world:
            await team_of(world)
            request = UpdateTeamRequest(id="ds", update_mask={"paths": ["colour"]})
            error = await refused(world.teams.UpdateTeam(request, metadata=world.admin))
            assert (error.code(), fields_of(error)) == (Code.INVALID_ARGUMENT, ["update_mask"])

    asyncio.run(scenario())


def test_owners_change_their_team_but_not_what_it_may_use(keys_service, refused):
    async def scenario():
        async with keys_service() as world:
            await team_of(world)
            team = await world.teams.UpdateTeam(UpdateTeamRequest(id="ds", description="ours"), metadata=world.alice)
            assert (team.description, team.role) == ("ours", "owner")
            for patch in ({"budget_usd": 5}, {"limits": [REQUESTS]}, {"update_mask": {"paths": ["limits"]}}):
                error = await refused(world.teams.UpdateTeam(UpdateTeamRequest(id="ds", **patch), metadata=world.alice))
                assert error.code() is Code.PERMISSION_DENIED
            assert (
                await refused(world.teams.DeleteTeam(DeleteTeamRequest(id="ds"), metadata=world.alice))
            ).code() is Code.PERMISSION_DENIED

    asyncio.run(scenario())


def test_one_lists_ones_own_teams_and_administrators_all(keys_service):
    async def scenario():
        async with keys_service() as world:
            await team_of(world, bob="viewer")
            await world.teams.CreateTeam(CreateTeamRequest(id="ops", name="Ops"), metadata=world.admin)

            async def listed(who):
                found, token = [], ""
                while True:
                    page = await world.teams.ListTeams(ListTeamsRequest(page_size=1, page_token=token), metadata=who)
                    found += [(team.id, team.role, len(team.members)) for team in page.teams]
                    token = page.next_page_token
                    if not token:
                        return found

            assert await listed(world.alice) == [("ds", "owner", 0)]
            assert await listed(world.bob) == [("ds", "viewer", 0)]
            assert await listed(world.admin) == [("ds", "", 0), ("ops", "owner", 0)]
            assert await listed(world.person("carol")) == []

    asyncio.run(scenario())


def test_members_come_change_and_go(keys_service, refused):
    async def scenario():
        async with keys_service() as world:
            team = await team_of(world, bob="")
            assert [(member.username, member.role) for member in team.members] == [("alice", "owner"), ("bob", "member")]
            assert team.role == "owner"
            bob = team.members[1].user_id
            again = AddTeamMemberRequest(id="ds", user_email="BOB@example.org", role="viewer")
            team = await world.teams.AddTeamMember(again, metadata=world.alice)
            assert [(member.user_id, member.role) for member in team.members][1] == (bob, "viewer")

            error = await refused(world.teams.RemoveTeamMember(RemoveTeamMemberRequest(id="ds", user="alice"), metadata=world.bob))
            assert error.code() is Code.PERMISSION_DENIED
            left = await world.teams.RemoveTeamMember(RemoveTeamMemberRequest(id="ds", user="bob@example.org"), metadata=world.bob)
            assert ([member.username for member in left.team.members], left.team.role) == (["alice"], "")
            error = await refused(world.teams.GetTeam(GetTeamRequest(id="ds"), metadata=world.bob))
            assert error.code() is Code.NOT_FOUND
            error = await refused(world.teams.RemoveTeamMember(RemoveTeamMemberRequest(id="ds", user=bob), metadata=world.alice))
            assert error.code() is Code.NOT_FOUND

    asyncio.run(scenario())


def test_somebody_owns_a_team_always(keys_service, refused):
    async def scenario():
        async with keys_service() as world:
            await team_of(world, bob="member")
            for call in (
                world.teams.RemoveTeamMember(RemoveTeamMemberRequest(id="ds", user="alice"), metadata=world.admin),
                world.teams.AddTeamMember(AddTeamMemberRequest(id="ds", user_email="alice", role="member"), metadata=world.alice),
            ):
                assert (await refused(call)).code() is Code.FAILED_PRECONDITION

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("request_", "fields"),
    [
        ({"user_email": ""}, ["user_email"]),
        ({"user_email": "nobody@example.org"}, ["user_email"]),
        ({"user_email": "bob", "role": "king"}, ["role"]),
    ],
)
def test_a_wrong_member_is_refused_by_field(keys_service, refused, fields_of, request_, fields):
    async def scenario():
        async with keys_service() as world:
            await team_of(world)
            error = await refused(world.teams.AddTeamMember(AddTeamMemberRequest(id="ds", **request_), metadata=world.alice))
            assert (error.code(), fields_of(error)) == (Code.INVALID_ARGUMENT, fields)

    asyncio.run(scenario())


def test_a_key_of_a_team_is_made_and_shown_once(keys_service):
    async def scenario():
        async with keys_service() as world:
            await team_of(world, bob="member")
            call = world.teams.CreateTeamKey(
                CreateTeamKeyRequest(id="ds", alias="notebook", models=["tiny"], budget_usd=1.5, expires_in="2d"), metadata=world.bob
            )
            made = await call
            assert ("x-http-code", "201") in list(await call.initial_metadata())
            assert key_id_of(made.key) == made.id
            assert (made.alias, made.team_id, list(made.models), made.budget_usd) == ("notebook", "ds", ["tiny"], 1.5)
            assert (made.status, made.username, made.note) == ("active", "bob", "")
            assert made.expires_at.seconds - made.created_at.seconds == 2 * 86_400
            assert made.api_key.enforcement.enforced

            listed = await world.teams.ListTeamKeys(ListTeamKeysRequest(id="ds"), metadata=world.alice)
            assert [(key.id, key.key) for key in listed.keys] == [(made.id, "")]
            full = await world.keys.GetApiKey(GetApiKeyRequest(id=made.id), metadata=world.alice)
            assert (full.team, list(full.scope.models), full.budget.period) == ("ds", ["tiny"], "total")
            kept = await record(world, made.id)
            assert (kept.team, [limit.id for limit in kept.limits]) == ("ds", ["key/budget"])

    asyncio.run(scenario())


def test_a_repeated_order_returns_the_same_key_without_its_secret(keys_service):
    async def scenario():
        async with keys_service() as world:
            await team_of(world)
            first, again = [await made_by(world, world.alice, request_id="r1") for _ in range(2)]
            assert (again.id, again.key) == (first.id, "")
            assert "request id" in again.note

    asyncio.run(scenario())


def test_a_request_id_that_made_a_key_elsewhere_hands_out_no_key(keys_service, refused):
    async def scenario():
        async with keys_service() as world:
            await team_of(world)
            first = await made_by(world, world.alice, request_id="r1")
            own = await world.keys.CreateApiKey(CreateApiKeyRequest(name="own", request_id="r2"), metadata=world.alice)
            orders = [{"request_id": "r1"}, {"request_id": "r1", "kind": "playground"}, {"request_id": "r2", "team": "ds"}]
            calls = [world.keys.CreateApiKey(CreateApiKeyRequest(name="k", **order), metadata=world.alice) for order in orders]
            for call, made in (*zip(calls, (first, first, own), strict=True), (made_by(world, world.alice, request_id="r2"), own)):
                error = await refused(call)
                assert error.code() is Code.ALREADY_EXISTS
                assert f'made API key "{made.id}"' in error.details()
            theirs = await world.keys.CreateApiKey(CreateApiKeyRequest(name="k", team="ds", request_id="r1"), metadata=world.alice)
            assert (theirs.id, theirs.key) == (first.id, "")

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("request_", "fields"),
    [
        ({"alias": ""}, ["alias"]),
        ({"alias": "a\n", "models": ["tiny", "a*"]}, ["alias", "models[1]"]),
        ({"budget_usd": -1}, ["budget_usd"]),
        ({"budget_usd": 0}, ["budget_usd"]),
        ({"expires_in": "1000d"}, ["expires_in"]),
    ],
)
def test_a_wrong_key_is_refused_by_field(keys_service, refused, fields_of, request_, fields):
    async def scenario():
        async with keys_service() as world:
            await team_of(world)
            error = await refused(made_by(world, world.alice, **request_))
            assert (error.code(), fields_of(error)) == (Code.INVALID_ARGUMENT, fields)
            assert not (await world.teams.ListTeamKeys(ListTeamKeysRequest(id="ds"), metadata=world.alice)).keys

    asyncio.run(scenario())


def test_keys_of_a_team_are_listed_newest_first_by_pages(keys_service):
    async def scenario():
        async with keys_service() as world:
            await team_of(world, bob="member")
            made = [(await made_by(world, who)).id for who in (world.alice, world.bob, world.alice)]
            await world.keys.CreateApiKey(CreateApiKeyRequest(name="mine"), metadata=world.alice)
            first = await world.teams.ListTeamKeys(ListTeamKeysRequest(id="ds", page_size=2), metadata=world.bob)
            token = ListTeamKeysRequest(id="ds", page_size=2, page_token=first.next_page_token)
            rest = await world.teams.ListTeamKeys(token, metadata=world.bob)
            assert [key.id for key in (*first.keys, *rest.keys)] == made[::-1]
            assert not rest.next_page_token

    asyncio.run(scenario())


def test_budget_and_status_of_a_key_change_together_or_not_at_all(keys_service, refused):
    async def scenario():
        async with keys_service() as world:
            await team_of(world, bob="member")
            key = await made_by(world, world.bob, budget_usd=1)

            async def changed(who=world.bob, **patch):
                key_ = await world.teams.UpdateTeamKey(UpdateTeamKeyRequest(id=key.id, **patch), metadata=who)
                return key_.status, key_.budget_usd if key_.HasField("budget_usd") else None

            assert await changed(budget=2.25, status="disabled") == ("disabled", 2.25)
            assert (await record(world, key.id)).status == "disabled"
            assert await changed(status="disabled") == ("disabled", 2.25)
            assert await changed(world.alice, status="active") == ("active", 2.25)
            assert await changed(budget=0) == ("active", None)
            assert await changed() == ("active", None)
            assert await changed(status="revoked") == ("revoked", None)
            assert await changed(status="revoked") == ("revoked", None)
            for patch in ({"status": "active"}, {"status": "active", "budget": 3}, {"budget": 3}):
                assert (await refused(changed(**patch))).code() is Code.FAILED_PRECONDITION
            assert await changed() == ("revoked", None)

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("patch", "field"), [({"budget": -1}, "budget"), ({"budget": float("inf")}, "budget"), ({"status": "lost"}, "status")]
)
def test_a_wrong_change_of_a_key_is_refused_by_field(keys_service, refused, fields_of, patch, field):
    async def scenario():
        async with keys_service() as world:
            await team_of(world)
            key = await made_by(world, world.alice)
            error = await refused(world.teams.UpdateTeamKey(UpdateTeamKeyRequest(id=key.id, **patch), metadata=world.alice))
            assert (error.code(), fields_of(error)) == (Code.INVALID_ARGUMENT, [field])

    asyncio.run(scenario())


def test_a_key_over_the_threshold_waits_for_an_approver(keys_service):
    async def scenario():
        async with keys_service(approval_budget_usd=10) as world:
            await team_of(world)
            key = await made_by(world, world.alice, budget_usd=10.01)
            assert (key.status, len(key.api_key.pending_reasons)) == ("pending", 1)
            small = await made_by(world, world.alice, budget_usd=10)
            assert small.status == "active"
            raised = await world.teams.UpdateTeamKey(UpdateTeamKeyRequest(id=small.id, budget=11), metadata=world.alice)
            assert raised.status == "pending"
            raised = await world.teams.UpdateTeamKey(UpdateTeamKeyRequest(id=small.id, budget=10), metadata=world.alice)
            assert raised.status == "active"

    asyncio.run(scenario())


def test_a_key_is_deleted(keys_service, refused):
    async def scenario():
        async with keys_service() as world:
            await team_of(world)
            key = await made_by(world, world.alice)
            gone = await world.teams.DeleteTeamKey(DeleteTeamKeyRequest(id=key.id), metadata=world.alice)
            assert gone.enforcement.enforced
            assert not (await world.lookup.LookupApiKey(LookupApiKeyRequest(id=key.id), metadata=WORKLOAD)).HasField("record")
            error = await refused(world.teams.DeleteTeamKey(DeleteTeamKeyRequest(id=key.id), metadata=world.alice))
            assert error.code() is Code.NOT_FOUND

    asyncio.run(scenario())


def test_a_whole_key_given_as_an_id_is_never_shown_back(keys_service, refused):
    async def scenario():
        async with keys_service() as world:
            await team_of(world)
            key = await made_by(world, world.alice)
            for call in (
                world.teams.UpdateTeamKey(UpdateTeamKeyRequest(id=key.key), metadata=world.alice),
                world.teams.DeleteTeamKey(DeleteTeamKeyRequest(id=key.key), metadata=world.alice),
            ):
                error = await refused(call)
                assert error.code() is Code.NOT_FOUND
                assert key.key not in str(error)

    asyncio.run(scenario())


def test_limits_and_budget_of_a_team_reach_its_keys_and_watchers(keys_service):
    async def scenario():
        async with keys_service() as world:
            await team_of(world)
            key = await made_by(world, world.alice)
            watch = await world.drained()
            request = UpdateTeamRequest(id="ds", limits=[REQUESTS], budget_usd=5)
            await world.teams.UpdateTeam(request, metadata=world.admin)
            told = (await watch.next()).changed
            assert [(team.tenant, team.id) for team in told.teams] == [("default", "ds")]
            limits = {limit.id: (limit.amount, limit.per) for limit in (await record(world, key.id)).limits}
            assert limits == {"team/requests-1m": (10, "team"), "team/budget": (5_000_000, "team")}

    asyncio.run(scenario())


def test_who_leaves_a_team_leaves_their_keys_in_it(keys_service):
    async def scenario():
        async with keys_service() as world:
            await team_of(world, bob="member")
            theirs, hers = await made_by(world, world.bob), await made_by(world, world.alice)
            own = await world.keys.CreateApiKey(CreateApiKeyRequest(name="own"), metadata=world.bob)
            left = await world.teams.RemoveTeamMember(RemoveTeamMemberRequest(id="ds", user="bob"), metadata=world.alice)
            assert (left.revoked_count, left.team.enforcement.enforced) == (1, True)
            assert [(await record(world, key.id)).status for key in (theirs, hers, own)] == ["revoked", "active", "active"]

    asyncio.run(scenario())


def test_a_team_takes_its_keys_along(keys_service):
    async def scenario():
        async with keys_service() as world:
            await team_of(world, bob="member")
            keys = [await made_by(world, world.bob), await made_by(world, world.alice)]
            watch = await world.drained()
            gone = await world.teams.DeleteTeam(DeleteTeamRequest(id="ds"), metadata=world.admin)
            assert gone.revoked_count == 2
            assert [team.id for team in (await watch.next()).changed.teams] == ["ds"]
            assert [(await record(world, key.id)).status for key in keys] == ["revoked", "revoked"]

    asyncio.run(scenario())


def test_changes_at_once_are_all_kept(keys_service):
    async def scenario():
        async with keys_service() as world:
            await team_of(world)
            names, texts = ["n0", "n1"], ["d0", "d1"]
            patches = [UpdateTeamRequest(id="ds", name=name) for name in names] + [UpdateTeamRequest(id="ds", description=t) for t in texts]
            await asyncio.gather(*(world.teams.UpdateTeam(patch, metadata=world.admin) for patch in patches))
            team = await world.teams.GetTeam(GetTeamRequest(id="ds"), metadata=world.admin)
            assert team.name in names
            assert team.description in texts

    asyncio.run(scenario())
