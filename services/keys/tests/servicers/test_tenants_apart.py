"""No call crosses tenants: every method of every service, made in one tenant with all the ids of the other.

Both tenants have the same: an administrator, a user with a key, a pending, a personal and an imported one, a team with a key, a role that
was given, a label. Whoever asks is the administrator of their tenant, or a program that names it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import grpc
import pytest
from google.protobuf import descriptor_pool
from google.protobuf.json_format import MessageToJson
from google.protobuf.message_factory import GetMessageClass
from maas.keys.v1.lookup_pb2 import WatchKeysRequest
from maas_common.testing import WORKLOAD
from maas_keys.app import ACCESS

Code = grpc.StatusCode
PACKAGE = "maas.keys.v1"
SETTINGS = {"approval_budget_usd": 10}
LABELS = {"env": "prod"}


@dataclass(frozen=True, slots=True)
class Side:
    """One tenant, who asks there, and the ids of what is in it."""

    tenant: str
    admin: Any
    alice: Any
    issuer: str
    user: str
    email: str
    user_id: str
    key: str
    pending: str
    personal: str
    sha256: str
    team: str
    team_key: str
    assignment: str

    @property
    def words(self) -> set[str]:
        """What an answer to others may hold nothing of."""
        ids = {self.user_id, self.key, self.pending, self.personal, self.team_key, self.assignment}
        return ids | {self.user, self.email, self.team, self.issuer}


async def sent(world: Any, method: str, metadata: Any, **fields: Any) -> Any:
    described = descriptor_pool.Default().FindMethodByName(f"{PACKAGE}.{method.replace('/', '.')}")
    send = world.channel.unary_unary(
        f"/{PACKAGE}.{method}",
        request_serializer=lambda request: request.SerializeToString(),
        response_deserializer=GetMessageClass(described.output_type).FromString,
    )
    return await send(GetMessageClass(described.input_type)(**fields), metadata=metadata)


class Apart:
    """Two tenants in one service; `own` asks, `theirs` is asked about."""

    def __init__(self, world, own: Side, theirs: Side):
        self.world = world
        self.own = own
        self.theirs = theirs

    async def call(self, method: str, who: Any = None, **fields: Any) -> Any:
        return await sent(self.world, method, who or self.own.admin, **fields)

    async def refused(self, method: str, **fields: Any) -> Code:
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await self.call(method, **fields)
        given, said = str(fields), str(error.value.details())
        assert not [word for word in self.theirs.words if word in said and word not in given]
        return error.value.code()

    def tells_nothing(self, answer: Any) -> None:
        """No word of theirs is in an answer."""
        said = MessageToJson(answer)
        assert not [word for word in self.theirs.words if word in said]


async def moved_in(world, tenant: str, people: Callable[..., Any], admin: Any, issuer: str) -> Side:
    """The same furniture in every tenant."""
    name = f"alice-{tenant}"
    alice = people(name, "staff")
    call = partial(sent, world)
    me = await call("UsersService/GetMe", alice)
    key = await call("ApiKeysService/CreateApiKey", alice, name=f"key-{tenant}", labels=LABELS)
    pending = await call("ApiKeysService/CreateApiKey", alice, name="p", budget={"amount": 11_000_000})
    personal = await call("ApiKeysService/CreatePersonalApiKey", alice)
    sha256 = tenant.encode().hex().ljust(64, "0")
    await call("ApiKeysService/ImportApiKeys", admin, keys=[{"sha256": sha256, "username": name, "name": "i"}])
    team = await call("TeamsService/CreateTeam", admin, id=f"team-{tenant}", name="T", owner_email=me.email)
    team_key = await call("TeamsService/CreateTeamKey", alice, id=team.id, alias="t")
    given = await call("RolesService/AssignRole", admin, role="model-owner", member_kind="user", member=me.id)
    ids = {"key": key.id, "pending": pending.id, "personal": personal.id, "team_key": team_key.id, "assignment": given.id}
    return Side(tenant, admin, alice, issuer, name, me.email, me.id, sha256=sha256, team=team.id, **ids)


async def state(apart: Apart) -> list[Any]:
    """All that is theirs, as their own administrator sees it."""
    admin, ids = apart.theirs.admin, apart.theirs
    return [
        await apart.call("ApiKeysService/SearchApiKeys", admin, filters={"include_ephemeral": True}),
        await apart.call("TeamsService/GetTeam", admin, id=ids.team),
        (await apart.call("UsersService/ListUsers", admin)).users,
        await apart.call("RolesService/ListRoleAssignments", admin),
        await apart.call("TenantsService/GetTenant", admin, name=ids.tenant),
    ]


async def not_found(method: str, apart: Apart, **fields: Any) -> None:
    """What is theirs does not exist."""
    given = {name: value(apart.theirs) if callable(value) else value for name, value in fields.items()}
    assert await apart.refused(method, **given) is Code.NOT_FOUND


async def lists(method: str, apart: Apart, asked: Callable[[Side], list[dict[str, Any]]] = lambda _: []) -> None:
    """Nothing of theirs is listed; asked for by their names there is nothing, or no such thing."""
    for fields in ({}, *asked(apart.theirs)):
        try:
            apart.tells_nothing(await apart.call(method, **fields))
        except grpc.aio.AioRpcError as error:
            assert error.code() is Code.NOT_FOUND, fields  # noqa: PT017 - or the answer is as above


async def tells_of_itself(method: str, apart: Apart, **fields: Any) -> None:
    """A call that names nothing."""
    apart.tells_nothing(await apart.call(method, **fields))


async def makes_a_key(method: str, apart: Apart) -> None:
    assert await apart.refused(method, name="k", team=apart.theirs.team) is Code.NOT_FOUND
    theirs = {"name": "k", "username": f"{apart.theirs.issuer}|{apart.theirs.user}"}
    if apart.own.tenant == "default":
        read = await apart.call("ApiKeysService/GetApiKey", id=(await apart.call(method, **theirs)).id)
        assert (read.tenant, list(read.groups)) == (apart.own.tenant, ["system:authenticated"])
    else:
        assert await apart.refused(method, **theirs) is Code.INVALID_ARGUMENT
    again = [await apart.call(method, who, name="k", request_id=f"r-{apart.own.tenant}") for who in (apart.theirs.alice, apart.own.alice)]
    assert again[1].id != again[0].id
    await apart.call("ApiKeysService/DeleteApiKey", apart.theirs.admin, id=again[0].id)


async def makes_a_personal_key(method: str, apart: Apart) -> None:
    made = await apart.call(method, apart.own.alice)
    assert made.id == apart.own.personal


async def revokes_many(method: str, apart: Apart) -> None:
    asked = [{"username": apart.theirs.user}, {"username": f"{apart.theirs.issuer}|{apart.theirs.user}"}, {"team": apart.theirs.team}]
    for fields in asked:
        try:
            assert (await apart.call(method, **fields)).revoked_count == 0
        except grpc.aio.AioRpcError as error:
            assert error.code() in {Code.NOT_FOUND, Code.INVALID_ARGUMENT}  # noqa: PT017 - or none are revoked
    assert (await apart.call(method, labels=LABELS)).revoked_count == 1


async def takes_keys_over(method: str, apart: Apart) -> None:
    key = {"sha256": apart.theirs.sha256, "username": apart.own.user, "name": "mine now"}
    apart.tells_nothing(await apart.call(method, keys=[key]))
    in_their_team = {"sha256": "ab" * 32, "username": apart.own.user, "name": "n", "team": apart.theirs.team}
    assert await apart.refused(method, keys=[in_their_team]) in {Code.NOT_FOUND, Code.INVALID_ARGUMENT}


async def makes_a_team(method: str, apart: Apart) -> None:
    """Ids of teams are each tenant's own."""
    made = await apart.call(method, id=apart.theirs.team, name="same id")
    assert made.tenant == apart.own.tenant
    assert await apart.refused(method, name="x", owner_email=apart.theirs.email) is Code.INVALID_ARGUMENT


