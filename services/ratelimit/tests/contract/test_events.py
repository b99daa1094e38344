"""What an outbox is told, in the same step in which counters change."""

from __future__ import annotations

import pytest
from maas_ratelimit.core.events import BudgetPassed, Usage
from maas_ratelimit.core.plans import Plan

from services.ratelimit.tests.contract.callers import ANN, HOUR, MINUTE, NOW, usage_record
from services.ratelimit.tests.contract.stores import RESERVATION_TTL_S

NOW_MS = int(NOW * 1000)
BOTH = "1;r:requests:3:1m:user;t:total_tokens:1000:1h:user"
BUDGET = "1;c:cost:1000:1h:user:hard:50/80/100"


def usage(number: int, outcome: str, admitted_ms: int, ended_ms: int, tokens: int) -> Usage:
    who = ("default", ANN["key"], "ann", "blue", "free", "everybody", "small", "-")
    return Usage(f"{number:032x}", outcome, admitted_ms, ended_ms, *who, tokens, 0, 0, tokens, 0, 0)


def passed(events) -> list[tuple[int, int]]:
    """Percentages and what was used."""
    return [(event.percent, event.used) for event in events if isinstance(event, BudgetPassed)]


@pytest.mark.parametrize("outcome", ["measured", "estimated"])
@pytest.mark.parametrize("plan", [BOTH, "1", "1;c:concurrency:3:-:user", "1;r:requests:3:gcra 1m:user"])
def test_an_admission_that_ended_is_one_event(ann, counting, clock, plan, outcome):
    caller = ann(plan)
    caller.admit(1)
    assert counting.events() == []
    clock.advance(2.5)
    for _ in range(3):
        caller.settle(1, tokens=70, record=usage_record(70), outcome=outcome)
    assert counting.events() == [usage(1, outcome, NOW_MS, NOW_MS + 2500, 70)]


def test_what_was_settled_late_is_one_event_of_an_unknown_beginning(ann, counting):
    caller = ann(BOTH)
    for _ in range(3):
        caller.settle(1, tokens=70, record=usage_record(70))
    assert counting.events() == [usage(1, "measured", 0, NOW_MS, 70)]


def test_what_may_not_be_charged_is_no_event(ann, counting):
    caller = ann(BOTH)
    caller.settle(1, tokens=70, record=usage_record(70), may_charge=False)
    caller.settle_as_nobody(2)
    assert counting.events() == []


def test_a_settlement_without_a_record_is_no_event(ann, counting):
    caller = ann(BOTH)
    caller.admit(1, record=usage_record(0))
    caller.settle(1, tokens=70)
    caller.settle(2, tokens=70)
    assert counting.events() == []


def test_refused_undone_and_repeated_admissions_are_no_events(ann, counting):
    caller = ann("1;r:requests:1:1m:user")
    caller.admit(1, record=usage_record(0))
    caller.admit(1, record=usage_record(0))
    caller.admit(2, record=usage_record(0))
    caller.undo(1)
    assert counting.events() == []


def test_an_expired_reservation_is_one_event_with_what_its_claim_said(ann, counting, clock):
    caller = ann(BOTH)
    caller.admit(1, record=usage_record(100))
    clock.advance(RESERVATION_TTL_S - 1)
    counting.sweep()
    assert counting.events() == []
    clock.advance(1)
    for _ in range(3):
        counting.sweep()
        caller.states()
    assert counting.events() == [usage(1, "expired", NOW_MS, NOW_MS + RESERVATION_TTL_S * 1000, 100)]


def test_an_expired_reservation_without_a_record_is_no_event(ann, counting, clock):
    ann(BOTH).admit(1, record="")
    clock.advance(RESERVATION_TTL_S)
    counting.sweep()
    assert counting.events() == []


def test_every_admission_ends_in_exactly_one_usage_event(ann, counting, clock):
    caller = ann("1;r:requests:9:1d:user;t:total_tokens:10000:1d:user;c:concurrency:9:-:user")
    for number in range(6):
        caller.admit(number, record=usage_record(100))
    caller.settle(0, tokens=10, record=usage_record(10))
    caller.settle(1, tokens=20, record=usage_record(20), outcome="estimated")
    caller.undo(2)
    clock.advance(RESERVATION_TTL_S)
    counting.sweep()
    ended = sorted((int(event.rid, 16), event.outcome, event.input) for event in counting.events())
    assert ended == [(0, "measured", 10), (1, "estimated", 20), (3, "expired", 100), (4, "expired", 100), (5, "expired", 100)]
    assert caller.used() == [(5, 0), (30, 0), (0, 0)]


def test_a_settle_after_expiry_tells_what_was_really_used(ann, counting, clock):
    caller = ann(BOTH)
    caller.admit(1, record=usage_record(100))
    clock.advance(RESERVATION_TTL_S)
    counting.sweep()
    caller.settle(1, tokens=70, record=usage_record(70))
    expired, late = counting.events()
    assert (expired.outcome, expired.rid, late.rid) == ("expired", late.rid, expired.rid)
    assert (late.outcome, late.input) == ("measured", 70)


def test_events_are_told_in_the_order_in_which_things_ended(ann, counting):
    caller = ann(BOTH)
    operations = [caller.claim(number) for number in range(3)] + [
        caller.settlement(number, tokens=1, record=usage_record(1)) for number in (2, 0, 1)
    ]
    caller.store.run(operations, now=NOW)
    assert [int(event.rid, 16) for event in counting.events()] == [2, 0, 1]


