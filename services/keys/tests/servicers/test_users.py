"""People, through the running service."""

from __future__ import annotations

import asyncio

import grpc
import pytest
from maas.keys.v1.api_keys_pb2 import CreateApiKeyRequest, CreatePersonalApiKeyRequest, GetApiKeyRequest, ListApiKeysRequest
from maas.keys.v1.lookup_pb2 import LookupApiKeyRequest
from maas.keys.v1.teams_pb2 import AddTeamMemberRequest, CreateTeamRequest, GetTeamRequest
from maas.keys.v1.tenants_pb2 import DeleteTenantRequest
from maas.keys.v1.users_pb2 import DeleteUserRequest, GetMeRequest, GetUserRequest, ImportUsersRequest, ListUsersRequest
from maas_common.testing import WORKLOAD

DAY_S = 86_400


async def me(world, who):
    return await world.users.GetMe(GetMeRequest(), metadata=who)


def test_who_signs_in_is_known(keys_service):
    async def scenario():
        async with keys_service() as world:
            alice, now = await me(world, world.alice), int(world.clock.now())
            assert (alice.kind, alice.issuer, alice.subject, alice.username) == ("user", world.settings.oidc_issuer, "alice", "alice")
            assert (alice.email, alice.tenant) == ("alice@example.org", "default")
            assert list(alice.groups) == ["staff", "system:authenticated"]
            assert (alice.groups_at.seconds, alice.groups_until.seconds) == (now, now + 30 * DAY_S)
            assert (alice.created_at.seconds, alice.last_seen_at.seconds) == (now, now - now % 60)
            assert list(alice.roles) == ["model-consumer"]
            assert await me(world, world.alice) == alice

    asyncio.run(scenario())


def test_one_sees_ones_teams_and_personal_key(keys_service):
    async def scenario():
        async with keys_service() as world:
            personal = await world.keys.CreatePersonalApiKey(CreatePersonalApiKeyRequest(), metadata=world.alice)
            for name in ("Ops", "Data Science"):
                await world.teams.CreateTeam(CreateTeamRequest(name=name, owner_email="alice@example.org"), metadata=world.admin)
            alice = await me(world, world.alice)
            assert alice.personal_key_id == personal.id
            assert [(team.id, team.name, team.role) for team in alice.teams] == [
                ("data-science", "Data Science", "owner"),
                ("ops", "Ops", "owner"),
            ]
            seen = await world.users.GetUser(GetUserRequest(id=alice.id), metadata=world.admin)
            assert seen == alice

    asyncio.run(scenario())


def test_others_do_not_exist_but_for_administrators(keys_service, refused):
    async def scenario():
        async with keys_service() as world:
            alice = await me(world, world.alice)
            assert (await world.users.GetUser(GetUserRequest(id=alice.id), metadata=world.alice)).id == alice.id
            said = []
            for who, user_id in ((world.bob, alice.id), (world.bob, "nobody"), (world.admin, "nobody")):
                error = await refused(world.users.GetUser(GetUserRequest(id=user_id), metadata=who))
                said.append((error.code(), error.details()))
            assert said == [(grpc.StatusCode.NOT_FOUND, f'user "{name}" does not exist') for name in (alice.id, "nobody", "nobody")]
            error = await refused(world.users.ListUsers(ListUsersRequest(), metadata=world.bob))
            assert error.code() is grpc.StatusCode.PERMISSION_DENIED

    asyncio.run(scenario())


def test_roles_of_others_are_by_their_groups_while_these_are_relied_on(keys_service):
    async def scenario():
        async with keys_service(model_owner_groups=["owners"]) as world:
            dana = await me(world, world.person("dana", "owners"))
            assert list(dana.roles) == ["model-consumer", "model-owner"]
            world.clock.advance(30 * DAY_S)
            admin = world.person("admin", "maas-admins")
            seen = await world.users.GetUser(GetUserRequest(id=dana.id), metadata=admin)
            assert list(seen.roles) == ["model-consumer"]
            assert list(seen.groups) == ["owners", "system:authenticated"]
            assert seen.groups_until.seconds <= world.clock.now()

    asyncio.run(scenario())


