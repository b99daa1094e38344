"""The table of what a role may do (maas_common.auth.roles), cell by cell: every method, by everybody, with their own and others' things.

The cast has one of each column, with that role and no other: those of the columns `team-…` are in the team `ds`. Besides there are
`peer`, who is in `ds` and in `ops`, `stranger`, who owns `ops`, and `newcomer`, who is in neither. For each of the columns there are keys
of its own and of others, to be used up by one case: each case begins with a copy of the same database.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from itertools import count
from typing import Any

import grpc
import pytest
from google.protobuf import descriptor_pool
from google.protobuf.message_factory import GetMessageClass
from maas_common.auth.roles import COLUMNS, NOBODY, TABLE, Reach, Role, may_call

Code = grpc.StatusCode
KEYS, TEAMS = "maas.keys.v1.ApiKeysService", "maas.keys.v1.TeamsService"
METHODS = {method: row for method, row in TABLE.items() if method.startswith("maas.keys.")}
MEMBERS = {"team-owner": "owner", "team-member": "member", "team-viewer": "viewer", "peer": "member"}
GROUPS = {"admin": "maas-admins", "model-owner": "model-owners", "model-consumer": "consumers", "stranger": "consumers"}
SETTINGS = {"model_owner_groups": ["model-owners"], "model_consumer_groups": ["consumers"], "approval_budget_usd": 10}
Found = dict[str, Any]


def owners_and_teams(column: str) -> list[tuple[str, str]]:
    """Whose keys a column is tried with, and in which teams."""
    return [(column, "ds"), (column, ""), ("peer", "ds"), ("stranger", ""), ("stranger", "ops")]


class Cast:
    """Who is there, and what they have. `number` makes names that nobody has yet."""

    def __init__(self, world, before: Cast | None = None):
        """`before`: the cast whose database this is a copy of."""
        self.world = world
        self.number = count()
        names = {*COLUMNS, "peer", "stranger", "newcomer"}
        self.people = {name: world.person(name, *([GROUPS[name]] if name in GROUPS else [])) for name in names}
        self.ids: dict[str, str] = before.ids if before else {}
        self.keys: dict[tuple[str, str, str], str] = before.keys if before else {}

    async def enter(self):
        for name in self.people:
            self.ids[name] = (await self.call("maas.keys.v1.UsersService/GetMe", name)).id
        await self.make_teams()
        for column in COLUMNS:
            for owner, team in owners_and_teams(column):
                fields = {"name": "k", "username": owner, "team": team}
                self.keys[column, owner, team] = (await self.call(f"{KEYS}/CreateApiKey", "admin", **fields)).id

    async def make_teams(self):
        await self.call(f"{TEAMS}/CreateTeam", "admin", id="ds", name="DS", owner_email="team-owner")
        await self.call(f"{TEAMS}/CreateTeam", "admin", id="ops", name="Ops", owner_email="stranger")
        # A second owner, so that the first can leave.
        await self.call(f"{TEAMS}/AddTeamMember", "admin", id="ds", user_email="peer", role="owner")
        await self.call(f"{TEAMS}/AddTeamMember", "admin", id="ops", user_email="peer")
        for name, role in MEMBERS.items():
            await self.call(f"{TEAMS}/AddTeamMember", "admin", id="ds", user_email=name, role=role)

    def call(self, method: str, who: str, **fields: Any) -> Awaitable[Any]:
        described = descriptor_pool.Default().FindMethodByName(method.replace("/", "."))
        response = GetMessageClass(described.output_type)
        send = self.world.channel.unary_unary(
            f"/{method}", request_serializer=lambda request: request.SerializeToString(), response_deserializer=response.FromString
        )
        return send(GetMessageClass(described.input_type)(**fields), metadata=self.people[who])

    async def ends(self, method: str, who: str, **fields: Any) -> Code:
        try:
            await self.call(method, who, **fields)
        except grpc.aio.AioRpcError as error:
            return error.code()
        return Code.OK

    async def pending_key(self) -> str:
        fields = {"name": "k", "budget": {"amount": 11_000_000}}
        return (await self.call(f"{KEYS}/CreateApiKey", "stranger", **fields)).id


def reached(method: str, column: str, *, in_team: bool = True) -> Reach:
    """What the table says, whoever is signed in being somebody of the last column too."""
    row = TABLE[method]
    cells = [row[NOBODY], *([row[column]] if in_team or column not in MEMBERS else [])]
    return min(cells, key=list(Reach).index)


def may_enter(method: str, column: str) -> bool:
    return may_call(method, frozenset({Role(column)} if column in set(Role) else ()))


def judged(method: str, seeing: str, column: str, *, is_own: bool, in_team: bool) -> Code:
    """How a call about one thing ends: a thing of the caller's own or not, in the team of the caller or not."""

    def covers(cell: Reach) -> bool:
        is_theirs = in_team and column in MEMBERS
        return cell is Reach.ALL or (cell is Reach.TEAM and (is_theirs or is_own)) or (cell is Reach.OWN and is_own)

    if not may_enter(method, column):
        return Code.PERMISSION_DENIED
    if covers(reached(method, column, in_team=in_team)):
        return Code.OK
    return Code.PERMISSION_DENIED if covers(reached(seeing, column, in_team=in_team)) else Code.NOT_FOUND


