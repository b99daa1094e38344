"""How far a caller reaches."""

from __future__ import annotations

from maas_common.auth.roles import Reach, Role, TeamRole
from maas_keys.core.caller import Caller
from maas_keys.core.user import Person, User

CREATE_KEY = "maas.keys.v1.ApiKeysService/CreateApiKey"
ANN = User("aaaaaaaaaaaa", Person("acme", "https://idp", "ann", "Ann", "", (), 0), 0, 0)


def test_a_caller_is_a_user_of_a_tenant():
    caller = Caller(ANN, frozenset(), {})
    assert (caller.tenant, caller.name, caller.is_admin) == ("acme", "https://idp|ann", False)
    assert Caller(ANN, frozenset({Role.ADMIN}), {}).is_admin


def test_a_role_in_a_team_counts_in_that_team_alone():
    caller = Caller(ANN, frozenset(), {"ds": TeamRole.MEMBER})
    assert caller.reach(CREATE_KEY, "ds") is Reach.TEAM
    assert caller.reach(CREATE_KEY, "ops") is Reach.NONE
    assert caller.reach(CREATE_KEY) is Reach.NONE


def test_the_furthest_of_several_roles_counts():
    caller = Caller(ANN, frozenset({Role.MODEL_CONSUMER, Role.ADMIN}), {"ds": TeamRole.VIEWER})
    assert caller.reach(CREATE_KEY, "ds") is Reach.ALL