def test_users_are_listed_by_pages(keys_service):
    async def scenario():
        async with keys_service() as world:
            users = [{"subject": f"u{n}", "email": f"U{n}@example.org", "groups": ["even"] if n % 2 == 0 else []} for n in range(7)]
            await world.users.ImportUsers(ImportUsersRequest(users=users), metadata=world.admin)
            found, token = [], ""
            while True:
                page = await world.users.ListUsers(ListUsersRequest(page_size=3, page_token=token), metadata=world.admin)
                assert len(page.users) <= 3
                found += page.users
                token = page.next_page_token
                if not token:
                    break
            assert [user.id for user in found] == sorted(user.id for user in found)
            assert {user.subject for user in found} == {"admin", *(f"u{n}" for n in range(7))}
            assert not any(user.roles or user.teams or user.personal_key_id for user in found)

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("filters", "subjects"),
    [
        ({"group": "even"}, {"u0", "u2"}),
        ({"email": "u1@EXAMPLE.org"}, {"u1"}),
        ({"contains": "U1"}, {"u1"}),
        ({"group": "even", "contains": "u2"}, {"u2"}),
        ({"group": "odd"}, set()),
    ],
)
def test_users_are_found(keys_service, filters, subjects):
    async def scenario():
        async with keys_service() as world:
            users = [{"subject": f"u{n}", "email": f"U{n}@example.org", "groups": ["even"] if n % 2 == 0 else []} for n in range(3)]
            await world.users.ImportUsers(ImportUsersRequest(users=users), metadata=world.admin)
            page = await world.users.ListUsers(ListUsersRequest(**filters), metadata=world.admin)
            assert {user.subject for user in page.users} == subjects

    asyncio.run(scenario())


def test_a_token_of_another_list_is_refused(keys_service, refused, fields_of):
    async def scenario():
        async with keys_service() as world:
            error = await refused(world.users.ListUsers(ListUsersRequest(page_token="junk"), metadata=world.admin))
            assert (error.code(), fields_of(error)) == (grpc.StatusCode.INVALID_ARGUMENT, ["page_token"])

    asyncio.run(scenario())


def test_users_are_taken_in_from_csv_as_often_as_one_likes(keys_service):
    csv = "subject,username,email,groups,kind\ncarol,Carol,carol@example.org,vip;staff,\nci,,,builders,service_account\n"

    async def scenario():
        async with keys_service() as world:

            async def taken_in(text, **options):
                done = await world.users.ImportUsers(ImportUsersRequest(csv=text, **options), metadata=world.admin)
                return done.created, done.updated, done.unchanged, done.dry_run

            assert await taken_in(csv, dry_run=True) == (2, 0, 0, True)
            assert await taken_in(csv) == (2, 0, 0, False)
            world.clock.advance(5)
            assert await taken_in(csv) == (0, 0, 2, False)
            assert await taken_in(csv.replace("vip;staff", "staff"), dry_run=True) == (0, 1, 1, True)
            assert await taken_in(csv.replace("vip;staff", "staff")) == (0, 1, 1, False)
            users = {user.subject: user for user in (await world.users.ListUsers(ListUsersRequest(), metadata=world.admin)).users}
            assert (users["carol"].issuer, list(users["carol"].groups)) == (
                world.settings.oidc_issuer,
                ["staff", "system:authenticated"],
            )
            assert (users["ci"].issuer, users["ci"].kind) == ("service-account", "service_account")
            assert not users["ci"].HasField("groups_until")
            assert not users["ci"].HasField("last_seen_at")

    asyncio.run(scenario())


