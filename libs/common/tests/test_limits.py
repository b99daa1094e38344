"""Limits: their parts, what goes together, and the messages that carry them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from maas.common.v1 import limit_pb2
from maas_common.limit_messages import pack_limit, read_limit
from maas_common.limits import HARD, MAX_AMOUNT, MAX_GCRA, PER_USER, SHADOW, Limit, Metric, OverLimit, Per, Scope, default_id
from maas_common.windows import Window

METRICS = "want one of requests, total_tokens, input_tokens, output_tokens, cost, concurrency"
SCOPES = "want one of key, user, team, tier, tenant, model, policy, or several joined by + like user+model"


def parsed(**parts) -> Limit:
    return Limit.parse(**({"id": "it", "metric": "requests", "amount": 10, "window": "1m"} | parts))


@given(st.sets(st.sampled_from(Scope), min_size=1))
def test_scopes_are_written_in_one_order(scopes):
    per = Per(tuple(scope for scope in Scope if scope in scopes))
    assert Per.parse(per.text) == per


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", SCOPES),
        ("planet", SCOPES),
        ("user,model", SCOPES),
        ("user+", SCOPES),
        ("User", SCOPES),
        ("model+user", 'write it as "user+model"'),
        ("user+user", 'write it as "user"'),
        ("x" * 5000, SCOPES),
        ("+".join(["user"] * 1000), 'write it as "user"'),
    ],
)
def test_what_is_no_scope_is_refused_with_what_would_be_right(text, complaint):
    with pytest.raises(ValueError, match=r'^per "') as caught:
        Per.parse(text)
    assert complaint in str(caught.value)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("over", [HARD, SHADOW, *(OverLimit("soft", percent) for percent in range(1, 101))])
def test_what_happens_past_a_limit_is_written_as_it_is_read(over):
    assert OverLimit.parse(over.text) == over


@pytest.mark.parametrize(
    "text", ["", "Hard", "soft", "soft 0", "soft 101", "soft 020", "soft 20%", "soft  20", "soft ٢٠", "shadow 5", "x" * 5000]
)
def test_what_is_no_behaviour_is_refused_with_what_would_be_right(text):
    with pytest.raises(ValueError, match=r'^over "') as caught:
        OverLimit.parse(text)
    assert "want hard, shadow, or soft and the percentage of the amount that is left past it: soft 20" in str(caught.value)
    assert len(str(caught.value)) < 300


def test_what_is_left_out_of_a_limit_has_a_default():
    assert parsed() == Limit("it", Metric.REQUESTS, 10, Window.parse("1m"), PER_USER, HARD, ())
    assert parsed(metric="concurrency", window="") == Limit("it", Metric.CONCURRENCY, 10, Window.parse("-"))


@pytest.mark.parametrize("metric", [metric for metric in Metric if metric is not Metric.CONCURRENCY])
@pytest.mark.parametrize("window", ["1m", "month", "sliding 1m", "sliding-log 1m", "gcra 1m burst 5"])
def test_every_metric_that_is_used_up_goes_with_every_window(metric, window):
    assert parsed(metric=metric, window=window).window.text == window


@pytest.mark.parametrize(
    ("parts", "field", "complaint"),
    [
        ({"metric": "coins"}, "metric", f'"coins": {METRICS}'),
        ({"metric": ""}, "metric", METRICS),
        ({"metric": "x" * 5000}, "metric", METRICS),
        ({"amount": 0}, "amount", f"0: want a whole number from 1 to {MAX_AMOUNT}"),
        ({"amount": -1}, "amount", "-1: want a whole number"),
        ({"amount": MAX_AMOUNT + 1}, "amount", f"to {MAX_AMOUNT}"),
        ({"amount": 10_001, "window": "sliding-log 1m"}, "amount", "a sliding log holds at most 10000; for more use sliding"),
        (
            {"amount": MAX_GCRA // 60_000 + 1, "window": "gcra 1m"},
            "amount",
            "gcra 1m counts exactly up to 75059993789; for more use sliding",
        ),
        ({"window": f"gcra 1m burst {MAX_GCRA // 60_000 + 1}"}, "window", "want a burst of at most 75059993789"),
        ({"window": "1y"}, "window", "want one of: 1m"),
        ({"window": ""}, "window", '"-": only concurrency has none; requests want one, like 1m, month or sliding 1h'),
        ({"metric": "concurrency"}, "window", '"1m": concurrency has none; leave it out, or write "-"'),
        ({"per": "planet"}, "per", "want one of key"),
        ({"over": "soft"}, "over", "want hard"),
        ({"notify": (0,)}, "notify", "0: want percentages from 1 to 100, ascending"),
        ({"notify": (101,)}, "notify", "101: want percentages"),
        ({"notify": (50, 50)}, "notify", "50/50: want percentages"),
        ({"notify": (80, 50)}, "notify", "80/50: want percentages"),
        ({"notify": (50,), "window": "sliding 1m"}, "notify", 'window "sliding 1m" has no end at which it would start anew; want a fixed'),
        ({"notify": (50,), "window": "gcra 1m"}, "notify", 'window "gcra 1m" has no end'),
        ({"notify": (50,), "window": "sliding-log 1m"}, "notify", 'window "sliding-log 1m" has no end'),
        ({"notify": (50,), "window": "-", "metric": "concurrency"}, "notify", 'window "-" has no end'),
    ],
)
def test_a_wrong_limit_is_refused_with_the_part_that_is_wrong_first(parts, field, complaint):
    with pytest.raises(ValueError, match=f"^{field}[ :]") as caught:
        parsed(**parts)
    assert complaint in str(caught.value)
    message = limit_pb2.Limit(id="it", metric="requests", amount=10, window="1m")
    if parts.get("amount", 1) > 0:
        for name, value in parts.items():
            message.ClearField(name)
            message.MergeFrom(limit_pb2.Limit(**{name: value}))
        with pytest.raises(ValueError, match=f"^{field}[ :]") as again:
            read_limit(message)
        assert str(again.value) == str(caught.value)


@pytest.mark.parametrize("amount", [1, 10_000])
def test_a_sliding_log_takes_as_many_as_it_can_keep(amount):
    assert parsed(amount=amount, window="sliding-log 1m").amount == amount


def test_a_gcra_window_takes_as_much_as_can_be_counted_exactly():
    most = MAX_GCRA // 60_000
    assert parsed(amount=most, window=f"gcra 1m burst {most}").amount == most


pers = st.sets(st.sampled_from(Scope), min_size=1).map(lambda scopes: Per(tuple(scope for scope in Scope if scope in scopes)))
overs = st.one_of(st.just(HARD), st.just(SHADOW), st.builds(OverLimit, st.just("soft"), st.integers(1, 100)))
used_up = st.sampled_from([metric for metric in Metric if metric is not Metric.CONCURRENCY])
percentages = st.sets(st.integers(1, 100), max_size=10).map(lambda each: tuple(sorted(each)))
budgets = st.builds(
    Limit,
    st.just("it"),
    used_up,
    st.integers(1, MAX_AMOUNT),
    st.sampled_from(["1m", "day", "month from 31 in Asia/Tokyo"]).map(Window.parse),
    pers,
    overs,
    percentages,
)
rates = st.builds(
    Limit,
    st.just("it"),
    used_up,
    st.integers(1, 10_000),
    st.sampled_from(["sliding 1m", "sliding-log 1m", "gcra 1m burst 7"]).map(Window.parse),
    pers,
    overs,
)
held = st.builds(Limit, st.just("it"), st.just(Metric.CONCURRENCY), st.integers(1, MAX_AMOUNT), st.just(Window.parse("-")), pers, overs)


@given(st.one_of(budgets, rates, held))
def test_a_limit_is_the_same_after_a_message(limit):
    assert read_limit(limit_pb2.Limit.FromString(pack_limit(limit).SerializeToString())) == limit


def test_what_a_message_leaves_out_has_a_default():
    assert read_limit(limit_pb2.Limit(id="it", metric="concurrency", amount=3)) == Limit(
        "it", Metric.CONCURRENCY, 3, Window.parse("-"), PER_USER, HARD
    )


@pytest.mark.parametrize(
    ("metric", "window", "limit_id"),
    [
        ("requests", "1m", "requests-1m"),
        ("cost", "month", "cost-month"),
        ("concurrency", "", "concurrency"),
        ("concurrency", "-", "concurrency"),
        ("total_tokens", "sliding 1m", "total-tokens-sliding-1m"),
        ("requests", "sliding-log 30s", "requests-sliding-log-30s"),
        ("requests", "gcra 1m", "requests-gcra-1m"),
        ("requests", "gcra 1m burst 20", "requests-gcra-1m"),
        ("cost", "week from sunday in America/New_York", "cost-week-from-sunday-in-america-new-york"),
        ("cost", "day in Etc/GMT+5", "cost-day-in-etc-gmt-5"),
        (
            "output_tokens",
            "week from wednesday in America/Argentina/ComodRivadavia",
            "output-tokens-week-from-wednesday-in-america-argentina-comodriv",
        ),
        (
            "output_tokens",
            "week from thursday in America/Argentina/Rio_Gallegos",
            "output-tokens-week-from-thursday-in-america-argentina-rio-galle",
        ),
    ],
)
def test_default_ids_are_made_of_what_an_id_may_have(metric, window, limit_id):
    assert default_id(metric, window) == limit_id
    assert re.fullmatch("[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", limit_id)
