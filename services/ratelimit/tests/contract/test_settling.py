"""How a reservation is replaced by what was used: once for each request."""

from __future__ import annotations

import pytest
from maas_ratelimit.core.counting import Settled, Settlement

from services.ratelimit.tests.contract.callers import HOUR, MINUTE, NOW, rid
from services.ratelimit.tests.contract.stores import SETTLED_TTL_S

BOTH = "1;r:requests:3:1m:user;t:total_tokens:1000:1h:user"
WINDOWS = ["1h", "day", "sliding 1h", "sliding-log 1h", "gcra 1h"]


def all_in(window: str) -> str:
    return f"1;r:requests:3:{window}:user;t:total_tokens:1000:{window}:user;c:concurrency:3:-:user"


@pytest.mark.parametrize("window", WINDOWS)
def test_a_settle_puts_what_was_used_in_place_of_the_reservation(ann, window):
    caller = ann(all_in(window))
    caller.admit(1, tokens=100)
    assert caller.settle(1, tokens=70) is Settled.REPLACED
    assert caller.used() == [(1, 0), (70, 0), (0, 0)]
    assert caller.left() == [2, 930, 3]


@pytest.mark.parametrize("window", WINDOWS)
def test_more_may_be_used_than_was_reserved_and_then_nothing_is_left(ann, window):
    caller = ann(all_in(window))
    caller.admit(1, tokens=100)
    caller.settle(1, tokens=1500)
    assert caller.used() == [(1, 0), (1500, 0), (0, 0)]
    refused = caller.admit(2, tokens=1)
    assert (refused.refusing, refused.left) == ((1,), (2, -500, 3))


def test_tokens_overshoot_by_no_more_than_in_flight_requests_used_beyond_their_reservation(ann):
    caller = ann("1;t:total_tokens:1000:1h:user")
    assert caller.admitted(range(30), tokens=50) == 20
    for number in range(20):
        caller.settle(number, tokens=60)
    assert caller.used() == [(1200, 0)]
    assert caller.admit(99, tokens=1).refusing == (0,)


def test_strict_requests_that_keep_to_what_was_granted_never_overshoot(ann):
    caller = ann("1;t:total_tokens:1000:1h:user")
    for number in range(30):
        admission = caller.admit(number, tokens=70, least=10)
        if not admission.refusing:
            caller.settle(number, tokens=admission.granted[0])
    assert caller.used() == [(1000, 0)]


@pytest.mark.parametrize("window", WINDOWS)
def test_a_second_settle_changes_nothing(ann, window):
    caller = ann(all_in(window))
    caller.admit(1)
    caller.settle(1, tokens=70)
    assert caller.settle(1, tokens=90) is Settled.REPEATED
    assert caller.settle_as_nobody(1) is Settled.REPEATED
    assert caller.undo(1) is Settled.REPEATED
    assert caller.used() == [(1, 0), (70, 0), (0, 0)]


@pytest.mark.parametrize("window", WINDOWS)
def test_an_undone_admission_gives_back_all_that_it_took(ann, window):
    caller = ann(all_in(window))
    caller.admit(1)
    caller.admit(2)
    assert caller.undo(1) is Settled.REPLACED
    assert caller.left() == [2, 900, 2]
    assert caller.used() == [(1, 0), (100, 0) if window == "gcra 1h" else (0, 100), (0, 1)]


def test_an_undone_admission_leaves_no_trace(ann):
    caller = ann(BOTH)
    caller.admit(1)
    caller.undo(1)
    assert caller.undo(1) is Settled.UNKNOWN
    assert caller.admit(1).is_repeat is False
    assert caller.used() == [(1, 0), (0, 100)]


def test_undoing_what_is_not_known_changes_nothing(ann):
    caller = ann(BOTH)
    assert caller.undo(1) is Settled.UNKNOWN
    assert caller.used() == [(0, 0), (0, 0)]
    assert caller.admit(1).is_repeat is False


@pytest.mark.parametrize("window", WINDOWS)
def test_a_request_of_nobody_known_has_used_nothing_and_stays_counted(ann, window):
    caller = ann(all_in(window))
    caller.admit(1)
    assert caller.settle_as_nobody(1) is Settled.REPLACED
    assert caller.used() == [(1, 0), (0, 0), (0, 0)]
    assert caller.settle(1, tokens=70) is Settled.REPEATED


@pytest.mark.parametrize("is_undone", [False, True])
def test_a_request_whose_account_can_not_be_told_is_settled_by_its_id(ann, is_undone):
    caller = ann(BOTH)
    caller.admit(1)
    assert caller.do(Settlement(rid(1), None, (), "", is_undone=is_undone)) is Settled.REPLACED
    assert caller.used() == [(0 if is_undone else 1, 0), (0, 0)]
    assert caller.do(Settlement(rid(2), None, (), "", is_undone=is_undone)) is Settled.UNKNOWN


def test_what_was_used_is_of_no_matter_when_an_admission_is_undone(ann):
    caller = ann(BOTH)
    caller.admit(1)
    assert caller.settle(1, tokens=70, is_undone=True) is Settled.REPLACED
    assert caller.settle(1, tokens=70, is_undone=True) is Settled.UNKNOWN
    assert caller.used() == [(0, 0), (0, 0)]


