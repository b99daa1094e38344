"""What a role may do, and who has one by their groups."""

from __future__ import annotations

import asyncio

import pytest
from maas_common.auth.principal import Principal
from maas_common.auth.role_source import RolesByGroup
from maas_common.auth.roles import TABLE, Reach, Role, TeamRole, _read, may_call, reach

KEYS = "maas.keys.v1.ApiKeysService"


@pytest.mark.parametrize(
    ("method", "roles", "team_role", "expected"),
    [
        ("UpdateApiKey", {Role.ADMIN, Role.MODEL_CONSUMER}, None, Reach.ALL),
        ("UpdateApiKey", {Role.MODEL_CONSUMER}, TeamRole.OWNER, Reach.TEAM),
        ("UpdateApiKey", {Role.MODEL_CONSUMER}, TeamRole.VIEWER, Reach.OWN),
        ("UpdateApiKey", {Role.MODEL_OWNER}, TeamRole.VIEWER, Reach.NONE),
        ("RevokeApiKey", set(), None, Reach.OWN),
        ("ApproveApiKey", {Role.MODEL_OWNER, Role.MODEL_CONSUMER}, TeamRole.OWNER, Reach.NONE),
    ],
)
def test_of_several_roles_the_furthest_reach_counts(method, roles, team_role, expected):
    assert reach(f"{KEYS}/{method}", frozenset(roles), team_role) is expected


@pytest.mark.parametrize(
    ("method", "roles", "expected"),
    [
        (f"{KEYS}/ApproveApiKey", {Role.MODEL_CONSUMER}, False),
        (f"{KEYS}/ApproveApiKey", {Role.MODEL_CONSUMER, Role.ADMIN}, True),
        (f"{KEYS}/RevokeApiKey", set(), True),
        ("maas.keys.v1.TeamsService/GetTeam", set(), True),  # they may be in a team
        (f"{KEYS}/Unheard", {Role.ADMIN}, False),
    ],
)
def test_the_gate_lets_in_whom_any_role_of_theirs_or_any_team_may_let_in(method, roles, expected):
    assert may_call(method, frozenset(roles)) is expected


def test_every_method_has_a_cell_for_every_column_and_administrators_may_do_all_that_others_may():
    order = list(Reach)
    for method, row in TABLE.items():
        assert len(row) == 7, method
        others = [cell for column, cell in row.items() if column != Role.ADMIN and not column.startswith("team-")]
        assert all(order.index(row[Role.ADMIN]) <= order.index(cell) for cell in others), method


def test_a_table_of_other_columns_is_refused():
    with pytest.raises(ValueError, match="the columns are"):
        _read("method admin\nx all")


SETTINGS = {Role.ADMIN: ["admins"], Role.MODEL_OWNER: ["owners"], Role.MODEL_CONSUMER: ["system:authenticated"]}


@pytest.mark.parametrize(
    ("tenant", "groups", "expected"),
    [
        ("default", ("admins", "owners"), {Role.ADMIN, Role.MODEL_OWNER}),
        ("default", ("system:authenticated",), {Role.MODEL_CONSUMER}),
        ("default", ("others",), set()),
        ("acme", ("admins", "owners", "system:authenticated"), {Role.MODEL_CONSUMER}),
    ],
)
def test_groups_of_settings_give_roles_and_only_the_tenant_default_has_its_administrators_there(tenant, groups, expected):
    assert asyncio.run(RolesByGroup(SETTINGS).roles_of(Principal("i", "s", "n", groups=groups, tenant=tenant))) == expected
