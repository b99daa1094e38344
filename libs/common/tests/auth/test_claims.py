"""What is read from claims, whatever type they turn out to be."""

from __future__ import annotations

import pytest
from maas_common.auth.claims import principal_of
from maas_common.auth.providers import IdentityProvider

NOW = 1_800_000_000.0


def person(claims=None, **fields):
    provider = IdentityProvider(**({"name": "corp", "issuer": "https://issuer.example"} | fields))
    return principal_of(provider, {"sub": "s-1"} | (claims or {}), now=NOW)


@pytest.mark.parametrize(
    ("named", "groups"),
    [
        (["a", "b", "a"], ("corp:a", "corp:b")),
        ("a b", ("corp:a b",)),
        (["a", 5, None, ["b"], {"c": 1}, "", "d\x1ee", "x" * 257, "x" * 252], ("corp:a",)),
        ({"a": 1}, ()),
        (7, ()),
        (None, ()),
    ],
)
def test_groups_are_a_list_or_a_text_and_what_can_be_no_name_is_left_out(named, groups):
    assert person({"groups": named}).groups == (*groups, "system:authenticated")


def test_no_provider_gives_the_groups_of_another_unless_they_are_mapped_as_they_are():
    assert person({"groups": ["maas-admins"]}).groups == ("corp:maas-admins", "system:authenticated")
    assert person({"groups": ["maas-admins"]}, groups_prefix="").groups == ("maas-admins", "system:authenticated")
    assert person({"groups": ["admins"]}, groups_prefix="/eu/").groups == ("/eu/admins", "system:authenticated")


@pytest.mark.parametrize(
    ("path", "claims", "groups"),
    [
        ("realm_access.roles", {"realm_access": {"roles": ["a"]}}, ("corp:a",)),
        ("https://maas.example/groups", {"https://maas.example/groups": ["a"]}, ("corp:a",)),
        ("realm_access.roles", {"realm_access": "none"}, ()),
        ("realm_access.roles", {}, ()),
        ("a.b", {"a.b": ["flat"], "a": {"b": ["deep"]}}, ("corp:flat",)),
    ],
)
def test_a_claim_is_named_by_its_name_or_by_the_way_to_it(path, claims, groups):
    assert person(claims, groups_claim=path).groups == (*groups, "system:authenticated")


@pytest.mark.parametrize(
    ("claims", "username"),
    [
        ({"preferred_username": "ann"}, "ann"),
        ({"preferred_username": ""}, "s-1"),
        ({"preferred_username": ["ann"]}, "s-1"),
        ({"preferred_username": "a\nnn"}, "s-1"),
        ({"upn": "ann"}, "s-1"),
        ({}, "s-1"),
    ],
)
def test_who_has_no_usable_name_goes_by_the_subject(claims, username):
    assert person(claims).username == username


@pytest.mark.parametrize(
    ("claims", "email"),
    [
        ({"email": "ann@example.org"}, "ann@example.org"),
        ({"email": "ann@example.org", "email_verified": True}, "ann@example.org"),
        ({"email": "ann@example.org", "email_verified": False}, ""),
        ({"email": 5}, ""),
        ({}, ""),
    ],
)
def test_an_email_that_the_issuer_did_not_verify_is_nobodys(claims, email):
    assert person(claims).email == email


def test_the_tenant_is_the_providers_or_the_one_of_its_tenants_that_the_token_names():
    assert person().tenant == "default"
    assert person(tenant="acme").tenant == "acme"
    by_claim = {"tenant_claim": "org.name", "tenants": ["acme", "globex"]}
    assert person({"org": {"name": "globex"}}, **by_claim).tenant == "globex"
    for named in ({"org": {"name": "default"}}, {"org": {"name": ["acme"]}}, {"org": {}}, {}):
        with pytest.raises(ValueError, match=r"org\.name names none of the provider's tenants"):
            person(named, **by_claim)
