"""The plan string: what is written is read back, what is not of the grammar is refused with the reason."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from maas_common.limits import HARD, MAX_AMOUNT, SHADOW, Limit, Metric, OverLimit, Per, Scope
from maas_common.plan import PlanError, format_plan, parse_plan
from maas_common.windows import Window

ids = st.text("abcz019._/-", min_size=1, max_size=128)
durations = st.builds("{}{}".format, st.integers(1, 300), st.sampled_from("smhd"))
calendars = st.sampled_from(["day", "week from sunday", "month in Europe/Berlin", "month from 31", "day in Etc/GMT+5"])
used_up = st.sampled_from([metric for metric in Metric if metric is not Metric.CONCURRENCY])
pers = st.sets(st.sampled_from(Scope), min_size=1).map(lambda scopes: Per(tuple(scope for scope in Scope if scope in scopes)))
overs = st.one_of(st.just(HARD), st.just(SHADOW), st.builds(OverLimit, st.just("soft"), st.integers(1, 100)))
percentages = st.sets(st.integers(1, 100), max_size=5).map(lambda each: tuple(sorted(each)))
budgets = st.builds(
    Limit, ids, used_up, st.integers(1, MAX_AMOUNT), st.one_of(durations, calendars).map(Window.parse), pers, overs, percentages
)
rates = st.builds(
    Limit,
    ids,
    used_up,
    st.integers(1, 10_000),
    st.builds("{} {}".format, st.sampled_from(["sliding", "sliding-log", "gcra"]), durations).map(Window.parse),
    pers,
    overs,
)
held = st.builds(Limit, ids, st.just(Metric.CONCURRENCY), st.integers(1, MAX_AMOUNT), st.just(Window.parse("-")), pers, overs)
plans = st.lists(st.one_of(budgets, rates, held), max_size=8, unique_by=lambda limit: limit.id)


@given(plans, st.booleans())
def test_a_plan_reads_back_to_its_limits_whatever_their_order(wanted, is_strict):
    text = format_plan(wanted, is_strict=is_strict)
    assert parse_plan(text) == (tuple(sorted(wanted, key=lambda limit: limit.id)), is_strict)
    assert format_plan(reversed(wanted), is_strict=is_strict) == text


def test_a_plan_without_limits_is_its_version():
    assert (format_plan([]), parse_plan("1")) == ("1", ((), False))
    assert (format_plan([], is_strict=True), parse_plan("1 strict")) == ("1 strict", ((), True))


def test_a_plan_is_written_as_short_as_it_can_be():
    limits = [
        Limit.parse(id="tier/free/requests-1m", metric="requests", amount=10, window="1m"),
        Limit.parse(id="b", metric="cost", amount=50_000_000, window="month in Europe/Berlin", per="team", notify=(50, 80, 100)),
        Limit.parse(id="c", metric="concurrency", amount=4, per="key", over="shadow"),
        Limit.parse(id="a", metric="total_tokens", amount=9, window="gcra 1m burst 20", per="user+model", over="soft 20"),
    ]
    assert format_plan(limits, is_strict=True) == (
        "1 strict"
        ";a:total_tokens:9:gcra 1m burst 20:user+model:soft 20"
        ";b:cost:50000000:month in Europe/Berlin:team:hard:50/80/100"
        ";c:concurrency:4:-:key:shadow"
        ";tier/free/requests-1m:requests:10:1m:user"
    )


def test_limits_are_read_in_the_order_they_are_written_in():
    assert [limit.id for limit in parse_plan("1;b:requests:1:1m:user;a:requests:1:1m:user").limits] == ["b", "a"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", 'plan version "" is not known; this reads version "1" and "1 strict"'),
        ("2;a:requests:1:1m:user", 'plan version "2" is not known'),
        ("1 lax", 'plan version "1 lax" is not known'),
        ("1  strict", "is not known"),
        ("strict", "is not known"),
        ("1;", 'limit "": want id:metric:amount:window:per[:over[:notify]]'),
        ("1;a:requests:1:1m", 'limit "a:requests:1:1m": want id:metric:amount:window:per'),
        ("1;a:requests:1:1m:user:hard:50:x", "want id:metric:amount:window:per"),
        ("1;A:requests:1:1m:user", 'limit id "A": want 1 to 128 of a-z 0-9 . _ - /'),
        ("1;:requests:1:1m:user", 'limit id "": want 1 to 128 of'),
        (f"1;{'a' * 129}:requests:1:1m:user", "want 1 to 128 of"),
        ("1;a:requests:1:1m:user;a:requests:2:1h:user", 'limit id "a" is there twice'),
        ("1;a:requests:0:1m:user", f'limit "a": amount "0" is not a whole number from 1 to {MAX_AMOUNT}'),
        ("1;a:requests:01:1m:user", 'amount "01"'),
        ("1;a:requests:1e3:1m:user", 'amount "1e3"'),
        ("1;a:requests:٣:1m:user", 'amount "٣"'),
        ("1;a:requests:9000000000000001:1m:user", 'amount "9000000000000001"'),
        ("1;a:requests::1m:user", 'amount ""'),
        ("1;a:coins:1:1m:user", 'limit "a": metric "coins": want one of requests, total_tokens'),
        ("1;a:requests:1:1y:user", 'limit "a": window "1y": want one of: 1m'),
        ("1;a:requests:1:367d:user", "longer than 366 days"),
        ("1;a:requests:1::user", 'window "-": only concurrency has none'),
        ("1;a:concurrency:1:1m:user", 'window "1m": concurrency has none'),
        ("1;a:concurrency:1::user", 'limit "a": write it as a:concurrency:1:-:user'),
        ("1;a:requests:10001:sliding-log 1m:user", "a sliding log holds at most 10000"),
        ("1;a:requests:1:1m:planet", 'limit "a": per "planet": want one of key, user'),
        ("1;a:requests:1:1m:model+user", 'per "model+user": write it as "user+model"'),
        ("1;a:requests:1:1m:", 'limit "a": write it as a:requests:1:1m:user'),
        ("1;a:requests:1:1m:user:", 'limit "a": write it as a:requests:1:1m:user'),
        ("1;a:requests:1:1m:user:hard", 'limit "a": write it as a:requests:1:1m:user'),
        ("1;a:requests:1:1m:user:hard:", 'limit "a": write it as a:requests:1:1m:user'),
        ("1;a:requests:1:1m:user:shadow:", 'limit "a": write it as a:requests:1:1m:user:shadow'),
        ("1;a:requests:1:1m:user::50", 'limit "a": write it as a:requests:1:1m:user:hard:50'),
        ("1;a:requests:1:1m:user:soft", 'limit "a": over "soft": want hard, shadow, or soft'),
        ("1;a:requests:1:1m:user:hard:50,80", 'limit "a": notify "50,80": want percentages joined by /, like 50/80/100'),
        ("1;a:requests:1:1m:user:hard:050", 'notify "050": want percentages joined by /'),
        ("1;a:requests:1:1m:user:hard:80/50", 'limit "a": notify 80/50: want percentages from 1 to 100, ascending'),
        ("1;a:requests:1:1m:user:hard:101", "notify 101: want percentages from 1 to 100"),
        ("1;a:requests:1:sliding 1m:user:hard:50", 'notify: window "sliding 1m" has no end'),
    ],
)
def test_what_is_no_plan_is_refused_with_the_reason(text, complaint):
    with pytest.raises(PlanError) as caught:
        parse_plan(text)
    assert complaint in str(caught.value)


def test_complaints_about_long_plans_are_short():
    for text in ("x" * 9000, f"1;{'a' * 9000}", f"1;{'a' * 9000}:requests:1:1m:user", f"1;a:{'x' * 9000}:1:1m:user"):
        with pytest.raises(PlanError) as caught:
            parse_plan(text)
        assert len(str(caught.value)) < 400


def test_what_could_not_be_read_back_is_not_written():
    limit = Limit.parse(id="Gold", metric="requests", amount=1, window="1m")
    with pytest.raises(PlanError, match='limit id "Gold"'):
        format_plan([limit])
    with pytest.raises(PlanError, match='limit id "a" is there twice'):
        format_plan([Limit.parse(id="a", metric="requests", amount=1, window=window) for window in ("1m", "1h")])


written = plans.map(format_plan)


@given(
    st.one_of(
        st.text("1;:/.a9mreqstunoal_- ", max_size=60),
        st.tuples(written, st.integers(0, 300), st.text(max_size=2)).map(
            lambda each: each[0][: each[1]] + each[2] + each[0][each[1] + len(each[2]) :]
        ),
    )
)
def test_only_what_would_be_written_is_read(text):
    with suppress(PlanError):
        limits, is_strict = parse_plan(text)
        assert sorted(text.split(";")[1:]) == sorted(format_plan(limits).split(";")[1:])
        assert text.split(";")[0] == ("1 strict" if is_strict else "1")