async def puts_a_member(method: str, apart: Apart) -> None:
    await not_found(method, apart, id=apart.theirs.team, user_email=apart.own.user)
    for name in (apart.theirs.user_id, apart.theirs.email, apart.theirs.user):
        assert await apart.refused(method, id=apart.own.team, user_email=name) is Code.INVALID_ARGUMENT


async def takes_a_member_out(method: str, apart: Apart) -> None:
    await not_found(method, apart, id=apart.theirs.team, user=apart.theirs.user)
    await not_found(method, apart, id=apart.own.team, user=apart.theirs.user_id)


async def takes_users_in(method: str, apart: Apart) -> None:
    """The same identity is another user in `default`; administrators of others vouch for nobody of another issuer."""
    user = {"issuer": apart.theirs.issuer, "subject": apart.theirs.user, "groups": ["taken"]}
    if apart.own.tenant == "default":
        assert (await apart.call(method, users=[user])).created == 1
    else:
        assert await apart.refused(method, users=[user]) is Code.INVALID_ARGUMENT


async def one_tenant(method: str, apart: Apart, code: Code = Code.NOT_FOUND, **fields: Any) -> None:
    """Administrators of `default` keep all tenants; to others only their own exists."""
    if apart.own.tenant != "default":
        assert await apart.refused(method, name=apart.theirs.tenant, **fields) is code


