"""Whom administrators make keys for."""

from __future__ import annotations

from dataclasses import replace

import pytest
from maas_common.errors import InvalidArgumentError, PermissionDeniedError
from maas_keys.core.api_key import Owner, OwnerKind
from maas_keys.core.key_owner import SELF, OwnerDraft, check_owner, group_owner, name_to_find, owner_of
from maas_keys.core.tenant_people import TenantPeople
from maas_keys.core.user import Person

NOW = 1000
ANYBODY = TenantPeople(())


@pytest.fixture
def admin(caller):
    return caller("root", "admin")


@pytest.mark.parametrize("draft", [OwnerDraft("bob"), OwnerDraft(groups=("vip",)), OwnerDraft(kind=OwnerKind.GROUP)])
def test_nobody_else_names_an_owner(caller, draft):
    with pytest.raises(PermissionDeniedError, match="only administrators"):
        check_owner(draft, caller(), ANYBODY)
    check_owner(SELF, caller(), ANYBODY)


@pytest.mark.parametrize(
    ("draft", "fields"),
    [
        (OwnerDraft(groups=("a",)), ["username"]),
        (OwnerDraft(kind=OwnerKind.SERVICE_ACCOUNT), ["username"]),
        (OwnerDraft(" bob"), ["username"]),
        (OwnerDraft(" "), ["username"]),
        (OwnerDraft("b\x00b"), ["username"]),
        (OwnerDraft("bob", groups=("a", "b\x00")), ["groups[1]"]),
        (OwnerDraft("vip", OwnerKind.GROUP, ("a",)), ["groups"]),
    ],
)
def test_a_draft_of_nobody_is_refused(admin, wrong_fields, draft, fields):
    assert wrong_fields(check_owner, draft, admin, ANYBODY) == fields


def test_a_known_user_owns_with_the_groups_that_are_known(admin, caller):
    bob = caller("bob").user
    assert owner_of(OwnerDraft("bob"), [bob], admin, NOW) == (bob.owner, None)


def test_groups_that_are_given_are_kept_as_of_now(admin, caller):
    bob = caller("bob").user
    owner, person = owner_of(OwnerDraft("bob", groups=("vip", "b", "vip", "system:authenticated")), [bob], admin, NOW)
    assert person == replace(bob.person, groups=("vip", "b"), groups_at=NOW)
    assert owner == replace(bob.owner, groups=("vip", "b"), groups_at=NOW)


@pytest.mark.parametrize(
    ("name", "issuer", "subject"),
    [("bob", "https://idp", "bob"), ("https://other|sub|7", "https://other", "sub|7")],
)
def test_an_unknown_name_is_a_new_user(admin, name, issuer, subject):
    owner, person = owner_of(OwnerDraft(name, groups=("vip",)), [], admin, NOW)
    assert person == Person("default", issuer, subject, subject, "", ("vip",), NOW)
    assert owner == Owner(issuer, subject, subject, groups=("vip",), groups_at=NOW)


@pytest.mark.parametrize("name", ["|x", "x|", "service-account|ci", "group|vip"])
def test_a_name_that_nobody_could_have_is_refused(admin, wrong_fields, name):
    assert wrong_fields(owner_of, OwnerDraft(name), [], admin, NOW) == ["username"]


def test_a_name_of_several_is_refused_with_what_they_are(admin, caller):
    bob = caller("bob").user
    other = replace(bob, id="x", person=replace(bob.person, issuer="https://other"))
    with pytest.raises(InvalidArgumentError, match=r"https://idp\|sub-bob, https://other\|sub-bob"):
        owner_of(OwnerDraft("bob"), [bob, other], admin, NOW)


def test_service_accounts_are_the_tenants_own_and_their_groups_do_not_age(admin):
    draft = OwnerDraft("ci", OwnerKind.SERVICE_ACCOUNT, ("vip",))
    assert name_to_find(draft) == "service-account|ci"
    owner, person = owner_of(draft, [], admin, NOW)
    assert owner == Owner("service-account", "ci", "ci", OwnerKind.SERVICE_ACCOUNT, ("vip",), 0)
    assert (person.kind, person.groups_at, owner.user) == (OwnerKind.SERVICE_ACCOUNT, 0, "service-account|ci")


def test_a_user_is_not_the_service_account_of_that_name(admin, caller):
    bob = caller("bob").user
    account = replace(bob, person=replace(bob.person, kind=OwnerKind.SERVICE_ACCOUNT, issuer="service-account", subject="bob"))
    assert owner_of(OwnerDraft("bob"), [account], admin, NOW)[0].kind is OwnerKind.USER
    assert owner_of(OwnerDraft("bob", OwnerKind.SERVICE_ACCOUNT), [bob, account], admin, NOW) == (account.owner, None)


def test_a_group_owns_as_its_only_member():
    assert group_owner("vip") == Owner("group", "vip", "vip", OwnerKind.GROUP, ("vip",), 0)
    assert name_to_find(OwnerDraft("bob")) == "bob"
