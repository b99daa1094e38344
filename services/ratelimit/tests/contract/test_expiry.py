"""Reservations whose requests nobody settles end by themselves."""

from __future__ import annotations

import pytest
from maas_common.errors import InvalidArgumentError
from maas_ratelimit.core.counting import Settled

from services.ratelimit.tests.contract.callers import in_ms
from services.ratelimit.tests.contract.stores import RESERVATION_TTL_S

DAY = "1;r:requests:3:1d:user;t:total_tokens:1000:1d:user;c:concurrency:1:-:user"


def test_a_reservation_is_released_after_its_time_and_the_request_stays_counted(ann, counting, clock):
    caller = ann(DAY)
    caller.admit(1, tokens=1000)
    clock.advance(RESERVATION_TTL_S - 1)
    assert caller.admit(2).refusing == (1, 2)
    clock.advance(1)
    counting.sweep()
    assert caller.used() == [(1, 0), (0, 0), (0, 0)]
    assert caller.admit(2).refusing == ()


@pytest.mark.parametrize("window", ["7d", "month", "sliding 7d", "sliding-log 7d"])
def test_what_is_released_is_given_back_in_every_kind_of_window(ann, counting, clock, window):
    caller = ann(f"1;r:requests:3:{window}:user;t:total_tokens:1000:{window}:user")
    caller.admit(1, tokens=400)
    caller.admit(2, tokens=600)
    caller.settle(2, tokens=500)
    clock.advance(RESERVATION_TTL_S)
    counting.sweep()
    assert caller.used() == [(2, 0), (500, 0)]
    assert caller.left() == [1, 500]


def test_what_is_released_drains_at_once(ann, counting, clock):
    caller = ann("1;r:requests:1000:gcra 7d:user;t:total_tokens:1000:gcra 7d:user")
    caller.admit(1, tokens=400)
    caller.admit(2, tokens=600)
    caller.settle(2, tokens=600)
    clock.advance(RESERVATION_TTL_S)
    counting.sweep()
    assert caller.used() == [(0, 0), (595, 0)]  # 1000 * 3600 s / 7 d = 5.95 have drained, of requests more than there were
    assert caller.left() == [1000, 405]


def test_what_was_throttled_is_released_on_the_second_counter(ann, counting, clock):
    caller = ann("1;t:total_tokens:1000:1d:user:soft 50")
    caller.settle(1, tokens=1000)
    caller.admit(2, tokens=500)
    assert caller.admit(3, tokens=500).refusing == (0,)
    clock.advance(RESERVATION_TTL_S)
    counting.sweep()
    assert caller.admit(3, tokens=500).throttled == (0,)


def test_an_expired_id_is_not_admitted_again(ann, counting, clock):
    caller = ann(DAY)
    caller.admit(1)
    clock.advance(RESERVATION_TTL_S)
    counting.sweep()
    with pytest.raises(InvalidArgumentError, match="has ended") as refusal:
        caller.admit(1)
    assert refusal.value.reason == "REQUEST_ENDED"


def test_a_settle_after_expiry_is_charged_its_tokens_alone_and_once(ann, counting, clock):
    caller = ann(DAY)
    caller.admit(1, tokens=1000)
    clock.advance(RESERVATION_TTL_S)
    counting.sweep()
    assert caller.settle(1, tokens=70) is Settled.LATE
    assert caller.settle(1, tokens=70) is Settled.REPEATED
    assert caller.used() == [(1, 0), (70, 0), (0, 0)]


def test_undoing_an_expired_reservation_changes_nothing(ann, counting, clock):
    caller = ann(DAY)
    caller.admit(1)
    clock.advance(RESERVATION_TTL_S)
    counting.sweep()
    assert caller.undo(1) is Settled.UNKNOWN
    assert caller.used() == [(1, 0), (0, 0), (0, 0)]


def test_an_expired_id_is_known_for_as_long_again(ann, counting, clock):
    caller = ann(DAY)
    caller.admit(1)
    clock.advance(RESERVATION_TTL_S)
    counting.sweep()
    clock.advance(RESERVATION_TTL_S - 1)
    counting.sweep()
    with pytest.raises(InvalidArgumentError):
        caller.admit(1)
    clock.advance(1)
    counting.sweep()
    assert caller.admit(1).refusing == ()
    assert caller.used() == [(2, 0), (0, 100), (0, 1)]


def test_a_repeated_admission_does_not_prolong_a_reservation(ann, counting, clock):
    caller = ann(DAY)
    caller.admit(1)
    clock.advance(RESERVATION_TTL_S - 1)
    assert caller.admit(1).is_repeat
    clock.advance(1)
    counting.sweep()
    assert caller.used() == [(1, 0), (0, 0), (0, 0)]


def test_however_many_are_past_their_time_all_are_released(ann, counting, clock):
    caller = ann("1;c:concurrency:500:-:user")
    assert caller.admitted(range(600)) == 500
    clock.advance(RESERVATION_TTL_S)
    counting.sweep()
    assert caller.used() == [(0, 0)]
    assert caller.admitted(range(1000, 1600)) == 500


def test_each_reservation_has_its_own_time(ann, counting, clock):
    caller = ann("1;c:concurrency:9:-:user")
    begin = int(clock.time * 1000)
    for number in range(5):
        clock.time = in_ms(begin + number * 60_000)
        caller.admit(number)
    for number in range(5):
        clock.time = in_ms(begin + RESERVATION_TTL_S * 1000 + number * 60_000)
        counting.sweep()
        assert caller.used() == [(0, 4 - number)]


@pytest.mark.parametrize("wait_s", [0, 1, 120])
def test_an_id_that_was_undone_and_came_again_is_released_once(ann, counting, clock, wait_s):
    caller = ann("1;t:total_tokens:1000:1d:user;c:concurrency:9:-:user")
    caller.admit(1)
    caller.undo(1)
    clock.advance(wait_s)
    counting.tidy()
    caller.admit(1)
    caller.admit(2)
    clock.advance(RESERVATION_TTL_S + 1)
    counting.sweep()
    assert caller.used() == [(0, 0), (0, 0)]
    assert [event.outcome for event in counting.events()] == ["expired", "expired"]