async def lists_tenants(method: str, apart: Apart) -> None:
    if apart.own.tenant != "default":
        listed = await apart.call(method)
        assert [tenant.name for tenant in listed.tenants] == [apart.own.tenant]


async def gives_a_role(method: str, apart: Apart) -> None:
    apart.world.clock.advance(2)  # for longer than that roles are not remembered
    before = (await apart.call("UsersService/GetMe", apart.theirs.alice)).roles
    role = {"role": "admin", "member_kind": "user"}
    for name in (apart.theirs.user_id, apart.theirs.email, apart.theirs.user):
        assert await apart.refused(method, member=name, **role) is Code.INVALID_ARGUMENT
    await apart.call(method, member=f"{apart.theirs.issuer}|{apart.theirs.user}", **role)
    await apart.call(method, member="staff", role="admin", member_kind="group")
    apart.world.clock.advance(2)
    assert (await apart.call("UsersService/GetMe", apart.theirs.alice)).roles == before


async def looks_roles_up(method: str, apart: Apart) -> None:
    asked = {"tenant": apart.own.tenant, "issuer": apart.theirs.issuer, "subject": apart.theirs.user, "groups": ["acme-admins"]}
    roles = (await apart.call(method, WORKLOAD, **asked)).roles
    assert "model-owner" not in roles
    assert ("admin" in roles) == (apart.own.tenant == "acme")


async def lists_people(method: str, apart: Apart) -> None:
    listed = await apart.call(method, WORKLOAD, tenant=apart.own.tenant)
    assert f"{apart.own.issuer}|{apart.own.user}" in {person.user for person in listed.people}
    apart.tells_nothing(listed)


async def looks_a_key_up(method: str, apart: Apart) -> None:
    for key in (apart.theirs.key, apart.theirs.pending, apart.theirs.personal, apart.theirs.team_key):
        assert (await apart.call(method, WORKLOAD, id=key)).HasField("record")
        assert not (await apart.call(method, WORKLOAD, id=key, tenant=apart.own.tenant)).HasField("record")
    assert (await apart.call(method, WORKLOAD, id=apart.own.key, tenant=apart.own.tenant)).HasField("record")


async def watches(_method: str, apart: Apart) -> None:
    """Of what changes in both tenants a watcher of one hears its own."""
    watch = apart.world.lookup.WatchKeys(metadata=WORKLOAD)
    await watch.write(WatchKeysRequest(start={"watcher": "w", "tenant": apart.own.tenant}))
    assert (await watch.read()).HasField("reset")
    for side in (apart.theirs, apart.own):
        await apart.call("ApiKeysService/UpdateApiKey", side.admin, id=side.key, description=apart.own.tenant)
        await apart.call("TeamsService/UpdateTeam", side.admin, id=side.team, budget_usd=1)
        await apart.call("TenantsService/UpdateTenant", side.admin, name=side.tenant, description="d")
        users = [{"issuer": side.issuer, "subject": side.user, "groups": [apart.own.tenant]}]
        await apart.call("UsersService/ImportUsers", side.admin, users=users)
    heard: set[str] = set()
    while f"{apart.own.issuer}|{apart.own.user}" not in heard:  # the last change of all
        said = (await watch.read()).changed
        heard |= {*said.ids, *said.users, *said.tenants} | {f"{team.tenant}/{team.id}" for team in said.teams}
    watch.cancel()
    assert heard == {
        apart.own.key,
        f"{apart.own.tenant}/{apart.own.team}",
        apart.own.tenant,
        f"{apart.own.issuer}|{apart.own.user}",
    }


async def says_nothing(method: str, apart: Apart) -> None:
    """Takes in what programs report, of every tenant, and tells nothing of it."""
    answer = await apart.call(method, WORKLOAD)
    assert not answer.ByteSize()


def _key(**fields: Any) -> Any:
    return partial(not_found, id=lambda theirs: theirs.key, **fields)


def _team(**fields: Any) -> Any:
    return partial(not_found, id=lambda theirs: theirs.team, **fields)


def _owned(theirs: Side) -> list[dict[str, Any]]:
    return [{"username": theirs.user}, {"username": f"{theirs.issuer}|{theirs.user}"}, {"team": theirs.team}]


def _found(theirs: Side) -> list[dict[str, Any]]:
    words = [*_owned(theirs), {"labels_contain": LABELS}, {"name_contains": theirs.tenant}]
    return [{"filters": {"include_ephemeral": True} | fields} for fields in words]


def _people(theirs: Side) -> list[dict[str, Any]]:
    return [{"email": theirs.email}, {"contains": theirs.user}, {"group": "staff"}]


