"""Which keys a caller may see and use. The whole table of roles is proved through the running service."""

from __future__ import annotations

import pytest
from maas_common.errors import NotFoundError, PermissionDeniedError
from maas_keys.core.key_access import SERVICE, allowed, covers, seen_by
from maas_keys.core.search import Visible

UPDATE = f"{SERVICE}/UpdateApiKey"
LIST = f"{SERVICE}/ListApiKeys"


def test_a_key_is_its_owners_whatever_they_are_called(caller, key):
    assert covers(caller("alice"), UPDATE, key())
    assert not covers(caller("bob"), UPDATE, key())
    assert covers(caller("root", "admin"), UPDATE, key())


def test_a_teams_owner_reaches_its_keys_and_no_others(caller, key):
    bob = caller("bob", teams={"ds": "owner", "ml": "member"})
    assert covers(bob, UPDATE, key(team="ds"))
    assert not covers(bob, UPDATE, key(team="ml"))
    assert not covers(bob, UPDATE, key())


def test_whom_a_key_is_hidden_from_learns_nothing(caller, key):
    messages = set()
    for found in (None, key()):
        with pytest.raises(NotFoundError) as caught:
            allowed(found, "abcdefghijkl", caller("bob"), UPDATE)
        messages.add(caught.value.message)
    assert messages == {'API key "abcdefghijkl" does not exist'}


def test_what_could_be_a_whole_key_is_not_shown_back(caller):
    with pytest.raises(NotFoundError) as caught:
        allowed(None, "sk-test-abcdefghijkl_secret", caller("bob"), UPDATE)
    assert "secret" not in caught.value.message.replace("its secret", "")


def test_who_sees_a_key_only_is_told_what_is_missing(caller, key):
    viewer = caller("bob", "model-owner", teams={"ds": "viewer"})
    assert allowed(key(team="ds"), "abcdefghijkl", viewer, f"{SERVICE}/GetApiKey")
    with pytest.raises(PermissionDeniedError) as caught:
        allowed(key(team="ds"), "abcdefghijkl", viewer, UPDATE)
    assert caught.value.message == 'you may see API key "abcdefghijkl" but not change it: that takes admin, or team-owner'


@pytest.mark.parametrize(
    ("team", "method", "told"),
    [
        ("", "ApiKeysService/UpdateApiKey", "change it: that takes admin, or model-consumer for a key of your own"),
        ("", "ApiKeysService/RotateApiKey", "rotate it: that takes admin, or model-consumer for a key of your own"),
        ("", "ApiKeysService/ApproveApiKey", "approve it: that takes admin"),
        (
            "ds",
            "TeamsService/UpdateTeamKey",
            "change it: that takes admin, or team-owner, or model-consumer or team-member for a key of your own",
        ),
    ],
)
def test_who_may_not_use_their_own_key_is_told_what_is_missing(caller, key, team, method, told):
    with pytest.raises(PermissionDeniedError) as caught:
        allowed(key(team=team), "abcdefghijkl", caller("alice", "model-owner"), f"maas.keys.v1.{method}")
    assert caught.value.message == f'you may see API key "abcdefghijkl" but not {told}'


def test_lists_hold_ones_own_keys_and_those_of_ones_teams(caller):
    assert seen_by(caller("root", "admin"), LIST) is None
    bob = caller("bob", teams={"ml": "viewer", "ds": "owner"})
    assert seen_by(bob, LIST) == Visible("https://idp|sub-bob", ("ds", "ml"))