async def open_or_closed(method: str, cast: Cast, column: str, fields: Callable[[Cast], dict[str, Any]]) -> tuple[Found, Found]:
    """A method that asks about nothing in particular."""
    wanted = Code.OK if reached(method, column) is not Reach.NONE else Code.PERMISSION_DENIED
    return {"": await cast.ends(method, column, **fields(cast))}, {"": wanted}


async def one_key(method: str, cast: Cast, column: str, **fields: Any) -> tuple[Found, Found]:
    """A method about one key: one's own in the team, one's own in none, another's in the team, in none, in another team."""
    found, wanted = {}, {}
    for owner, team in owners_and_teams(column):
        place = f"{owner} in {team}"
        found[place] = await cast.ends(method, column, id=cast.keys[column, owner, team], **fields)
        wanted[place] = judged(method, f"{KEYS}/GetApiKey", column, is_own=owner == column, in_team=team == "ds")
    return found, wanted


async def one_pending_key(method: str, cast: Cast, column: str) -> tuple[Found, Found]:
    found = await cast.ends(method, column, id=await cast.pending_key())
    return {"": found}, {"": judged(method, f"{KEYS}/GetApiKey", column, is_own=False, in_team=False)}


async def one_team(method: str, cast: Cast, column: str, **fields: Any) -> tuple[Found, Found]:
    """A method about one team: one that the caller may be in, and one that only others are in."""
    fields = {name: value(cast) if callable(value) else value for name, value in fields.items()}
    found = {team: await cast.ends(method, column, id=team, **fields) for team in ("ds", "ops")}
    wanted = {
        team: judged(method, f"{TEAMS}/GetTeam", column, is_own=False, in_team=team == "ds" and column in MEMBERS) for team in ("ds", "ops")
    }
    return found, wanted


async def a_team_to_delete(method: str, cast: Cast, column: str) -> tuple[Found, Found]:
    found, wanted = await one_team(method, cast, column)
    if Code.OK in found.values():
        await cast.make_teams()
    return found, wanted


async def one_member(method: str, cast: Cast, column: str) -> tuple[Found, Found]:
    """Another goes, then the caller."""
    found, wanted = {}, {}
    for team in ("ds", "ops"):
        found[team] = await cast.ends(method, column, id=team, user="peer")
        wanted[team] = judged(method, f"{TEAMS}/GetTeam", column, is_own=False, in_team=team == "ds" and column in MEMBERS)
        await cast.call(f"{TEAMS}/AddTeamMember", "admin", id=team, user_email="peer", role="owner")
    if column in MEMBERS:
        found["self"] = await cast.ends(method, column, id="ds", user=column)
        wanted["self"] = judged(method, f"{TEAMS}/GetTeam", column, is_own=True, in_team=True)
    return found, wanted


async def one_user(method: str, cast: Cast, column: str) -> tuple[Found, Found]:
    found = {name: await cast.ends(method, column, id=cast.ids[name]) for name in (column, "stranger")}
    return found, {name: judged(method, method, column, is_own=name == column, in_team=False) for name in (column, "stranger")}