def test_an_import_reaches_keys_and_newer_words_win(keys_service):
    async def scenario():
        async with keys_service() as world:
            made = await world.keys.CreateApiKey(CreateApiKeyRequest(name="laptop"), metadata=world.alice)
            watch = await world.drained()
            world.clock.advance(5)
            users = [{"subject": "alice", "email": "alice@example.org", "groups": ["vip"]}]
            await world.users.ImportUsers(ImportUsersRequest(users=users), metadata=world.admin)
            told = await watch.next()
            assert list(told.changed.users) == [f"{world.settings.oidc_issuer}|alice"]
            # Her token is older than the administrator's word.
            assert list((await me(world, world.alice)).groups) == ["vip", "system:authenticated"]
            record = (await world.lookup.LookupApiKey(LookupApiKeyRequest(id=made.id), metadata=WORKLOAD)).record
            assert list(record.groups) == ["vip", "system:authenticated"]
            world.clock.advance(5)
            assert list((await me(world, world.person("alice", "staff"))).groups) == ["staff", "system:authenticated"]

    asyncio.run(scenario())


def test_groups_are_relied_on_from_the_newest_token_on_to_the_second(keys_service):
    async def scenario():
        async with keys_service(groups_max_age="2d") as world:
            key = await world.keys.CreateApiKey(CreateApiKeyRequest(name="laptop"), metadata=world.alice)
            older, now = world.alice, int(world.clock.now())
            for later in (0, 1, 30):
                world.clock.advance(now + later - world.clock.now())
                await me(world, world.person("alice", "staff"))
                await me(world, older)
                record = (await world.lookup.LookupApiKey(LookupApiKeyRequest(id=key.id), metadata=WORKLOAD)).record
                assert record.groups_until == now + later + 2 * DAY_S

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("request_", "fields"),
    [
        ({}, ["users"]),
        ({"csv": "subject\nann\n", "users": [{"subject": "ann"}]}, ["users"]),
        ({"csv": "name\nann\n"}, ["csv"]),
        ({"csv": "subject,email\nann,x\n,\n"}, ["csv[line 2].email", "csv[line 3].subject"]),
        ({"users": [{"subject": "ann"}, {"subject": ""}]}, ["users[1].subject"]),
        ({"users": [{"subject": "ann", "kind": "robot"}]}, ["users[0].kind"]),
        ({"users": [{"subject": "s" * 256}]}, ["users[0].subject"]),
    ],
)
def test_a_wrong_import_is_refused_by_row_and_keeps_nothing(keys_service, refused, fields_of, request_, fields):
    async def scenario():
        async with keys_service() as world:
            error = await refused(world.users.ImportUsers(ImportUsersRequest(**request_), metadata=world.admin))
            assert (error.code(), fields_of(error)) == (grpc.StatusCode.INVALID_ARGUMENT, fields)
            assert [u.subject for u in (await world.users.ListUsers(ListUsersRequest(), metadata=world.admin)).users] == ["admin"]

    asyncio.run(scenario())


def test_an_import_says_how_far_it_has_reached(keys_service):
    async def scenario():
        async with keys_service(enforcement_wait_s=0.01) as world:
            users = [{"subject": "alice", "groups": ["vip"]}]
            counted = await world.users.ImportUsers(ImportUsersRequest(users=users, dry_run=True), metadata=world.admin)
            assert not counted.HasField("enforcement")
            assert (await world.users.ImportUsers(ImportUsersRequest(users=users), metadata=world.admin)).enforcement.enforced
            await world.drained("authz-1")
            users[0]["groups"] = ["staff"]
            done = await world.users.ImportUsers(ImportUsersRequest(users=users), metadata=world.admin)
            assert (done.enforcement.enforced, list(done.enforcement.lagging)) == (False, ["authz-1"])

    asyncio.run(scenario())


