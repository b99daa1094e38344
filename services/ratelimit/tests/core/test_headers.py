"""Rate limit headers."""

from __future__ import annotations

import pytest
from maas_common.windows import FOREVER
from maas_ratelimit.core.counting import Admission
from maas_ratelimit.core.headers import HeaderWriter, tightest
from maas_ratelimit.core.plans import Plan

NOW = 1_800_000_030.25
MINUTE, DAY = 1_800_000_060, 1_800_057_600
FOUR = Plan.parse(
    "1;tier/free/requests-1d:requests:500:1d:user;tier/free/requests-1m:requests:10:1m:user"
    ";tier/free/tokens-1d:total_tokens:100000:1d:user;tier/free/tokens-1m:total_tokens:2000:1m:user"
)
ENDS = (DAY, MINUTE, DAY, MINUTE)


def writer(sets) -> HeaderWriter:
    return HeaderWriter(sets, lambda name, value: f"{name}: {value}\n".encode())


def read(headers: bytes) -> dict[str, str]:
    return dict(line.split(": ", 1) for line in headers.decode().splitlines())


def admitted(plan, left, ends=ENDS, sets=("x-ratelimit", "openai"), now=NOW) -> dict[str, str]:
    admission = Admission((), left, ends, (1,) * len(left), now)
    return read(writer(sets).admitted(plan, admission, tightest(plan.requests, admission)))


def refused(refusing, left) -> dict[str, str]:
    return read(writer(("x-ratelimit", "openai")).refused(FOUR, Admission(refusing, left, ENDS, (), NOW, MINUTE)))


def test_an_admitted_request_sees_the_tightest_limit_of_each_kind():
    assert admitted(FOUR, (400, 9, 90_000, 1_500)) == {
        "x-ratelimit-limit": "10",
        "x-ratelimit-remaining": "9",
        "x-ratelimit-reset": str(MINUTE),
        "x-ratelimit-limit-requests": "10",
        "x-ratelimit-remaining-requests": "9",
        "x-ratelimit-reset-requests": "30s",
        "x-ratelimit-limit-tokens": "2000",
        "x-ratelimit-remaining-tokens": "1500",
        "x-ratelimit-reset-tokens": "30s",
    }


def test_of_limits_with_as_little_left_the_one_that_ends_last_is_shown():
    headers = admitted(FOUR, (0, 0, 5, 5))
    assert headers["x-ratelimit-reset"] == str(DAY)
    assert headers["x-ratelimit-reset-tokens"] == "15h59m30s"


def test_what_was_overdrawn_shows_as_nothing_left():
    assert admitted(FOUR, (1, 1, -300, 2000))["x-ratelimit-remaining-tokens"] == "0"


@pytest.mark.parametrize(
    ("refusing", "left", "shown"),
    [
        pytest.param((1,), (400, 0, 9000, 900), ["10", "0", str(MINUTE)], id="requests"),
        pytest.param((3,), (400, 5, 9000, 40), ["2000", "40", str(MINUTE)], id="tokens, some left"),
        pytest.param((1, 2), (400, 0, 0, 900), ["100000", "0", str(DAY)], id="the one that refuses longest"),
        pytest.param((1, 3), (400, 0, 900, 0), ["10", "0", str(MINUTE)], id="both as long"),
    ],
)
def test_a_refused_request_sees_the_limit_that_refuses_it_longest(refusing, left, shown):
    headers = refused(refusing, left)
    assert [headers[f"x-ratelimit-{name}"] for name in ("limit", "remaining", "reset")] == shown
    assert headers["x-ratelimit-limit-requests"] == ("10" if left[1] < left[0] else "500")


@pytest.mark.parametrize(
    ("now", "retry_at", "retry_after"),
    [
        (0.0, 60.0, "60"),
        (0.001, 60.0, "60"),
        (0.25, 59.75, "60"),
        (0.25, 59.251, "60"),
        (0.25, 59.25, "59"),
        (59.0, 60.0, "1"),
        (59.999, 60.0, "1"),
        (59.999, 59.9995, "1"),
        (59.0, 59.0, "1"),
    ],
)
def test_retry_after_is_rounded_up_and_at_least_a_second(now, retry_at, retry_after):
    plan = Plan.parse("1;a:requests:1:1m:user")
    assert read(writer(()).refused(plan, Admission((0,), (0,), (60,), (), now, retry_at))) == {"retry-after": retry_after}


def test_there_is_no_retry_after_where_nobody_can_know_it():
    plan = Plan.parse("1;a:concurrency:4:-:user")
    headers = writer(["x-ratelimit"]).refused(plan, Admission((0,), (0,), (0,), (), NOW))
    assert read(headers) == {"x-ratelimit-limit": "4", "x-ratelimit-remaining": "0"}


