"""Plans: parsed once, with everything worked out that each request needs."""

from __future__ import annotations

import json

import pytest
from maas_common.plan import PlanError
from maas_ratelimit.core.plans import Plan, Plans

TWO = "1;tier/free/requests-1m:requests:10:1m:user;tier/free/tokens-1h:total_tokens:2000:1h:user"


def test_a_plan_is_parsed_once():
    plans = Plans()
    assert plans.get(TWO) is plans.get(TWO)


def test_the_oldest_plan_is_forgotten_when_there_are_too_many():
    plans = Plans(at_most=2)
    first, second = plans.get("1;a:requests:1:1m:user"), plans.get("1;b:requests:1:1m:user")
    plans.get("1;c:requests:1:1m:user")
    assert plans.get("1;b:requests:1:1m:user") is second
    assert plans.get("1;a:requests:1:1m:user") is not first


def test_what_is_no_plan_is_refused_and_not_remembered():
    plans = Plans()
    for _ in range(2):
        with pytest.raises(PlanError, match="version"):
            plans.get("2;a:requests:1:1m:user")


def test_limits_keep_their_places_by_kind():
    plan = Plan.parse(TWO)
    assert (plan.requests, plan.tokens) == ((0,), (1,))


def test_a_plan_without_limits_is_a_plan():
    assert Plan.parse("1").limits == ()


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("a:requests:10:1m:user", "a:requests:99:1m:user", True),  # raising a limit keeps what was used
        ("a:requests:10:60s:user", "a:requests:10:1m:user", True),  # the same window, written in another way
        ("a:requests:10:1m:user", "b:requests:10:1m:user", False),
        ("a:requests:10:1m:user", "a:requests:10:1h:user", False),
        ("a:requests:10:1m:user", "a:total_tokens:10:1m:user", False),
    ],
)
def test_counters_are_the_same_for_the_same_id_metric_and_window(one, other, is_same):
    first, second = (Plan.parse(f"1;{limit}").limits[0].counter for limit in (one, other))
    assert (first == second) is is_same


@pytest.mark.parametrize(
    ("limit", "kind", "message"),
    [
        (
            "a:requests:10:1m:user",
            "rate_limit_error",
            "Rate limit exceeded. You have exceeded the maximum number of requests per minute for your tier.",
        ),
        (
            "a:requests:10:30s:user",
            "rate_limit_error",
            "Rate limit exceeded. You have exceeded the maximum number of requests per 30 seconds for your tier.",
        ),
        (
            "a:total_tokens:10:1m:user",
            "quota_error",
            "Token quota exceeded. You have consumed the maximum number of tokens allowed per minute for your tier.",
        ),
        (
            "a:total_tokens:10:1d:user",
            "quota_error",
            "Token quota exceeded. You have consumed the maximum number of tokens allowed per day for your tier.",
        ),
    ],
)
def test_a_refusal_names_what_was_exceeded_and_the_window(limit, kind, message):
    told = json.loads(Plan.parse(f"1;{limit}").limits[0].refusal)
    assert told == {"error": {"message": message, "type": kind, "code": 429}}