def test_who_is_deleted_loses_their_keys_at_once_and_their_teams(keys_service, refused):
    async def scenario():
        async with keys_service() as world:
            alice = await me(world, world.alice)
            key = await world.keys.CreateApiKey(CreateApiKeyRequest(name="laptop"), metadata=world.alice)
            await world.teams.CreateTeam(CreateTeamRequest(id="ds", name="DS"), metadata=world.admin)
            await world.teams.AddTeamMember(AddTeamMemberRequest(id="ds", user_email="alice@example.org"), metadata=world.admin)
            watch = await world.drained()
            done = await world.users.DeleteUser(DeleteUserRequest(id=alice.id), metadata=world.admin)
            assert (done.revoked_count, list(done.enforcement.lagging)) == (1, ["authz-1"])
            assert list((await watch.next()).changed.users) == [f"{world.settings.oidc_issuer}|alice"]
            record = (await world.lookup.LookupApiKey(LookupApiKeyRequest(id=key.id), metadata=WORKLOAD)).record
            assert (record.status, list(record.groups)) == ("revoked", ["system:authenticated"])
            read = await world.keys.GetApiKey(GetApiKeyRequest(id=key.id), metadata=world.admin)
            assert (read.status, read.username) == ("revoked", "alice")
            team = await world.teams.GetTeam(GetTeamRequest(id="ds"), metadata=world.admin)
            assert [member.username for member in team.members] == ["admin"]
            for call in (
                world.users.GetUser(GetUserRequest(id=alice.id), metadata=world.admin),
                world.users.DeleteUser(DeleteUserRequest(id=alice.id), metadata=world.admin),
            ):
                assert (await refused(call)).code() is grpc.StatusCode.NOT_FOUND

    asyncio.run(scenario())


def test_who_signs_in_after_they_were_deleted_begins_anew(keys_service):
    async def scenario():
        async with keys_service() as world:
            before = await me(world, world.alice)
            old = await world.keys.CreatePersonalApiKey(CreatePersonalApiKeyRequest(), metadata=world.alice)
            await world.users.DeleteUser(DeleteUserRequest(id=before.id), metadata=world.admin)
            after = await me(world, world.alice)
            assert after.id != before.id
            assert (after.personal_key_id, list(after.teams)) == ("", [])
            new = await world.keys.CreatePersonalApiKey(CreatePersonalApiKeyRequest(), metadata=world.alice)
            listed = (await world.keys.ListApiKeys(ListApiKeysRequest(), metadata=world.alice)).api_keys
            assert {key.id: key.status for key in listed} == {old.id: "revoked", new.id: "active"}

    asyncio.run(scenario())


def test_oneself_and_the_only_owner_of_a_team_are_not_deleted(keys_service, refused):
    async def scenario():
        async with keys_service() as world:
            admin, alice = await me(world, world.admin), await me(world, world.alice)
            await world.teams.CreateTeam(CreateTeamRequest(id="ds", name="DS", owner_email="alice@example.org"), metadata=world.admin)
            said = {}
            for user in (admin, alice):
                error = await refused(world.users.DeleteUser(DeleteUserRequest(id=user.id), metadata=world.admin))
                said[user.username] = (error.code(), error.details())
            assert said == {
                "admin": (grpc.StatusCode.FAILED_PRECONDITION, "you can't delete yourself; another administrator can"),
                "alice": (
                    grpc.StatusCode.FAILED_PRECONDITION,
                    'team "ds": this is its only owner; make somebody else owner first',
                ),
            }
            assert (await me(world, world.alice)).id == alice.id

    asyncio.run(scenario())


def test_a_tenant_whose_people_were_deleted_can_be_deleted(two_tenants, refused):
    async def scenario():
        async with two_tenants() as (world, acme):
            key = await world.keys.CreateApiKey(CreateApiKeyRequest(name="k"), metadata=acme.alice)
            alice, delete = await me(world, acme.alice), DeleteTenantRequest(name="acme")
            await me(world, acme.admin)
            error = await refused(world.tenants.DeleteTenant(delete, metadata=world.admin))
            assert error.code() is grpc.StatusCode.FAILED_PRECONDITION
            await world.users.DeleteUser(DeleteUserRequest(id=alice.id), metadata=acme.admin)
            await world.tenants.DeleteTenant(delete, metadata=world.admin)
            assert not (await world.lookup.LookupApiKey(LookupApiKeyRequest(id=key.id), metadata=WORKLOAD)).HasField("record")

    asyncio.run(scenario())
