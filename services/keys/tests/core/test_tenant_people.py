"""Whom the administrators of a tenant may vouch for."""

from __future__ import annotations

import pytest
from maas_common.errors import InvalidArgumentError
from maas_keys.core.tenant_people import Provider, TenantPeople

PEOPLE = TenantPeople(
    (
        Provider("https://main", ("default",), ""),
        Provider("https://acme", ("acme",), "acme:"),
        Provider("https://both", ("acme", "globex"), "both:"),
        Provider("kubernetes", ("initech",), ""),
    )
)


@pytest.mark.parametrize(
    ("tenant", "group"),
    [
        ("default", "vip"),
        ("acme", "acme:vip"),
        ("acme", "both:vip"),
        ("acme", "system:authenticated"),
        ("globex", "both:vip"),
        ("initech", "vip"),
    ],
)
def test_groups_that_a_provider_could_give(tenant, group):
    PEOPLE.check_group("groups[0]", group, tenant)


@pytest.mark.parametrize(
    ("tenant", "group", "wanted"),
    [
        ("acme", "vip", '"acme:" or "both:"'),
        ("acme", "ACME:vip", '"acme:" or "both:"'),
        ("globex", "acme:vip", '"both:"'),
        ("nowhere", "vip", "nothing"),
    ],
)
def test_groups_of_others(tenant, group, wanted):
    with pytest.raises(InvalidArgumentError, match=rf"groups\[0\]: .*{tenant}.*{group}.*begins with {wanted}"):
        PEOPLE.check_group("groups[0]", group, tenant)


@pytest.mark.parametrize(("tenant", "issuer"), [("default", "https://any"), ("acme", "https://both"), ("initech", "kubernetes")])
def test_issuers_of_the_tenant(tenant, issuer):
    PEOPLE.check_issuer("username", issuer, tenant)


@pytest.mark.parametrize(
    ("tenant", "issuer", "wanted"),
    [("acme", "https://main", "https://acme or https://both"), ("globex", "https://acme", "https://both"), ("nowhere", "x", "none")],
)
def test_issuers_of_others(tenant, issuer, wanted):
    with pytest.raises(InvalidArgumentError, match=rf'username: "{issuer}" is no identity provider of tenant "{tenant}"; want {wanted}'):
        PEOPLE.check_issuer("username", issuer, tenant)