CASES: dict[str, Any] = {
    "ApiKeysService/CreateApiKey": makes_a_key,
    "ApiKeysService/CreatePersonalApiKey": makes_a_personal_key,
    "ApiKeysService/GetApiKeyConfig": tells_of_itself,
    "ApiKeysService/GetApiKey": _key(),
    "ApiKeysService/ListApiKeys": partial(lists, asked=_owned),
    "ApiKeysService/SearchApiKeys": partial(lists, asked=_found),
    "ApiKeysService/UpdateApiKey": _key(description="d"),
    "ApiKeysService/RotateApiKey": _key(),
    "ApiKeysService/DisableApiKey": _key(),
    "ApiKeysService/EnableApiKey": _key(),
    "ApiKeysService/RevokeApiKey": _key(),
    "ApiKeysService/BulkRevokeApiKeys": revokes_many,
    "ApiKeysService/DeleteApiKey": _key(),
    "ApiKeysService/ApproveApiKey": partial(not_found, id=lambda theirs: theirs.pending),
    "ApiKeysService/RejectApiKey": partial(not_found, id=lambda theirs: theirs.pending),
    "ApiKeysService/ImportApiKeys": takes_keys_over,
    "TeamsService/CreateTeam": makes_a_team,
    "TeamsService/GetTeam": _team(),
    "TeamsService/ListTeams": lists,
    "TeamsService/UpdateTeam": _team(description="d"),
    "TeamsService/DeleteTeam": _team(),
    "TeamsService/AddTeamMember": puts_a_member,
    "TeamsService/RemoveTeamMember": takes_a_member_out,
    "TeamsService/CreateTeamKey": _team(alias="k"),
    "TeamsService/ListTeamKeys": _team(),
    "TeamsService/UpdateTeamKey": partial(not_found, id=lambda theirs: theirs.team_key, status="revoked"),
    "TeamsService/DeleteTeamKey": partial(not_found, id=lambda theirs: theirs.team_key),
    "UsersService/GetMe": tells_of_itself,
    "UsersService/GetUser": partial(not_found, id=lambda theirs: theirs.user_id),
    "UsersService/ListUsers": partial(lists, asked=_people),
    "UsersService/ImportUsers": takes_users_in,
    "UsersService/DeleteUser": partial(not_found, id=lambda theirs: theirs.user_id),
    "TenantsService/CreateTenant": partial(one_tenant, code=Code.PERMISSION_DENIED),
    "TenantsService/GetTenant": one_tenant,
    "TenantsService/ListTenants": lists_tenants,
    "TenantsService/UpdateTenant": partial(one_tenant, description="d"),
    "TenantsService/DeleteTenant": one_tenant,
    "RolesService/AssignRole": gives_a_role,
    "RolesService/ListRoleAssignments": lists,
    "RolesService/UnassignRole": partial(not_found, id=lambda theirs: theirs.assignment),
    "KeyLookupService/LookupApiKey": looks_a_key_up,
    "KeyLookupService/WatchKeys": watches,
    "KeyLookupService/RecordLastUsed": says_nothing,
    "PeopleLookupService/LookupRoles": looks_roles_up,
    "PeopleLookupService/ListPeople": lists_people,
    "UsageService/RecordUsage": says_nothing,
    "HealthService/GetHealth": tells_of_itself,
}
CHANGES_THEIRS = {"KeyLookupService/WatchKeys"}
"""There it is they who change something."""


def test_every_method_has_a_case():
    services = map(descriptor_pool.Default().FindServiceByName, ACCESS)
    assert CASES.keys() == {f"{service.name}/{method.name}" for service in services for method in service.methods}


@pytest.fixture(scope="module")
def furnished(two_tenants_in, copied, tmp_path_factory):
    """A database with both tenants in it, and their sides: `default`, then `acme`."""
    folder = tmp_path_factory.mktemp("furnished")

    async def scenario():
        async with two_tenants_in(folder, **SETTINGS) as (world, acme):
            default = await moved_in(world, "default", world.person, world.admin, world.settings.oidc_issuer)
            other = await moved_in(world, "acme", acme.person, acme.admin, acme.people.url)
            copied(world, folder / "both.db")
            return default, other

    sides = asyncio.run(scenario())
    return folder / "both.db", sides


@pytest.mark.parametrize("method", CASES)
def test_a_call_in_one_tenant_reaches_nothing_of_the_other(two_tenants, furnished, method):
    database, (default, other) = furnished

    async def scenario():
        async with two_tenants(database=database, **SETTINGS) as (world, _):
            for own, theirs in ((other, default), (default, other)):
                apart = Apart(world, own, theirs)
                before = await state(apart)
                await CASES[method](method, apart)
                if method not in CHANGES_THEIRS:
                    assert await state(apart) == before

    asyncio.run(scenario())
