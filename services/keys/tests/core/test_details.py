"""What may be said about a key."""

from __future__ import annotations

import pytest
from maas_common.errors import InvalidArgumentError
from maas_common.limit_drafts import LimitDraft
from maas_common.limits import Limit
from maas_common.windows import Window
from maas_keys.core.api_key import KeyKind, Scope
from maas_keys.core.budget import Budget, BudgetPatch
from maas_keys.core.details import Details, with_details

DEFAULT = Limit.parse(id="requests-1m", metric="requests", amount=60, window="1m", per="user")


def test_only_what_is_said_changes(key, ground):
    before = key(labels={"a": "1"}, subscription="free")
    assert with_details(before, Details(), ground()) == before
    after = with_details(
        before,
        Details(
            name="desktop",
            description="d",
            expires_in="1d",
            labels={"b": "2"},
            subscription="premium",
            scope=Scope(models=("m",)),
            limits=(LimitDraft("requests", 5, "1m"),),
            budget=BudgetPatch(7, Window.parse("month")),
            allowed_ips=("10.0.0.1",),
        ),
        ground(),
    )
    assert (after.name, after.description, after.expires_at, after.labels) == ("desktop", "d", 87_400, {"b": "2"})
    assert (after.subscription, after.scope, after.allowed_ips) == ("premium", Scope(models=("m",)), ("10.0.0.1/32",))
    assert [(limit.id, limit.per.text) for limit in after.limits] == [("requests-1m", "key")]
    assert after.budget == Budget(7, Window.parse("month"))


def test_what_is_said_to_be_nothing_is_taken_away(key, ground):
    before = key(labels={"a": "1"}, subscription="free", budget=Budget(7, Window.parse("month")), limits=(DEFAULT,), scope=Scope(("m",)))
    after = with_details(
        before,
        Details(description="", labels={}, subscription="", scope=Scope(), limits=(), budget=BudgetPatch(0), allowed_ips=()),
        ground(),
    )
    assert after == key()


def test_an_end_that_is_said_to_be_nothing_is_the_default_from_now(key, ground):
    assert with_details(key(expires_at=5), Details(expires_in=""), ground()).expires_at == 1000 + 30 * 86_400


@pytest.mark.parametrize(
    ("said", "fields"),
    [
        ({"name": ""}, ["name"]),
        ({"name": " \t\u3000"}, ["name"]),
        ({"name": "n" * 129}, ["name"]),
        ({"name": "a\nb"}, ["name"]),
        ({"name": "a\x1b[31m"}, ["name"]),
        ({"name": "a\u2028b"}, ["name"]),
        ({"name": "a\x9bb"}, ["name"]),
        ({"description": "a\x00b"}, ["description"]),
        ({"expires_in": "91d"}, ["expires_in"]),
        ({"labels": {"": "x"}}, ["labels"]),
        ({"subscription": "gold"}, ["subscription"]),
        ({"subscription": "a\x00"}, ["subscription"]),
        ({"scope": Scope(models=("a", "llama-*"))}, ["scope.models[1]"]),
        ({"scope": Scope(agents=("a\n",))}, ["scope.agents[0]"]),
        ({"limits": (LimitDraft("requests", 5, "soon"),)}, ["limits[0].window"]),
        ({"allowed_ips": ("10.0.0.1/8",)}, ["allowed_ips[0]"]),
        (
            {"name": "", "subscription": "gold", "expires_in": "x", "allowed_ips": ("x",)},
            ["name", "expires_in", "subscription", "allowed_ips[0]"],
        ),
    ],
)
def test_all_that_is_wrong_is_named_by_its_fields(key, ground, wrong_fields, said, fields):
    assert wrong_fields(with_details, key(), Details(**said), ground()) == fields


@pytest.mark.parametrize("name", ["n", "n" * 128, "Büro-Laptop Nº 2", "鍵", "👩‍💻 key", " padded "])
def test_names_of_any_script_are_kept_as_they_are(key, ground, name):
    assert with_details(key(), Details(name=name), ground()).name == name


def test_a_subscription_that_the_owner_has_not_is_refused_with_those_they_have(key, ground):
    with pytest.raises(InvalidArgumentError, match="those are premium, free"):
        with_details(key(), Details(subscription="gold"), ground())
    with pytest.raises(InvalidArgumentError, match="they have none"):
        with_details(key(), Details(subscription="gold"), ground(tiers=()))


def test_a_playground_key_keeps_its_limits_and_costs_nothing(key, ground, wrong_fields):
    said = Details(limits=(LimitDraft("requests", 5, "1m"),), budget=BudgetPatch(5))
    assert wrong_fields(with_details, key(kind=KeyKind.PLAYGROUND), said, ground()) == ["limits", "budget"]


@pytest.mark.parametrize(
    "draft",
    [
        LimitDraft("requests", 60, "1m", per="user"),
        LimitDraft("requests", 5, "1m", per="user"),
        LimitDraft("requests", 600, "1m", id="more", per="user"),
        LimitDraft("total_tokens", 600, "1m"),
    ],
)
def test_who_is_no_administrator_tightens_a_limit_of_the_tenant(key, ground, draft):
    assert with_details(key(), Details(limits=(draft,)), ground(tenant_limits=(DEFAULT,))).limits[0].amount == draft.amount


@pytest.mark.parametrize(
    "draft",
    [
        LimitDraft("requests", 61, "1m", per="user"),
        LimitDraft("requests", 5, "1m", per="key"),
        LimitDraft("requests", 5, "1m"),
        LimitDraft("requests", 5, "1m", per="user", over="shadow"),
        LimitDraft("requests", 5, "1m", per="user", over="soft 20"),
        LimitDraft("requests", 5, "1s", per="user", id="requests-1m"),
        LimitDraft("total_tokens", 5, "1m", per="user", id="requests-1m"),
    ],
)
def test_and_loosens_none(key, ground, wrong_fields, draft):
    said = Details(limits=(LimitDraft("cost", 5, "1m"), draft))
    assert wrong_fields(with_details, key(), said, ground(tenant_limits=(DEFAULT,))) == ["limits[1]"]
    assert with_details(key(), said, ground(tenant_limits=(DEFAULT,), is_admin=True)).limits[1].amount == draft.amount


def test_a_limit_that_is_soft_for_the_tenant_may_be_as_soft(key, ground):
    soft = Limit.parse(id="requests-1m", metric="requests", amount=60, window="1m", over="soft 20")
    said = Details(limits=(LimitDraft("requests", 5, "1m", per="user", over="soft 20"),))
    assert with_details(key(), said, ground(tenant_limits=(soft,))).limits[0].over == soft.over