def test_each_threshold_of_a_budget_is_told_once_when_it_is_passed(ann, counting):
    caller = ann(BUDGET)
    told = []
    for number, cost in enumerate([499, 1, 299, 1, 199, 1, 500]):
        caller.admit(number, tokens=1)
        caller.settle(number, tokens=cost)
        told.append(passed(counting.events()))
    all_three = [(50, 500), (80, 800), (100, 1000)]
    assert told == [[], all_three[:1], all_three[:1], all_three[:2], all_three[:2], all_three, all_three]


def test_an_event_of_a_budget_names_it(ann, counting, clock):
    clock.advance(0.25)
    caller = ann("1;key/k1/c:cost:1000:1h:user+model:hard:80", tenant="acme")
    caller.settle(1, tokens=900)
    counter = "key/k1/c:cost:1h:user+model"
    assert counting.events() == [BudgetPassed("acme", counter, "ann+small", 80, 900, 1000, HOUR, NOW_MS + 250)]


def test_one_settle_may_pass_several_thresholds(ann, counting):
    ann(BUDGET).settle(1, tokens=5000)
    assert passed(counting.events()) == [(50, 5000), (80, 5000), (100, 5000)]


def test_what_is_only_reserved_passes_no_threshold(ann, counting):
    caller = ann(BUDGET)
    caller.admit(1, tokens=1000)
    assert counting.events() == []
    caller.settle(1, tokens=500)
    assert passed(counting.events()) == [(50, 500)]


def test_requests_pass_thresholds_when_they_are_admitted(ann, counting):
    caller = ann("1;r:requests:3:1h:user:hard:50/100")
    caller.admit(1)
    assert counting.events() == []
    caller.admit(2)
    assert passed(counting.events()) == [(50, 2)]
    caller.admit(3)
    caller.admit(4)
    assert passed(counting.events()) == [(50, 2), (100, 3)]


def test_a_threshold_that_is_passed_again_in_the_same_window_is_told_once(ann, counting):
    caller = ann("1;r:requests:2:1h:user:hard:50")
    caller.admit(1)
    caller.undo(1)
    caller.admit(2)
    assert passed(counting.events()) == [(50, 1)]


def test_thresholds_are_told_again_in_the_next_window(ann, counting, clock):
    caller = ann(BUDGET)
    caller.settle(1, tokens=600)
    clock.time = HOUR
    caller.settle(2, tokens=700)
    assert [(event.used, event.end) for event in counting.events()] == [(600, HOUR), (700, HOUR + 3600)]


def test_thresholds_are_told_for_each_subject_and_each_limit(ann, counting):
    plan = "1;c:cost:1000:1h:user:hard:50;d:cost:4000:1d:user:hard:10/20"
    ann(plan).settle(1, tokens=500)
    ann(plan, user="ben").settle(2, tokens=800)
    told = [(event.counter.split(":")[0], event.subject, event.percent) for event in counting.events()]
    assert [each for each in told if each[1] == "ann"] == [("c", "ann", 50), ("d", "ann", 10)]
    assert [each for each in told if each[1] == "ben"] == [("c", "ben", 50), ("d", "ben", 10), ("d", "ben", 20)]


def test_thresholds_of_a_soft_limit_are_those_of_its_amount(ann, counting):
    caller = ann("1;r:requests:2:1h:user:soft 100:50/100")
    caller.admitted(range(9))
    assert passed(counting.events()) == [(50, 1), (100, 2)]


def test_a_shadow_limit_tells_its_thresholds(ann, counting):
    caller = ann("1;c:cost:1000:1h:user:shadow:100")
    caller.admit(1, tokens=999)
    caller.admit(2, tokens=999)
    caller.settle(1, tokens=999)
    caller.settle(2, tokens=999)
    assert passed(counting.events()) == [(100, 1998)]


def test_percentages_of_small_amounts_are_rounded_up(ann, counting):
    caller = ann("1;r:requests:3:1h:user:hard:1/34/67")
    assert Plan.parse("1;r:requests:3:1h:user:hard:1/34/67").limits[0].thresholds == ((1, 1), (34, 2), (67, 3))
    caller.admitted(range(3))
    assert passed(counting.events()) == [(1, 1), (34, 2), (67, 3)]


def test_after_an_amount_was_raised_only_higher_percentages_are_told(ann, counting):
    ann("1;c:cost:1000:1h:user:hard:50/80").settle(1, tokens=500)
    raised = ann("1;c:cost:2000:1h:user:hard:50/80")
    raised.settle(2, tokens=500)
    assert passed(counting.events()) == [(50, 500)]
    raised.settle(3, tokens=600)
    assert passed(counting.events()) == [(50, 500), (80, 1600)]


def test_refused_requests_pass_no_threshold(ann, counting):
    caller = ann("1;c:requests:2:1h:user:hard:100;r:requests:1:1m:user")
    caller.admitted(range(9))
    assert counting.events() == []


def test_a_window_that_has_ended_passes_nothing_in_the_next(ann, counting, clock):
    caller = ann("1;c:cost:1000:1m:user:hard:50")
    caller.admit(1, tokens=1000)
    clock.time = MINUTE
    caller.settle(1, tokens=1000)
    assert all(event.end == MINUTE for event in counting.events())
    caller.settle(2, tokens=499)
    assert all(event.end == MINUTE for event in counting.events())