def test_a_refused_requests_settle_changes_nothing(ann):
    caller = ann(BOTH)
    caller.admit(1, tokens=1000)
    caller.admit(2)
    assert caller.settle_as_nobody(2) is Settled.UNKNOWN
    assert caller.used() == [(1, 0), (0, 1000)]


@pytest.mark.parametrize("window", WINDOWS)
def test_a_late_settle_is_charged_to_current_windows_once(ann, window):
    caller = ann(all_in(window))
    assert caller.settle(1, tokens=70) is Settled.LATE
    assert caller.settle(1, tokens=70) is Settled.REPEATED
    assert caller.used() == [(1, 0), (70, 0), (0, 0)]


@pytest.mark.parametrize("window", WINDOWS)
def test_a_late_settle_is_charged_whatever_is_left(ann, window):
    caller = ann(all_in(window))
    for number in range(5):
        assert caller.settle(number, tokens=700) is Settled.LATE
    assert caller.left() == [-2, -2500, 3]


def test_a_late_settle_is_not_charged_when_it_may_not(ann):
    caller = ann(BOTH)
    assert caller.settle(1, tokens=70, may_charge=False) is Settled.UNKNOWN
    assert caller.used() == [(0, 0), (0, 0)]
    assert caller.settle(1, tokens=70) is Settled.LATE


def test_what_may_not_be_charged_late_still_replaces_a_reservation(ann):
    caller = ann(BOTH)
    caller.admit(1)
    assert caller.settle(1, tokens=70, may_charge=False) is Settled.REPLACED
    assert caller.used() == [(1, 0), (70, 0)]


def test_a_late_request_that_used_no_tokens_counts_as_a_request(ann):
    caller = ann(BOTH)
    assert caller.settle(1) is Settled.LATE
    assert caller.used() == [(1, 0), (0, 0)]


def test_an_id_that_was_settled_late_has_ended(ann):
    caller = ann(BOTH)
    caller.settle(1, tokens=70)
    assert caller.undo(1) is Settled.REPEATED
    (outcome,) = caller.store.run([caller.claim(1)], now=NOW)
    assert getattr(outcome, "reason", "") == "REQUEST_ENDED"


@pytest.mark.parametrize("window", ["1h", "day", "sliding 1h"])
def test_what_was_used_is_charged_to_the_window_that_the_request_was_admitted_in(ann, clock, window):
    caller = ann(f"1;t:total_tokens:1000:{window}:user")
    end = caller.plan.limits[0].window.bounds(NOW)[1]
    clock.time = end - 600
    caller.admit(1, tokens=900)
    clock.time = end + 10
    assert caller.settle(1, tokens=900) is Settled.REPLACED
    assert caller.used() == [(0, 0)]


def test_what_ends_in_the_next_window_of_a_sliding_one_still_counts_in_the_older_bucket(ann, clock):
    caller = ann("1;t:total_tokens:1000:sliding 1h:user")
    caller.admit(1, tokens=900)
    clock.time = HOUR
    assert caller.left() == [100]
    caller.settle(1, tokens=400)
    assert caller.left() == [600]


def test_a_reservation_stays_in_the_window_that_it_was_made_in(ann, clock):
    caller = ann("1;t:total_tokens:1000:1h:user")
    caller.admit(1, tokens=1000)
    clock.time = HOUR
    assert caller.admit(2, tokens=1000).refusing == ()


def test_a_settled_request_is_known_for_its_time(ann, clock):
    caller = ann("1;t:total_tokens:1000:1d:user")
    caller.admit(1)
    caller.settle(1, tokens=70)
    clock.advance(SETTLED_TTL_S - 1)
    assert caller.settle(1, tokens=70) is Settled.REPEATED
    clock.advance(1)
    assert caller.settle(1, tokens=70) is Settled.LATE
    assert caller.used() == [(140, 0)]


def test_a_level_never_falls_below_nothing(ann, clock):
    caller = ann("1;t:total_tokens:600:gcra 1m:user")
    caller.admit(1, tokens=300)
    clock.advance(20)
    caller.settle(1, tokens=0)
    assert (caller.used(), caller.left()) == ([(0, 0)], [600])
    assert caller.admitted(range(2, 9), tokens=100) == 6


def test_a_level_of_more_than_can_be_counted_exactly_stays_at_the_most_that_can(ann):
    caller = ann("1;t:total_tokens:600:gcra 1m:user")
    caller.settle(1, tokens=9 * 10**15)
    assert caller.used() == [(-(-(2**53) // 60_000), 0)]
    assert caller.admit(2).refusing == (0,)


@pytest.mark.parametrize("window", ["1h", "month", "sliding 1h"])
def test_what_models_claim_never_adds_up_to_so_much_that_there_is_room_again(ann, window):
    most = 9_000_000_000_000_000
    caller = ann(f"1;c:cost:{most}:{window}:user")
    caller.admit(1, tokens=1)
    settlements = [caller.settlement(number, most) for number in range(1, 1030)]  # together past 2^63
    caller.store.run(settlements, now=caller.clock.now())
    assert caller.used() == [(2**53, 0)]
    assert caller.admit(2000, tokens=1).refusing == (0,)


def test_a_settle_after_its_minute_leaves_the_next_minute_alone(ann, clock):
    caller = ann(BOTH)
    caller.admit(1)
    clock.time = MINUTE
    caller.admit(2)
    caller.settle(1, tokens=70)
    assert caller.used() == [(1, 0), (70, 100)]
    caller.undo(2)
    assert caller.used() == [(0, 0), (70, 0)]
