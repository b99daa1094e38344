"""Plans: parsed once, with everything worked out that each request needs."""

from __future__ import annotations

import json

import pytest
from maas_common.limits import Per
from maas_common.plan import PlanError
from maas_ratelimit.core.plans import CounterName, Plan, Plans, subject_parts
from maas_ratelimit.core.refusals import too_large_body

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
        ("a:requests:10:gcra 1m burst 5:user", "a:requests:10:gcra 60s burst 9:user", True),  # a burst is an amount too
        ("a:requests:10:60s:user", "a:requests:10:1m:user", False),  # a window goes by its text
        ("a:requests:10:1m:user", "a:requests:10:1m:key", False),
        ("a:requests:10:1m:user:soft 50", "a:requests:10:1m:user", True),
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


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        ("a:cost:4:total:key", "Budget exceeded. You have spent the maximum amount allowed in total for your API key."),
        ("a:concurrency:4:-:key", "Rate limit exceeded. You have reached the maximum number of concurrent requests for your API key."),
        (
            "a:input_tokens:4:month:team",
            "Token quota exceeded. You have consumed the maximum number of input tokens allowed per month for your team.",
        ),
        ("a:cost:4:1d:tenant", "Budget exceeded. You have spent the maximum amount allowed per day for all of your organization together."),
        (
            "a:requests:4:1d:user+model",
            "Rate limit exceeded. You have exceeded the maximum number of requests per day for your tier for this model.",
        ),
        ("key/a:cost:4:1d:user", "Budget exceeded. You have spent the maximum amount allowed per day for your API key."),
        ("team/a:cost:4:1d:user", "Budget exceeded. You have spent the maximum amount allowed per day for each member of your team."),
        (
            "tenant/a:cost:4:1d:user",
            "Budget exceeded. You have spent the maximum amount allowed per day for each person in your organization.",
        ),
        ("tenant/a:cost:4:1d:team", "Budget exceeded. You have spent the maximum amount allowed per day for your team."),
    ],
)
def test_a_refusal_names_whose_limit_it_is(limit, said):
    assert json.loads(Plan.parse(f"1;{limit}").limits[0].refusal)["error"]["message"] == said


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        ("a:total_tokens:40:1m:user", "it needs at least 41 tokens, and your limit is 40 per minute."),
        ("a:total_tokens:40:total:user", "it needs at least 41 tokens, and your limit is 40 in total."),
        ("a:cost:40:1m:user", "it needs at least 41 micro-dollars, and your limit is 40 per minute."),
    ],
)
def test_a_request_that_is_too_large_is_told_so(limit, said):
    told = json.loads(too_large_body(Plan.parse(f"1 strict;{limit}").limits[0].limit, 41))
    assert told == {"error": {"message": f"The request is too large: {said}", "type": "invalid_request_error", "code": 400}}


@pytest.mark.parametrize(
    "limit",
    ["a:requests:10:1m:user", "b/c:cost:10:month from 15 in Europe/Berlin:user+model:soft 50", "a:total_tokens:10:gcra 1h burst 5:key"],
)
def test_a_counters_name_is_read_as_it_was_written(limit):
    planned = Plan.parse(f"1;{limit}").limits[0]
    for each in filter(None, (planned, planned.second)):
        name = CounterName.parse(each.counter)
        assert name.text == each.counter
        assert (name.limit_id, name.metric, name.per) == (planned.limit.id, planned.metric, planned.limit.per)
        assert name.is_second is (each is planned.second)


def test_a_soft_limit_has_a_second_counter_of_its_share():
    planned = Plan.parse("1;a:requests:10:1m:user:soft 25:50/100").limits[0]
    assert planned.second is not None
    assert (planned.second.amount, planned.second.capacity, planned.second.thresholds) == (2, 2, ())
    assert planned.thresholds == ((50, 5), (100, 10))
    least = Plan.parse("1;a:requests:1:1m:user:soft 1").limits[0].second
    assert least is not None
    assert least.amount == 1


@pytest.mark.parametrize(
    ("per", "subject", "parts"),
    [("user", "ann", {"user": "ann"}), ("user+model", "ann\x1fsmall", {"user": "ann", "model": "small"})],
)
def test_a_subject_is_told_apart_again(per, subject, parts):
    assert subject_parts(Per.parse(per), subject) == parts