async def a_user_to_delete(method: str, cast: Cast, column: str) -> tuple[Found, Found]:
    """Another, then oneself, which nobody may."""
    subject = _fresh(cast)
    await cast.call("maas.keys.v1.UsersService/ImportUsers", "admin", users=[{"subject": subject}])
    (user,) = (await cast.call("maas.keys.v1.UsersService/ListUsers", "admin", contains=subject)).users
    found, wanted = await open_or_closed(method, cast, column, lambda _: {"id": user.id})
    found["self"] = await cast.ends(method, column, id=cast.ids[column])
    wanted["self"] = Code.FAILED_PRECONDITION if wanted[""] is Code.OK else Code.PERMISSION_DENIED
    return found, wanted


async def new_key(method: str, cast: Cast, column: str) -> tuple[Found, Found]:
    """A key of one's own, in one's team, in another's, and for another. Where keys may be made, who sees no team finds none."""
    orders = {"own": {}, "ds": {"team": "ds"}, "ops": {"team": "ops"}, "other": {"username": "stranger"}}
    found = {place: await cast.ends(method, column, name="k", **order) for place, order in orders.items()}
    inside, outside = reached(method, column), reached(method, column, in_team=False)
    refusal = Code.PERMISSION_DENIED
    unseen = Code.NOT_FOUND if outside is not Reach.NONE else refusal
    return found, {
        "own": Code.OK if outside in {Reach.ALL, Reach.OWN} else refusal,
        "ds": Code.OK if inside in {Reach.ALL, Reach.TEAM} else refusal if column in MEMBERS else unseen,
        "ops": Code.OK if outside is Reach.ALL else unseen,
        "other": Code.OK if outside is Reach.ALL else refusal,
    }


async def key_list(method: str, cast: Cast, column: str, key_field: str) -> tuple[Found, Found]:
    """Which of the keys are listed."""
    made = {cast.keys[column, owner, team]: (owner, team) for owner, team in owners_and_teams(column)}
    listed = {key.id for key in getattr(await cast.call(method, column), key_field)}
    seen = {place for place in made.values() if _lists(method, column, *place)}
    return {"listed": {made[key] for key in listed & made.keys()}}, {"listed": seen}


def _lists(method: str, column: str, owner: str, team: str) -> bool:
    cell = reached(method, column, in_team=team == "ds")
    return cell is Reach.ALL or owner == column or (cell is Reach.TEAM and team == "ds")


async def team_list(method: str, cast: Cast, column: str) -> tuple[Found, Found]:
    listed = {team.id for team in (await cast.call(method, column)).teams}
    wanted = {"ds", "ops"} if reached(method, column) is Reach.ALL else {"ds"} if column in MEMBERS else set()
    return {"listed": listed}, {"listed": wanted}


async def bulk(method: str, cast: Cast, column: str) -> tuple[Found, Found]:
    """How many keys would end: one's own, those of the team, another's."""

    async def counted(**asked: Any) -> int | Code:
        try:
            return (await cast.call(method, column, dry_run=True, **asked)).revoked_count
        except grpc.aio.AioRpcError as error:
            return error.code()

    cell = reached(method, column)
    found = {"own": await counted(username=column), "team": await counted(team="ds"), "other": await counted(username="stranger")}
    own = [team for _, owner, team in cast.keys if owner == column]
    in_team = [team for _, _, team in cast.keys if team == "ds"] if cell in {Reach.ALL, Reach.TEAM} else [team for team in own if team]
    others = [team for _, owner, team in cast.keys if owner == "stranger"]
    return found, {
        "own": len(own),
        "team": len(in_team),
        "other": len(others) if cell is Reach.ALL else Code.PERMISSION_DENIED,
    }


async def a_tenant_to_delete(method: str, cast: Cast, column: str) -> tuple[Found, Found]:
    name = _fresh(cast)
    await cast.call("maas.keys.v1.TenantsService/CreateTenant", "admin", name=name)
    return await open_or_closed(method, cast, column, lambda _: {"name": name})


async def a_role_to_take_away(method: str, cast: Cast, column: str) -> tuple[Found, Found]:
    fields = {"role": "model-owner", "member_kind": "group", "member": "g"}
    given = await cast.call("maas.keys.v1.RolesService/AssignRole", "admin", **fields)
    return await open_or_closed(method, cast, column, lambda _: {"id": given.id})


