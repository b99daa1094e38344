"""Which keys lists hold, and which are ended at once."""

from __future__ import annotations

from dataclasses import replace

import pytest
from maas_common.errors import InvalidArgumentError, PermissionDeniedError
from maas_keys.core.api_key import Status
from maas_keys.core.finding import found_by, of_one_owner, revoked_by
from maas_keys.core.key_access import SERVICE
from maas_keys.core.search import KeyFilter, Visible

LIST = f"{SERVICE}/ListApiKeys"
NOT_REVOKED = {Status.PENDING, Status.ACTIVE, Status.EXPIRED, Status.DISABLED}


def asked(**fields):
    return KeyFilter("default", **fields)


def test_whatever_is_asked_for_only_what_may_be_seen_is_found(caller):
    found = found_by(asked(team="ds", name_contains="x"), caller("bob"), LIST)
    assert found == asked(team="ds", name_contains="x", visible=Visible("https://idp|sub-bob"))


@pytest.mark.parametrize("name", ["bob", "https://idp|sub-bob"])
def test_ones_own_name_is_oneself(caller, name):
    found = found_by(asked(username=name), caller("bob"), LIST)
    assert (found.username, found.user) == ("", "https://idp|sub-bob")


def test_administrators_name_others(caller):
    root = caller("root", "admin")
    assert found_by(asked(username="bob"), root, LIST) == asked(username="bob")
    assert found_by(asked(username="https://idp|sub-bob"), root, LIST) == asked(user="https://idp|sub-bob")


def test_so_do_those_who_see_the_team_that_they_name(caller):
    bob = caller("bob", teams={"ds": "viewer"})
    assert found_by(asked(username="alice", team="ds"), bob, LIST).username == "alice"
    for other in ({"username": "alice"}, {"username": "alice", "team": "ml"}):
        with pytest.raises(PermissionDeniedError, match="the keys of others"):
            found_by(asked(**other), bob, LIST)


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"username": "a\x00"}, ["username"]),
        ({"team": "a\x00", "name_contains": "\n"}, ["team", "name_contains"]),
        ({"labels": {"a": "\x00"}}, ["labels.a"]),
    ],
)
def test_what_no_database_takes_is_refused(caller, wrong_fields, fields, wrong):
    assert wrong_fields(found_by, asked(**fields), caller("root", "admin"), LIST) == wrong
    assert wrong_fields(revoked_by, asked(**fields), caller("root", "admin")) == wrong


def test_with_no_filter_ones_own_keys_are_ended(caller):
    assert revoked_by(asked(), caller("bob")) == asked(user="https://idp|sub-bob", statuses=NOT_REVOKED)
    assert revoked_by(asked(username="bob"), caller("bob")).user == "https://idp|sub-bob"


def test_administrators_say_whose(caller, wrong_fields):
    root = caller("root", "admin")
    assert wrong_fields(revoked_by, asked(), root) == ["username"]
    for name in ("bob", "root"):
        assert revoked_by(asked(username=name), root) == asked(username=name, statuses=NOT_REVOKED)
    assert revoked_by(asked(username=root.name), root) == asked(user=root.name, statuses=NOT_REVOKED)
    assert revoked_by(asked(labels={"a": "1"}), root) == asked(labels={"a": "1"}, statuses=NOT_REVOKED)


def test_the_keys_of_one_owner_are_ended(caller):
    bob = caller("bob").user
    keys = asked(username="bob", team="ds")
    assert of_one_owner(keys, [bob], is_group=False) == asked(user="https://idp|sub-bob", team="ds")
    assert of_one_owner(keys, [], is_group=True) == asked(user="group|bob", team="ds")
    assert of_one_owner(asked(username=bob.id), [bob], is_group=True) == asked(user="https://idp|sub-bob")


def test_those_of_several_are_not_and_the_answer_says_who_they_are(caller):
    bob = caller("bob").user
    other = replace(bob, id="x", person=replace(bob.person, issuer="https://other"))
    for found, is_group, said in (
        ([bob, other], False, r"https://idp\|sub-bob, https://other\|sub-bob"),
        ([bob], True, r"group\|bob, https://idp\|sub-bob"),
        ([bob, other], True, r"group\|bob, https://idp\|sub-bob, https://other\|sub-bob"),
    ):
        with pytest.raises(InvalidArgumentError, match=f'username: "bob" is the name of several: {said}; give one of these'):
            of_one_owner(asked(username="bob"), found, is_group=is_group)
    with pytest.raises(InvalidArgumentError, match="no user"):
        of_one_owner(asked(username="bob"), [], is_group=False)


def test_a_teams_owner_ends_its_keys_a_member_their_own_in_it(caller):
    bob = caller("bob", teams={"ds": "owner", "ml": "member"})
    assert revoked_by(asked(team="ds"), bob) == asked(team="ds", statuses=NOT_REVOKED)
    assert revoked_by(asked(team="ds", username="alice"), bob).username == "alice"
    assert revoked_by(asked(team="ml"), bob) == asked(team="ml", user="https://idp|sub-bob", statuses=NOT_REVOKED)
    with pytest.raises(PermissionDeniedError):
        revoked_by(asked(team="ml", username="alice"), bob)


def test_nobody_else_ends_the_keys_of_others(caller):
    with pytest.raises(PermissionDeniedError):
        revoked_by(asked(username="alice"), caller("bob"))