def test_a_limit_that_has_no_reset_shows_none():
    plan = Plan.parse("1;a:concurrency:4:-:user;b:requests:9:1m:user")
    assert admitted(plan, (3, 8), (0, MINUTE), ["ietf"]) == {
        "ratelimit-policy": '"a";q=4;qu="concurrent-requests", "b";q=9;w=60',
        "ratelimit": '"a";r=3, "b";r=8;t=30',
    }


def test_a_reset_that_has_passed_is_now():
    plan = Plan.parse("1;a:requests:9:gcra 1m:user")
    headers = admitted(plan, (9,), (int(NOW) - 1,), ["openai", "ietf"])
    assert headers["x-ratelimit-reset-requests"] == "0s"
    assert headers["ratelimit"] == '"a";r=9;t=0'


@pytest.mark.parametrize(("seconds", "text"), [(1, "1s"), (59, "59s"), (60, "1m0s"), (360, "6m0s"), (3600, "1h0m0s"), (90_061, "25h1m1s")])
def test_openai_durations_are_written_as_openai_does(seconds, text):
    plan = Plan.parse("1;a:requests:1:366d:user")
    assert admitted(plan, (1,), (seconds,), ["openai"], 0.0)["x-ratelimit-reset-requests"] == text


def test_a_plan_with_one_kind_shows_that_kind_only():
    plan = Plan.parse("1;a:total_tokens:5:1m:user")
    assert set(admitted(plan, (5,), (MINUTE,))) == {f"x-ratelimit-{name}-tokens" for name in ("limit", "remaining", "reset")}


def test_nobody_is_told_of_shadow_limits():
    plan = Plan.parse("1;a:requests:1:1m:user:shadow;b:requests:9:1m:user;c:total_tokens:1:1m:user:shadow")
    assert admitted(plan, (0, 8, 0), (MINUTE,) * 3, ["x-ratelimit", "openai", "ietf"]) == {
        "x-ratelimit-limit": "9",
        "x-ratelimit-remaining": "8",
        "x-ratelimit-reset": str(MINUTE),
        "x-ratelimit-limit-requests": "9",
        "x-ratelimit-remaining-requests": "8",
        "x-ratelimit-reset-requests": "30s",
        "ratelimit-policy": '"b";q=9;w=60',
        "ratelimit": '"b";r=8;t=30',
    }


def test_the_ietf_set_shows_every_limit():
    assert admitted(FOUR, (400, 9, 90_000, -1), sets=["ietf"]) == {
        "ratelimit-policy": '"tier/free/requests-1d";q=500;w=86400, "tier/free/requests-1m";q=10;w=60, '
        '"tier/free/tokens-1d";q=100000;qu="tokens";w=86400, "tier/free/tokens-1m";q=2000;qu="tokens";w=60',
        "ratelimit": '"tier/free/requests-1d";r=400;t=57570, "tier/free/requests-1m";r=9;t=30, '
        '"tier/free/tokens-1d";r=90000;t=57570, "tier/free/tokens-1m";r=0;t=30',
    }


@pytest.mark.parametrize(
    ("sets", "names"),
    [
        (["x-ratelimit"], {"x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"}),
        (["openai"], {f"x-ratelimit-{name}-{kind}" for name in ("limit", "remaining", "reset") for kind in ("requests", "tokens")}),
        (["ietf"], {"ratelimit", "ratelimit-policy"}),
        ([], set()),
    ],
)
def test_only_the_chosen_sets_are_written_and_none_for_a_plan_without_limits(sets, names):
    assert set(admitted(FOUR, (1, 1, 1, 1), sets=sets)) == names
    assert admitted(Plan.parse("1"), (), (), sets) == {}


def test_what_is_remembered_is_told_for_the_same_limit_and_time_alone():
    two = writer(["x-ratelimit", "openai"])
    plan = Plan.parse("1;a:requests:5:1m:user;b:total_tokens:5:1m:user")
    raised = Plan.parse("1;a:requests:7:1m:user;b:total_tokens:9:1m:user")
    for asked in (plan, raised, plan):
        for left, ends, now in (((1, 2), (120, 180), 60.0), ((2, 1), (180, 120), 60.0), ((1, 2), (120, 180), 61.0)):
            admission = Admission((), left, ends, (1, 1), now)
            assert two.admitted(asked, admission, 0) == writer(["x-ratelimit", "openai"]).admitted(asked, admission, 0)


def test_what_waiting_does_not_give_back_has_no_time_to_wait_for():
    total = Plan.parse("1;key/r:requests:10:total:key;key/t:total_tokens:500:total:key")
    writes = writer(("x-ratelimit", "openai", "ietf"))
    headers = read(writes.refused(total, Admission((0,), (0, 5), (FOREVER, FOREVER), (), NOW, FOREVER)))
    assert not {name for name in headers if "reset" in name or name == "retry-after"}
    assert headers["ratelimit-policy"] == '"key/r";q=10, "key/t";q=500;qu="tokens"'
    assert headers["ratelimit"] == '"key/r";r=0, "key/t";r=5'