def _fresh(cast: Cast) -> str:
    return f"n{next(cast.number)}"


def _named(**fields: Any) -> Any:
    return partial(open_or_closed, fields=lambda cast: {name: value(cast) if callable(value) else value for name, value in fields.items()})


CASES: dict[str, Any] = {
    f"{KEYS}/CreateApiKey": new_key,
    f"{KEYS}/CreatePersonalApiKey": _named(),
    f"{KEYS}/GetApiKeyConfig": _named(),
    f"{KEYS}/ListApiKeys": partial(key_list, key_field="api_keys"),
    f"{KEYS}/SearchApiKeys": partial(key_list, key_field="data"),
    f"{KEYS}/UpdateApiKey": partial(one_key, description="d"),
    **{f"{KEYS}/{verb}ApiKey": one_key for verb in ("Get", "Rotate", "Disable", "Enable", "Revoke", "Delete")},
    f"{KEYS}/BulkRevokeApiKeys": bulk,
    f"{KEYS}/ApproveApiKey": one_pending_key,
    f"{KEYS}/RejectApiKey": one_pending_key,
    f"{KEYS}/ImportApiKeys": _named(keys=[{"sha256": "5a" * 32, "username": "peer", "name": "k"}]),
    f"{TEAMS}/CreateTeam": _named(name=_fresh),
    f"{TEAMS}/ListTeams": team_list,
    f"{TEAMS}/GetTeam": one_team,
    f"{TEAMS}/UpdateTeam": partial(one_team, description="d"),
    f"{TEAMS}/DeleteTeam": a_team_to_delete,
    f"{TEAMS}/AddTeamMember": partial(one_team, user_email="newcomer"),
    f"{TEAMS}/RemoveTeamMember": one_member,
    f"{TEAMS}/CreateTeamKey": partial(one_team, alias="k"),
    f"{TEAMS}/ListTeamKeys": one_team,
    f"{TEAMS}/UpdateTeamKey": partial(one_key, status="disabled"),
    f"{TEAMS}/DeleteTeamKey": one_key,
    "maas.keys.v1.UsersService/GetMe": _named(),
    "maas.keys.v1.UsersService/GetUser": one_user,
    "maas.keys.v1.UsersService/ListUsers": _named(),
    "maas.keys.v1.UsersService/ImportUsers": _named(users=[{"subject": "peer"}], dry_run=True),
    "maas.keys.v1.UsersService/DeleteUser": a_user_to_delete,
    "maas.keys.v1.TenantsService/CreateTenant": _named(name=_fresh),
    "maas.keys.v1.TenantsService/GetTenant": _named(name="default"),
    "maas.keys.v1.TenantsService/ListTenants": _named(),
    "maas.keys.v1.TenantsService/UpdateTenant": _named(name="default", description="d"),
    "maas.keys.v1.TenantsService/DeleteTenant": a_tenant_to_delete,
    "maas.keys.v1.RolesService/AssignRole": _named(role="model-owner", member_kind="group", member="g"),
    "maas.keys.v1.RolesService/ListRoleAssignments": _named(),
    "maas.keys.v1.RolesService/UnassignRole": a_role_to_take_away,
}


def test_every_method_has_a_case():
    assert CASES.keys() == METHODS.keys()


@pytest.fixture(scope="module")
def furnished(keys_service_in, copied, tmp_path_factory):
    """A database with the cast in it, and the cast."""
    folder = tmp_path_factory.mktemp("furnished")

    async def scenario():
        async with keys_service_in(folder, **SETTINGS) as world:
            cast = Cast(world)
            await cast.enter()
            copied(world, folder / "cast.db")
            return cast

    cast = asyncio.run(scenario())
    return folder / "cast.db", cast


@pytest.mark.parametrize("method", METHODS)
def test_a_role_may_do_what_the_table_says(keys_service, furnished, method):
    database, before = furnished

    async def scenario():
        async with keys_service(database=database, **SETTINGS) as world:
            cast = Cast(world, before)
            found, wanted = {}, {}
            for column in COLUMNS:
                found[column], wanted[column] = await CASES[method](method, cast, column)
            assert found == wanted

    asyncio.run(scenario())
