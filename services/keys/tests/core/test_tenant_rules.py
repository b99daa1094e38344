"""The rules of tenants."""

from __future__ import annotations

import pytest
from maas_common.auth.roles import Role
from maas_common.errors import ConflictError, FailedPreconditionError, InvalidArgumentError, NotFoundError, PermissionDeniedError
from maas_common.limit_drafts import LimitDraft
from maas_keys.core.caller import Caller
from maas_keys.core.tenant import Tenant
from maas_keys.core.tenant_rules import (
    TenantDraft,
    TenantPatch,
    check_deletable,
    check_keeps_tenants,
    new_tenant,
    tenant_for,
    updated_tenant,
)
from maas_keys.core.user import Person, User

ACME = Tenant("acme", "Acme", "", (), (), (), 1, 1, revision=3)


def admin(tenant):
    return Caller(User("aaaaaaaaaaaa", Person(tenant, "https://idp", "ann", "ann", "", (), 0), 0, 0), frozenset({Role.ADMIN}), {})


def test_a_tenant_is_named_after_its_display_name_or_the_other_way_round():
    assert new_tenant(TenantDraft(display_name="Acme Inc."), now=5).name == "acme-inc"
    assert new_tenant(TenantDraft(name="acme"), now=5).display_name == "acme"


def test_default_limits_are_each_users():
    tenant = new_tenant(TenantDraft(name="acme", default_limits=(LimitDraft("requests", 5, "1m"),)), now=5)
    assert [limit.per.text for limit in tenant.default_limits] == ["user"]


@pytest.mark.parametrize(
    ("draft", "field"),
    [
        (TenantDraft(), "name"),
        (TenantDraft(display_name="日本"), "name"),
        (TenantDraft(name="a", display_name=" "), "display_name"),
        (TenantDraft(name="a", description="\x00"), "description"),
        (TenantDraft(name="a", admin_groups=("g", "h\n")), "admin_groups[1]"),
        (TenantDraft(name="a", admin_users=("ann",)), "admin_users[0]"),
        (TenantDraft(name="a", admin_users=("|ann",)), "admin_users[0]"),
        (TenantDraft(name="a", admin_users=("https://idp|",)), "admin_users[0]"),
        (TenantDraft(name="a", default_limits=(LimitDraft("requests", 5, "x"),)), "default_limits[0].window"),
    ],
)
def test_a_wrong_draft_is_refused_by_field(draft, field):
    with pytest.raises(InvalidArgumentError) as error:
        new_tenant(draft, now=5)
    assert error.value.violations[0].field == field


def test_only_what_is_given_changes():
    assert updated_tenant(ACME, TenantPatch(), now=9) == Tenant("acme", "Acme", "", (), (), (), 1, 9, revision=3)
    patch = TenantPatch("ACME", "d", (LimitDraft("requests", 5, "1m"),), ("g",), ("https://idp|ann",), etag="3")
    changed = updated_tenant(ACME, patch, now=9)
    assert (changed.display_name, changed.description, len(changed.default_limits)) == ("ACME", "d", 1)
    assert (changed.admin_groups, changed.admin_users) == (("g",), ("https://idp|ann",))
    assert updated_tenant(changed, TenantPatch(display_name=""), now=9).display_name == "acme"


def test_another_version_is_left_as_it_is():
    with pytest.raises(ConflictError):
        updated_tenant(ACME, TenantPatch(etag="2"), now=9)
    with pytest.raises(ConflictError):
        check_deletable(ACME, "2")
    check_deletable(ACME, "3")


def test_the_default_tenant_stays():
    with pytest.raises(FailedPreconditionError):
        check_deletable(Tenant("default", "Default", "", (), (), (), 1, 1), "")


def test_tenants_are_kept_by_administrators_of_the_default_one():
    check_keeps_tenants(admin("default"))
    with pytest.raises(PermissionDeniedError):
        check_keeps_tenants(admin("acme"))


def test_an_administrator_of_another_tenant_sees_that_one_alone():
    assert tenant_for(admin("default"), "acme", ACME) is ACME
    assert tenant_for(admin("acme"), "acme", ACME) is ACME
    for who, tenant in ((admin("other"), ACME), (admin("default"), None), (admin("acme"), None)):
        with pytest.raises(NotFoundError, match='tenant "acme" does not exist'):
            tenant_for(who, "acme", tenant)
