"""What a role may do: one table of every method that people call. docs/roles.md shows it; a test holds the two together.

`all`: with anything in the caller's tenant. `team`: with what belongs to a team in which they have that role. `own`: with what is
their own. `-`: not at all. Whoever has several roles may do what any of them may.
"""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """A role in a tenant."""

    ADMIN = "admin"
    MODEL_OWNER = "model-owner"
    MODEL_CONSUMER = "model-consumer"


class TeamRole(StrEnum):
    """A role in a team."""

    OWNER = "owner"
    MEMBER = "member"
    VIEWER = "viewer"


class Reach(StrEnum):
    """How far a method may be used."""

    ALL = "all"
    TEAM = "team"
    OWN = "own"
    NONE = "-"


NOBODY = "nobody"
"""The column of those who are signed in and have no role at all. What it may do, everybody signed in may."""
COLUMNS = (*Role, *(f"team-{role}" for role in TeamRole), NOBODY)

_TABLE = """
method                                                  admin  model-owner  model-consumer  team-owner  team-member  team-viewer  nobody
maas.keys.v1.ApiKeysService/CreateApiKey                all    -            own             team        team         -            -
maas.keys.v1.ApiKeysService/CreatePersonalApiKey        own    -            own             -           -            -            -
maas.keys.v1.ApiKeysService/GetApiKeyConfig             own    own          own             own         own          own          own
maas.keys.v1.ApiKeysService/GetApiKey                   all    own          own             team        team         team         own
maas.keys.v1.ApiKeysService/ListApiKeys                 all    own          own             team        team         team         own
maas.keys.v1.ApiKeysService/SearchApiKeys               all    own          own             team        team         team         own
maas.keys.v1.ApiKeysService/UpdateApiKey                all    -            own             team        own          -            -
maas.keys.v1.ApiKeysService/RotateApiKey                all    -            own             own         own          -            -
maas.keys.v1.ApiKeysService/DisableApiKey               all    own          own             team        own          own          own
maas.keys.v1.ApiKeysService/EnableApiKey                all    -            own             team        own          -            -
maas.keys.v1.ApiKeysService/RevokeApiKey                all    own          own             team        own          own          own
maas.keys.v1.ApiKeysService/BulkRevokeApiKeys           all    own          own             team        own          own          own
maas.keys.v1.ApiKeysService/DeleteApiKey                all    own          own             team        own          own          own
maas.keys.v1.ApiKeysService/ApproveApiKey               all    -            -               -           -            -            -
maas.keys.v1.ApiKeysService/RejectApiKey                all    -            -               -           -            -            -
maas.keys.v1.ApiKeysService/ImportApiKeys               all    -            -               -           -            -            -
maas.keys.v1.TeamsService/CreateTeam                    all    -            -               -           -            -            -
maas.keys.v1.TeamsService/GetTeam                       all    -            -               team        team         team         -
maas.keys.v1.TeamsService/ListTeams                     all    own          own             team        team         team         own
maas.keys.v1.TeamsService/UpdateTeam                    all    -            -               team        -            -            -
maas.keys.v1.TeamsService/DeleteTeam                    all    -            -               -           -            -            -
maas.keys.v1.TeamsService/AddTeamMember                 all    -            -               team        -            -            -
maas.keys.v1.TeamsService/RemoveTeamMember              all    -            -               team        own          own          -
maas.keys.v1.TeamsService/CreateTeamKey                 all    -            -               team        team         -            -
maas.keys.v1.TeamsService/ListTeamKeys                  all    -            -               team        team         team         -
maas.keys.v1.TeamsService/UpdateTeamKey                 all    -            own             team        own          -            -
maas.keys.v1.TeamsService/DeleteTeamKey                 all    own          own             team        own          own          own
maas.keys.v1.UsersService/GetMe                         own    own          own             own         own          own          own
maas.keys.v1.UsersService/GetUser                       all    own          own             own         own          own          own
maas.keys.v1.UsersService/ListUsers                     all    -            -               -           -            -            -
maas.keys.v1.UsersService/ImportUsers                   all    -            -               -           -            -            -
maas.keys.v1.UsersService/DeleteUser                    all    -            -               -           -            -            -
maas.keys.v1.TenantsService/CreateTenant                all    -            -               -           -            -            -
maas.keys.v1.TenantsService/GetTenant                   all    -            -               -           -            -            -
maas.keys.v1.TenantsService/ListTenants                 all    -            -               -           -            -            -
maas.keys.v1.TenantsService/UpdateTenant                all    -            -               -           -            -            -
maas.keys.v1.TenantsService/DeleteTenant                all    -            -               -           -            -            -
maas.keys.v1.RolesService/AssignRole                    all    -            -               -           -            -            -
maas.keys.v1.RolesService/ListRoleAssignments           all    -            -               -           -            -            -
maas.keys.v1.RolesService/UnassignRole                  all    -            -               -           -            -            -
maas.registry.v1.ModelsService/CreateModel              all    own          -               -           -            -            -
maas.registry.v1.ModelsService/GetModel                 all    all          -               -           -            -            -
maas.registry.v1.ModelsService/ListModels               all    all          -               -           -            -            -
maas.registry.v1.ModelsService/UpdateModel              all    own          -               -           -            -            -
maas.registry.v1.ModelsService/DeleteModel              all    own          -               -           -            -            -
maas.registry.v1.TiersService/CreateTier                all    -            -               -           -            -            -
maas.registry.v1.TiersService/GetTier                   all    all          -               -           -            -            -
maas.registry.v1.TiersService/ListTiers                 all    all          -               -           -            -            -
maas.registry.v1.TiersService/UpdateTier                all    -            -               -           -            -            -
maas.registry.v1.TiersService/DeleteTier                all    -            -               -           -            -            -
maas.registry.v1.TiersService/LookupTier                all    all          all             all         all          all          all
maas.registry.v1.AvailableModelsService/ListAvailableModels  own  own        own             own         own          own          own
maas.registry.v1.AvailableModelsService/GetAvailableModel    own  own        own             own         own          own          own
maas.authz.v1.AuthzService/Explain                      all    own          own             own         own          own          own
maas.authz.v1.AuthzService/GetQuota                     own    own          own             own         own          own          own
maas.authz.v1.AuthzService/ListAccess                   all    all          own             own         own          own          own
maas.ratelimit.v1.LimitsService/Peek                    all    -            -               -           -            -            -
maas.ratelimit.v1.LimitsService/ListCounters            all    -            -               -           -            -            -
maas.ratelimit.v1.LimitsService/ResetCounters           all    -            -               -           -            -            -
maas.ratelimit.v1.LimitsService/ListEstimates           all    -            -               -           -            -            -
"""


def _read(table: str) -> dict[str, dict[str, Reach]]:
    head, *lines = (line.split() for line in table.strip().splitlines())
    if tuple(head[1:]) != COLUMNS:
        raise ValueError(f"the columns are {head[1:]}; want {COLUMNS}")
    return {method: dict(zip(COLUMNS, map(Reach, cells), strict=True)) for method, *cells in lines}


TABLE = _read(_TABLE)
"""By method, `package.Service/Method`, and then by column."""


def may_call(method: str, roles: frozenset[Role]) -> bool:
    """Whether somebody with these roles, in whatever team they are, may call `package.Service/Method` at all."""
    row = TABLE.get(method)
    if row is None:
        return False
    return any(row[column] is not Reach.NONE for column in (*roles, *(c for c in COLUMNS if c not in set(Role))))


def reach(method: str, roles: frozenset[Role], team_role: TeamRole | None = None) -> Reach:
    """The furthest that somebody with these roles reaches, in the team in question with that role of theirs."""
    row = TABLE[method]
    held = [*roles, NOBODY, *([f"team-{team_role}"] if team_role else [])]
    return min((row[column] for column in held), key=list(Reach).index)
