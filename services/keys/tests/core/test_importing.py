"""Taking over keys that another system made."""

from __future__ import annotations

from hashlib import sha256

import pytest
from maas_common.apikey import foreign_key_id
from maas_common.errors import PermissionDeniedError
from maas_keys.core.api_key import KeyHash
from maas_keys.core.importing import ForeignKey, check_foreign, foreign_key
from maas_keys.core.tenant_people import TenantPeople

NOW = 1000.75
ANYBODY = TenantPeople(())
DIGEST = sha256(b"abc-1").digest()


def foreign(digest=DIGEST, username="bob", **fields):
    return ForeignKey(digest, username, **fields)


def test_a_foreign_key_is_known_by_its_sha256_alone(caller, ground):
    bob = caller("bob").user.owner
    key = foreign_key(foreign(shown="abc-", name="old", labels={"a": "1"}, team="ds", subscription="free"), bob, caller("root"), ground())
    assert (key.id, key.hashes, key.is_foreign) == (foreign_key_id(DIGEST), (KeyHash("", DIGEST),), True)
    assert (key.shown, key.name, key.labels, key.team, key.subscription) == ("abc-", "old", {"a": "1"}, "ds", "free")
    assert (key.owner, key.created_by) == (bob, "https://idp|sub-root")


def test_times_and_a_name_are_made_up_where_none_are_given(caller, ground):
    key = foreign_key(foreign(shown="abc-"), caller("bob").user.owner, caller("root"), ground())
    assert (key.created_at, key.expires_at, key.name) == (1000, 1000 + 30 * 86_400, "imported abc-")
    unseen = foreign_key(foreign(), caller("bob").user.owner, caller("root"), ground())
    assert unseen.name == f"imported {unseen.id}"


def test_the_cap_is_not_for_keys_that_live_already(caller, ground):
    key = foreign_key(foreign(created_at=5, expires_at=10**10), caller("bob").user.owner, caller("root"), ground())
    assert (key.created_at, key.expires_at, key.updated_at) == (5, 10**10, 1000)


def test_a_tier_that_the_owner_has_not_is_refused(caller, ground, wrong_fields):
    assert wrong_fields(foreign_key, foreign(subscription="gold"), caller("bob").user.owner, caller("root"), ground()) == ["subscription"]


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"username": " bob"}, ["username"]),
        ({"groups": ("a\x00",)}, ["groups[0]"]),
        ({"name": " "}, ["name"]),
        ({"shown": "a\n"}, ["shown"]),
        ({"team": "a\n"}, ["team"]),
        ({"description": "a\x00"}, ["description"]),
        ({"labels": {"": ""}}, ["labels"]),
        ({"created_at": 1001}, ["created_at"]),
        ({"created_at": 0}, ["created_at"]),
        ({"expires_at": 1000}, ["expires_at"]),
        ({"expires_at": 1000, "name": " ", "created_at": 0}, ["name", "created_at", "expires_at"]),
    ],
)
def test_all_that_is_wrong_is_named_by_its_place(caller, wrong_fields, fields, wrong):
    keys = [foreign(b"1" * 32), foreign(**fields)]
    assert wrong_fields(check_foreign, keys, caller("root", "admin"), ANYBODY, NOW) == [f"keys[1].{field}" for field in wrong]


def test_what_contradicts_another_is_refused(caller, wrong_fields):
    keys = [foreign(groups=("a",)), foreign(), foreign(b"1" * 32), foreign(b"2" * 32, groups=("b",)), foreign(b"3" * 32, groups=("a",))]
    assert wrong_fields(check_foreign, keys, caller("root", "admin"), ANYBODY, NOW) == ["keys[1].sha256", "keys[3].groups"]


def test_good_keys_pass(caller):
    check_foreign([foreign(), foreign(b"1" * 32, name="x", created_at=1000, expires_at=1001)], caller("root", "admin"), ANYBODY, NOW)


def test_only_administrators_take_over_keys_of_others(caller):
    with pytest.raises(PermissionDeniedError):
        check_foreign([foreign()], caller("bob"), ANYBODY, NOW)
