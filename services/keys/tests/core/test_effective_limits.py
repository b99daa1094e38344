"""What of a key, its team and its tenant reaches the plan."""

from __future__ import annotations

import pytest
from maas_common.limits import Limit
from maas_common.windows import Window
from maas_keys.core.api_key import ApiKey, KeyHash, KeyKind, Owner
from maas_keys.core.budget import Budget
from maas_keys.core.decided import KeyInContext
from maas_keys.core.effective_limits import effective_limits

OWNER = Owner("https://idp", "sub-1", "alice")


def limit(name, amount=10, per="key"):
    return Limit.parse(id=name, metric="requests", amount=amount, window="1m", per=per)


def decided(limits=(), budget=None, kind=KeyKind.STANDARD, **context):
    key = ApiKey(
        "abcdefghijkl",
        "sk-",
        "default",
        "laptop",
        "",
        OWNER,
        OWNER.user,
        "",
        (KeyHash("p1", b"h" * 32),),
        100,
        200,
        kind=kind,
        limits=limits,
        budget=budget,
    )
    return KeyInContext(key, **{"team_limits": (), "team_budget": None, "tenant_limits": ()} | context)


def shown(limits):
    return [(one.id, one.metric, one.amount, one.window.text, one.per.text, one.notify) for one in limits]


def test_a_key_without_anything_adds_nothing():
    assert effective_limits(decided()) == ()


def test_limits_and_budgets_are_named_after_whose_they_are():
    found = effective_limits(
        decided(
            (limit("a"),),
            Budget(5, Window.parse("total")),
            team_limits=(limit("b", per="team"),),
            team_budget=Budget(7, Window.parse("month")),
            tenant_limits=(limit("c", per="user"),),
        )
    )
    assert shown(found) == [
        ("key/a", "requests", 10, "1m", "key", ()),
        ("key/budget", "cost", 5, "total", "key", (50, 80, 100)),
        ("team/b", "requests", 10, "1m", "team", ()),
        ("team/budget", "cost", 7, "month", "team", (50, 80, 100)),
        ("tenant/c", "requests", 10, "1m", "user", ()),
    ]


@pytest.mark.parametrize("whose", ["key", "team"])
def test_a_tenants_limit_gives_way_to_one_of_the_same_id(whose):
    own = {"key": {"limits": (limit("a", 99),)}, "team": {"team_limits": (limit("a", 99),)}}[whose]
    found = effective_limits(decided(tenant_limits=(limit("a", 1), limit("b", 1)), **own))
    assert [(one.id, one.amount) for one in found] == [(f"{whose}/a", 99), ("tenant/b", 1)]


def test_a_playground_key_has_its_own_limits_alone():
    found = effective_limits(
        decided(
            (limit("a"),),
            kind=KeyKind.PLAYGROUND,
            team_limits=(limit("b"),),
            team_budget=Budget(7, Window.parse("month")),
            tenant_limits=(limit("c"),),
        )
    )
    assert [one.id for one in found] == ["key/a"]
