"""What a key is made of, for whom, and what is refused."""

from __future__ import annotations

import pytest
from maas_common.apikey import Minted, Peppers, hash_key
from maas_common.errors import InvalidArgumentError, PermissionDeniedError
from maas_keys.core.api_key import Owner
from maas_keys.core.caller import Caller
from maas_keys.core.creation import KeyOrder, Terms, new_key
from maas_keys.core.lifetime import Lifetime

PEPPER = b"p" * 32
TERMS = Terms(
    prefix="sk-test-",
    default_lifetime=Lifetime.parse("30d"),
    longest_lifetime=Lifetime.parse("90d"),
    everybody="system:authenticated",
    peppers=Peppers({"p2": PEPPER, "p1": b"o" * 32}),
)
MINTED = Minted("abcdefghijkl", "sk-test-abcdefghijkl_secret")
ALICE = Caller(Owner("https://idp", "sub-1", "alice", ("staff", "system:authenticated")))
ADMIN = Caller(Owner("https://idp", "sub-0", "root", ("maas-admins", "system:authenticated")), is_admin=True)
NOW = 1000.75


def made(caller=ALICE, **order):
    return new_key(KeyOrder(**{"name": "laptop"} | order), caller, TERMS, MINTED, now=NOW)


def test_a_key_belongs_to_its_caller_with_the_groups_they_have_now():
    key = made(description="two\n\tlines", request_id="r-1")
    assert key.owner == ALICE.owner
    assert (key.owner.user, key.created_by) == ("https://idp|sub-1", "https://idp|sub-1")
    assert (key.id, key.shown, key.tenant) == ("abcdefghijkl", "sk-test-abcdefghijkl", "default")
    assert (key.name, key.description, key.request_id) == ("laptop", "two\n\tlines", "r-1")


def test_only_the_hash_under_the_newest_pepper_is_kept():
    key = made()
    assert (key.hash.pepper_id, key.hash.digest) == ("p2", hash_key(MINTED.text, PEPPER))
    assert MINTED.text not in repr(key)
    assert repr(key.hash.digest) not in repr(key)


def test_it_ends_a_lifetime_after_now():
    assert (made().created_at, made().expires_at) == (1000, 1000 + 30 * 86_400)
    assert made(expires_in="90m").expires_at == 1000 + 5400


@pytest.mark.parametrize(
    ("groups", "kept"),
    [
        ((), ("system:authenticated",)),
        (("a", "b", "a"), ("a", "b", "system:authenticated")),
        (("system:authenticated", "a"), ("system:authenticated", "a")),
    ],
)
def test_an_administrator_names_another_owner_at_their_own_issuer(groups, kept):
    key = made(ADMIN, username="bob", groups=groups)
    assert key.owner == Owner("https://idp", "bob", "bob", kept)
    assert key.created_by == "https://idp|sub-0"


def test_an_administrator_who_names_nobody_makes_their_own():
    assert made(ADMIN).owner == ADMIN.owner


@pytest.mark.parametrize("order", [{"username": "bob"}, {"groups": ("vip",)}, {"username": "alice", "groups": ("vip",)}])
def test_nobody_else_names_an_owner_or_groups(order):
    with pytest.raises(PermissionDeniedError, match="only administrators"):
        made(ALICE, **order)


@pytest.mark.parametrize(
    ("order", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": " \t\u3000"}, "name"),
        ({"name": "n" * 129}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": "a\x1b[31m"}, "name"),
        ({"name": "a\u2028b"}, "name"),
        ({"name": "a\x9bb"}, "name"),
        ({"description": "a\x00b"}, "description"),
        ({"request_id": "a\x00b"}, "request_id"),
        ({"expires_in": "91d"}, "expires_in"),
        ({"groups": ("a",)}, "username"),
        ({"username": " bob"}, "username"),
        ({"username": " "}, "username"),
        ({"username": "b\x00b"}, "username"),
        ({"username": "bob", "groups": ("a", "b\x00")}, "groups[1]"),
    ],
)
def test_what_is_wrong_is_named_by_its_field(order, field):
    with pytest.raises(InvalidArgumentError) as caught:
        made(ADMIN, **order)
    assert [v.field for v in caught.value.violations] == [field]


@pytest.mark.parametrize("name", ["n", "n" * 128, "Büro-Laptop Nº 2", "鍵", "👩‍💻 key", " padded "])
def test_names_of_any_script_are_kept_as_they_are(name):
    assert made(name=name).name == name
