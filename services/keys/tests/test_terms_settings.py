"""Settings of what keys are made by."""

from __future__ import annotations

import pytest
from maas_keys.core.approval import Approval
from maas_keys.core.lifetime import Lifetime, Lifetimes
from maas_keys.settings import KeysSettings
from pydantic import ValidationError


@pytest.fixture
def terms(files):
    return lambda **settings: KeysSettings(**files | settings).terms()


def lifetimes(default, longest):
    return Lifetimes(Lifetime.parse(default), Lifetime.parse(longest))


def test_what_holds_when_nobody_says(terms):
    usual = terms()
    assert (usual.prefix, usual.peppers.current_id) == ("sk-maas-", "p1")
    assert (usual.lifetimes, usual.ephemeral, usual.grace) == (lifetimes("90d", "90d"), lifetimes("1h", "1h"), lifetimes("24h", "7d"))
    assert (usual.approval, usual.groups_max_age_s) == (Approval(), 30 * 86_400)
    assert usual.creation_roles == {"admin", "model-consumer", "team-owner", "team-member"}
    assert [(limit.id, limit.amount, limit.per.text) for limit in usual.playground_limits] == [
        ("playground-requests-1m", 20, "user"),
        ("playground-total-tokens-day", 50_000, "user"),
    ]


def test_what_is_said_holds(terms):
    said = terms(
        approval_budget_usd=0.1,
        approval_expiry="7d",
        rotation_grace="0",
        key_creation_roles=["admin"],
        playground_limits=[{"metric": "concurrency", "amount": 1, "per": "key", "id": "one"}],
    )
    assert said.approval == Approval(100_000, Lifetime.parse("7d"))
    assert (said.grace.default.seconds, said.creation_roles) == (0, {"admin"})
    assert [(limit.id, limit.per.text) for limit in said.playground_limits] == [("one", "key")]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"default_expiry": "soon"}, "like 30d, 12h or 90m"),
        ({"max_expiry": "0"}, "a whole number from 1"),
        ({"ephemeral_expiry": ""}, "like 30d, 12h or 90m"),
        ({"default_expiry": "91d"}, "default_expiry 91d is longer than max_expiry 90d"),
        ({"rotation_grace": "8d"}, "rotation_grace 8d is longer than max_rotation_grace 7d"),
        ({"rotation_grace": "never"}, "like 30d, 12h or 90m"),
        ({"approval_expiry": "never"}, "like 30d, 12h or 90m"),
        ({"approval_budget_usd": -1}, "want dollars from 0"),
        ({"approval_budget_usd": float("nan")}, "want dollars from 0"),
        ({"playground_limits": [{"metric": "miles", "amount": 1, "window": "1m"}]}, r"playground_limits\[0\].metric"),
        ({"playground_limits": [{"metric": "requests", "amount": 1}]}, r"playground_limits\[0\].window"),
        ({"key_creation_roles": ["team-viewer"]}, "key_creation_roles"),
        ({"key_prefix": "-x"}, "key_prefix"),
    ],
)
def test_what_can_not_hold_is_refused(terms, settings, message):
    with pytest.raises(ValidationError, match=message):
        terms(**settings)


def test_a_default_may_be_as_long_as_the_cap(terms):
    assert terms(default_expiry="24h", max_expiry="1d").lifetimes == lifetimes("24h", "1d")
