"""The rules of teams."""

from __future__ import annotations

import pytest
from maas_common.auth.roles import Role, TeamRole
from maas_common.errors import ConflictError, InvalidArgumentError, NotFoundError, PermissionDeniedError
from maas_common.limit_drafts import LimitDraft
from maas_common.windows import Window
from maas_keys.core.budget import Budget, BudgetPatch
from maas_keys.core.caller import Caller
from maas_keys.core.team import Member, Team
from maas_keys.core.team_members import check_may_remove, the_member
from maas_keys.core.team_rules import TeamDraft, TeamPatch, new_team, team_for, updated_team
from maas_keys.core.user import Person, User

DS = Team("default", "ds", "Data Science", "", (), Budget(5, Window.parse("month")), 1, 1, revision=7)


def caller(*roles, **teams):
    return Caller(User("aaaaaaaaaaaa", Person("default", "https://idp", "ann", "ann", "", (), 0), 0, 0), frozenset(roles), teams)


ADMIN = caller(Role.ADMIN)
OWNER = caller(ds=TeamRole.OWNER)


def test_an_id_is_made_from_the_name():
    team = new_team(TeamDraft("Données & Science!"), tenant="default", now=5)
    assert (team.id, team.name, team.created_at, team.updated_at) == ("donnees-science", "Données & Science!", 5, 5)


def test_limits_of_a_team_are_shared_by_it():
    team = new_team(TeamDraft("x", limits=(LimitDraft("requests", 5, "1m"),)), tenant="default", now=5)
    assert [limit.per.text for limit in team.limits] == ["team"]


@pytest.mark.parametrize(
    ("draft", "field"),
    [
        (TeamDraft("  "), "name"),
        (TeamDraft("a\nb"), "name"),
        (TeamDraft("日本"), "id"),
        (TeamDraft("x", description="a\x00"), "description"),
        (TeamDraft("x", limits=(LimitDraft("requests", 5, "x"),)), "limits[0].window"),
    ],
)
def test_a_wrong_draft_is_refused_by_field(draft, field):
    with pytest.raises(InvalidArgumentError) as error:
        new_team(draft, tenant="default", now=5)
    assert error.value.violations[0].field == field


def test_only_what_is_given_changes():
    assert updated_team(DS, TeamPatch(), OWNER, now=9) == Team("default", "ds", "Data Science", "", (), DS.budget, 1, 9, revision=7)
    patch = TeamPatch(name="DS", description="d", limits=(LimitDraft("requests", 5, "1m"),), budget=BudgetPatch(8))
    changed = updated_team(DS, patch, ADMIN, now=9)
    assert (changed.name, changed.description, len(changed.limits)) == ("DS", "d", 1)
    assert changed.budget == Budget(8, Window.parse("month"))


@pytest.mark.parametrize("patch", [TeamPatch(limits=()), TeamPatch(budget=BudgetPatch(0))])
def test_limits_and_budget_are_the_administrators_to_change(patch):
    with pytest.raises(PermissionDeniedError, match="only administrators change limits and budget"):
        updated_team(DS, patch, OWNER, now=9)


def test_another_version_is_left_as_it_is():
    with pytest.raises(ConflictError, match='its etag is "7", not "6"'):
        updated_team(DS, TeamPatch(name="x", etag="6"), ADMIN, now=9)
    assert updated_team(DS, TeamPatch(name="x", etag="7"), ADMIN, now=9).name == "x"


def test_who_may_not_see_a_team_does_not_learn_that_it_exists():
    for team in (DS, None):
        with pytest.raises(NotFoundError, match='team "ds" does not exist'):
            team_for(caller(), "GetTeam", "ds", team)
    with pytest.raises(NotFoundError):
        team_for(caller(ops=TeamRole.OWNER), "UpdateTeam", "ds", DS)


def test_who_may_see_a_team_only_is_told_so():
    viewer = caller(ds=TeamRole.VIEWER)
    assert team_for(viewer, "GetTeam", "ds", DS) is DS
    with pytest.raises(PermissionDeniedError, match="as its viewer you may not call UpdateTeam"):
        team_for(viewer, "UpdateTeam", "ds", DS)
    assert team_for(OWNER, "UpdateTeam", "ds", DS) is DS


ANN = Member("aaaaaaaaaaaa", "ann", "ann@example.com", TeamRole.MEMBER, 1)
BOB = Member("bbbbbbbbbbbb", "bob", "", TeamRole.OWNER, 1)
OTHER_BOB = Member("cccccccccccc", "bob", "", TeamRole.OWNER, 1)


@pytest.mark.parametrize("name", ["aaaaaaaaaaaa", "ann", "Ann@example.COM"])
def test_a_member_is_named_by_id_email_or_username(name):
    assert the_member(DS, [BOB, ANN], name) is ANN


def test_a_member_that_is_none_or_several_is_refused():
    with pytest.raises(NotFoundError, match='"carol" is no member'):
        the_member(DS, [ANN, BOB], "carol")
    with pytest.raises(InvalidArgumentError, match="bbbbbbbbbbbb, cccccccccccc"):
        the_member(DS, [BOB, OTHER_BOB], "bob")


def test_members_leave_but_take_nobody_out():
    check_may_remove(caller(ds=TeamRole.VIEWER), DS, ANN)
    check_may_remove(OWNER, DS, BOB)
    check_may_remove(ADMIN, DS, BOB)
    with pytest.raises(PermissionDeniedError, match="you may leave"):
        check_may_remove(caller(ds=TeamRole.MEMBER), DS, BOB)
