"""Counters as administrators see them: listed page by page, and reset."""

from __future__ import annotations

import pytest
from maas_ratelimit.core.counting import CounterFilter, CounterInfo, Settled

from services.ratelimit.tests.contract.callers import HOUR, MINUTE

PLAN = "1;r:requests:3:1m:user;t:total_tokens:1000:1h:user"
WINDOWS = ["1m", "day", "sliding 1m", "sliding-log 1m", "gcra 1m"]


@pytest.fixture
def listed(counting, clock):
    """Pages through all that match."""

    def listed(page_size: int = 1000, **which: str) -> list[CounterInfo]:
        found, token = [], ""
        while True:
            page, token = counting.admin.list_counters(CounterFilter(**which), page_size=page_size, page_token=token, now=clock.now())
            assert len(page) <= page_size
            found += page
            if not token:
                return found

    return listed


@pytest.fixture
def reset(counting, clock):
    return lambda **which: counting.admin.reset_counters(CounterFilter(**which), now=clock.now())


def test_live_counters_are_listed_with_what_is_used_and_reserved(ann, listed):
    caller = ann(PLAN)
    caller.admit(1, tokens=100)
    caller.admit(2, tokens=200)
    caller.settle(1, tokens=70)
    assert sorted(listed()) == [
        CounterInfo("r:requests:1m:user", "default", "ann", 2, 0, MINUTE),
        CounterInfo("t:total_tokens:1h:user", "default", "ann", 70, 200, HOUR),
    ]


def test_at_first_there_are_none(ann, listed):
    ann(PLAN).states()
    assert listed() == []


@pytest.mark.parametrize("window", [*WINDOWS, "-"])
def test_counters_of_every_kind_of_window_are_listed(ann, listed, window):
    metric = "concurrency" if window == "-" else "total_tokens"
    caller = ann(f"1;x:{metric}:1000:{window}:user")
    caller.admit(1, tokens=100)
    (found,) = listed()
    assert (found.counter, found.tenant, found.subject) == (caller.plan.limits[0].counter, "default", "ann")
    assert (found.used, found.reserved) == caller.used()[0]


def test_the_second_counter_of_a_soft_limit_is_listed_by_its_own_name(ann, listed):
    ann("1;r:requests:2:1m:user:soft 50").admitted(range(9))
    found = sorted((each.counter, each.used) for each in listed())
    assert found == [("r:requests:1m:user", 2), ("r:requests:1m:user~", 1)]


@pytest.mark.parametrize("page_size", [1, 2, 3, 7, 100])
def test_pages_together_have_every_counter_once(ann, listed, page_size):
    for number in range(10):
        ann(PLAN, user=f"user{number}").admit(number)
    found = listed(page_size)
    assert len(found) == len({(each.counter, each.subject) for each in found}) == 20
    assert sorted(found) == sorted(listed())


def test_pages_go_on_after_a_subject_of_any_characters(ann, listed):
    users = ["a", "b", "b\x1eb", "b\x1fb", "b|b:b+b", "b\nb", "b\x00b", "ü\U0001f600"]
    for number, user in enumerate(users):
        ann(PLAN, user=user).admit(number)
    assert sorted(each.subject for each in listed(1)) == sorted(users * 2)


@pytest.mark.parametrize("subject", ["ann+small", "ann\x1fsmall"])
def test_a_subject_of_several_scopes_is_found_as_it_is_shown(ann, listed, reset, subject):
    ann("1;r:requests:3:1h:user+model;t:total_tokens:1000:1h:user").admit(1)
    ann("1;r:requests:3:1h:user+model", model="large").admit(2)
    (found,) = listed(subject=subject)
    assert (found.subject, found.used) == ("ann\x1fsmall", 1)
    assert reset(subject=subject) == 1
    assert not any(each.used for each in listed(subject=subject))


