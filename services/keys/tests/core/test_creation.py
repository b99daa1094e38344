"""What a key is made of, and who makes which."""

from __future__ import annotations

from dataclasses import replace

import pytest
from maas_common.apikey import hash_key
from maas_common.errors import AlreadyExistsError, NotFoundError, PermissionDeniedError
from maas_keys.core.api_key import KeyKind
from maas_keys.core.approval import Approval
from maas_keys.core.creation import CREATE, KeyOrder, check_may_make, check_order, check_same, makes_keys, new_key
from maas_keys.core.details import Details
from maas_keys.core.key_owner import OwnerDraft
from maas_keys.core.lifetime import Lifetime

DAY_S = 86_400


@pytest.fixture
def made(caller, ground, minted):
    def making(order=None, by=None, **said):
        by = by or caller()
        return new_key(order or KeyOrder(Details(name="laptop")), by.user.owner, by, minted, ground(**said))

    return making


def test_a_key_belongs_to_its_owner_with_the_groups_they_have_now(made, caller):
    key = made(KeyOrder(Details(name="laptop", description="two\n\tlines"), team="ds", request_id="r-1"))
    assert key.owner == caller().user.owner
    assert (key.owner.user, key.created_by, key.owner.groups) == ("https://idp|sub-alice", "https://idp|sub-alice", ("staff",))
    assert (key.id, key.shown, key.masked, key.tenant) == ("abcdefghijkl", "sk-test-abcdefghijkl", "sk-test-abc…", "default")
    assert (key.name, key.description, key.team, key.request_id) == ("laptop", "two\n\tlines", "ds", "r-1")


def test_a_key_that_was_made_before_stands_for_another_name_but_not_for_what_is_elsewhere(key):
    before = key(request_id="r-1")
    check_same(key(id="x", request_id="r-1", name="other"), before)
    for other in (
        {"team": "ds"},
        {"kind": KeyKind.PLAYGROUND},
        {"is_ephemeral": True},
        {"owner": replace(before.owner, issuer="group")},
    ):
        with pytest.raises(AlreadyExistsError, match='request id "r-1" made API key "abcdefghijkl"'):
            check_same(key(id="x", request_id="r-1", **other), before)


def test_only_the_hash_under_the_newest_pepper_is_kept(made, minted):
    (kept,) = made().hashes
    assert (kept.pepper_id, kept.digest, kept.until) == ("p2", hash_key(minted.text, b"p" * 32), None)
    assert minted.text not in repr(made())
    assert repr(kept.digest) not in repr(made())


def test_it_ends_a_lifetime_after_now(made):
    assert (made().created_at, made().updated_at, made().expires_at) == (1000, 1000, 1000 + 30 * DAY_S)
    assert made(KeyOrder(Details(name="x", expires_in="90m"))).expires_at == 1000 + 5400


def test_an_ephemeral_key_lives_an_hour_and_needs_no_name(made, wrong_fields):
    key = made(KeyOrder(Details(name=""), is_ephemeral=True))
    assert (key.name, key.is_ephemeral, key.expires_at) == ("", True, 1000 + 3600)
    assert made(KeyOrder(Details(name="", expires_in="5m"), is_ephemeral=True)).expires_at == 1300
    assert wrong_fields(made, KeyOrder(Details(name="\n", expires_in="2h"), is_ephemeral=True)) == ["name", "expires_in"]


def test_a_playground_key_has_limits_of_its_own_and_no_budget(made, terms, wrong_fields):
    key = made(KeyOrder(Details(name="try"), kind=KeyKind.PLAYGROUND))
    assert (key.kind, key.limits, key.budget) == (KeyKind.PLAYGROUND, terms().playground_limits, None)


def test_self_service_past_a_line_waits_for_an_approver_an_administrators_key_does_not(made, terms):
    line = terms(approval=Approval(lifetime=Lifetime.parse("1d")))
    assert made(terms=line).pending_reasons == ("it lives longer than 1d",)
    assert made(terms=line, is_admin=True).pending_reasons == ()


@pytest.mark.parametrize("kind", [KeyKind.PERSONAL, KeyKind.PLAYGROUND])
@pytest.mark.parametrize(
    ("fields", "field"),
    [({"team": "ds"}, "team"), ({"owner": OwnerDraft("bob")}, "username"), ({"is_ephemeral": True}, "ephemeral")],
)
def test_what_there_is_one_of_for_each_person_is_their_own(kind, fields, field, wrong_fields):
    assert wrong_fields(check_order, KeyOrder(Details(name="x"), kind=kind, **fields)) == [field]
    check_order(KeyOrder(Details(name="x"), kind=kind))
    check_order(KeyOrder(Details(name="x"), **fields))


@pytest.mark.parametrize("field", ["request_id", "team"])
def test_what_no_database_takes_is_refused(field, wrong_fields):
    assert wrong_fields(check_order, KeyOrder(Details(name="x"), **{field: "a\x00b"})) == [field]


@pytest.mark.parametrize(
    ("roles", "teams", "team"),
    [
        (["admin"], {}, ""),
        (["admin"], {}, "ds"),
        (["model-consumer"], {}, ""),
        (["model-owner"], {"ds": "member"}, "ds"),
        (["model-owner"], {"ds": "owner"}, "ds"),
    ],
)
def test_who_makes_keys(caller, terms, roles, teams, team):
    check_may_make(CREATE, caller("bob", *roles, teams=teams), team, terms())
    assert makes_keys(caller("bob", *roles, teams=teams), terms())


@pytest.mark.parametrize(
    ("role", "teams", "message"),
    [
        ("model-owner", {}, "switched off for your roles"),
        ("model-owner", {"ds": "viewer"}, "switched off for your roles"),
        ("model-consumer", {"ds": "viewer"}, 'team "ds": as its viewer you make no keys'),
    ],
)
def test_who_makes_none(caller, terms, role, teams, message):
    with pytest.raises(PermissionDeniedError, match=message):
        check_may_make(CREATE, caller("bob", role, teams=teams), "ds", terms())


def test_who_makes_keys_in_a_team_only_is_told_to_name_it(caller, terms):
    bob = caller("bob", "model-owner", teams={"ds": "member"})
    with pytest.raises(PermissionDeniedError, match="name a team that you are in"):
        check_may_make(CREATE, bob, "", replace(terms(), creation_roles=frozenset({"model-owner", "team-member"})))


def test_a_team_that_one_is_not_in_does_not_exist(caller, terms):
    with pytest.raises(NotFoundError, match='team "ds" does not exist'):
        check_may_make(CREATE, caller("bob"), "ds", terms())


def test_making_keys_is_switched_off_by_role(caller, terms):
    only_teams = terms(creation_roles=frozenset({"team-owner"}))
    for who, makes in ((caller("bob"), False), (caller("bob", teams={"ds": "owner"}), True), (caller("bob", "admin"), False)):
        assert makes_keys(who, only_teams) is makes
        with pytest.raises(PermissionDeniedError, match="making API keys is switched off for your roles"):
            check_may_make(CREATE, who, "", only_teams)
