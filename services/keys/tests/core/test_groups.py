"""How long remembered groups are relied on."""

from __future__ import annotations

import pytest
from maas_keys.core.groups import groups_until, trusted_groups
from maas_keys.core.user import Person


def person(groups_at):
    return Person("default", "https://idp", "ann", "ann", "", ("staff",), groups_at)


@pytest.mark.parametrize(("now", "groups"), [(100, ("staff",)), (159, ("staff",)), (160, ()), (10_000, ())])
def test_groups_are_relied_on_for_so_long(now, groups):
    assert trusted_groups(person(100), 60, now) == groups


def test_groups_of_service_accounts_do_not_age():
    assert groups_until(0, 60) == 0
    assert trusted_groups(person(0), 60, 10_000) == ("staff",)