@pytest.mark.parametrize(
    ("which", "how_many"),
    [
        ({}, 12),
        ({"limit_id": "r"}, 4),
        ({"subject": "ann"}, 6),
        ({"tenant": "acme"}, 6),
        ({"tenant": "acme", "subject": "ann", "limit_id": "t"}, 1),
        ({"subject": "an"}, 0),
        ({"limit_id": "requests"}, 0),
        ({"tenant": "default", "subject": "nobody"}, 0),
    ],
)
def test_counters_are_found_by_tenant_limit_and_subject(ann, listed, reset, which, how_many):
    number = 0
    for tenant in ("default", "acme"):
        for user in ("ann", "ben"):
            number += 1
            ann("1;r:requests:3:1m:user;t:total_tokens:1000:1h:user;u:total_tokens:1000:day:user", user=user, tenant=tenant).admit(number)
    assert len(listed(**which)) == how_many
    before = sum(each.used for each in listed())
    requests = sum(each.used for each in listed(**which))
    assert reset(**which) == how_many
    assert sum(each.used for each in listed()) == before - requests


def test_counters_of_a_window_that_has_ended_are_not_listed(ann, listed, clock, counting):
    ann(PLAN).admit(1)
    clock.time = MINUTE
    counting.sweep()
    assert [each.counter for each in listed()] == ["t:total_tokens:1h:user"]
    clock.time = HOUR
    counting.sweep()
    assert listed() == []


@pytest.mark.parametrize("window", WINDOWS)
def test_a_reset_forgets_what_was_used_and_keeps_what_is_reserved(ann, reset, window):
    caller = ann(f"1;r:requests:3:{window}:user;t:total_tokens:1000:{window}:user")
    caller.admitted([1, 2, 3], tokens=300)
    caller.settle(1, tokens=100)
    assert reset() == 2
    assert caller.used() == [(0, 0), (0, 0) if window == "gcra 1m" else (0, 600)]
    assert caller.left() == [3, 1000] if window == "gcra 1m" else [3, 400]
    assert caller.admit(4, tokens=300).refusing == ()


def test_a_reset_keeps_what_is_held(ann, reset):
    caller = ann("1;c:concurrency:1:-:user")
    caller.admit(1)
    reset()
    assert caller.admit(2).refusing == (0,)
    caller.settle(1)
    assert caller.admit(2).refusing == ()


@pytest.mark.parametrize("window", WINDOWS)
def test_what_was_reserved_before_a_reset_settles_after_it(ann, reset, window):
    caller = ann(f"1;r:requests:3:{window}:user;t:total_tokens:1000:{window}:user")
    caller.admit(1, tokens=300)
    reset()
    assert caller.settle(1, tokens=200) is Settled.REPLACED
    assert caller.used() == [(0, 0), (0, 0) if window == "gcra 1m" else (200, 0)]


@pytest.mark.parametrize("window", WINDOWS)
def test_undoing_after_a_reset_gives_nothing_back_that_was_not_taken_since(ann, reset, window):
    caller = ann(f"1;r:requests:3:{window}:user;t:total_tokens:1000:{window}:user")
    caller.admit(1, tokens=300)
    reset()
    assert caller.undo(1) is Settled.REPLACED
    assert caller.used() == [(0, 0), (0, 0)]
    assert caller.left() == [3, 1000]
    assert caller.admitted(range(2, 12), tokens=1) == 3


def test_a_reset_of_a_sliding_window_forgets_the_older_bucket_too(ann, reset, clock):
    caller = ann("1;r:requests:3:sliding 1m:user")
    caller.admitted(range(3))
    clock.time = MINUTE
    assert caller.admit(4).refusing == (0,)
    reset()
    assert caller.left() == [3]


def test_a_reset_of_one_limit_leaves_the_others_alone(ann, reset):
    caller = ann(PLAN)
    caller.settle(1, tokens=100)
    assert reset(limit_id="t") == 1
    assert caller.used() == [(1, 0), (0, 0)]


def test_a_reset_forgets_both_counters_of_a_soft_limit(ann, reset):
    caller = ann("1;r:requests:2:1m:user:soft 50")
    assert caller.admitted(range(9)) == 3
    assert reset(limit_id="r") == 2
    assert caller.admitted(range(10, 19)) == 3


def test_a_reset_leaves_what_has_ended_ended(ann, reset):
    caller = ann(PLAN)
    caller.settle(1, tokens=100)
    reset()
    assert caller.settle(1, tokens=100) is Settled.REPEATED
    assert caller.used() == [(0, 0), (0, 0)]


def test_a_reset_of_nothing_is_none(reset):
    assert reset() == 0
