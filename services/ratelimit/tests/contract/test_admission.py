"""What a claim takes, what it leaves, and when it is refused."""

from __future__ import annotations

import pytest
from maas_common.errors import InvalidArgumentError
from maas_common.limits import MAX_AMOUNT
from maas_ratelimit.core.counting import CounterState, Settled

from services.ratelimit.tests.contract.callers import HOUR, MINUTE, NOW

BOTH = "1;r:requests:3:1m:user;t:total_tokens:1000:1h:user"
WINDOWS = ["1m", "day", "sliding 1m", "sliding-log 1m", "gcra 1m"]


def test_nothing_is_used_at_first(ann):
    assert ann(BOTH).states() == (CounterState(0, 0, 3, MINUTE), CounterState(0, 0, 1000, HOUR))


def test_an_admission_counts_one_request_and_reserves_tokens(ann):
    caller = ann(BOTH)
    admission = caller.admit(1, tokens=100)
    assert (admission.refusing, admission.left, admission.resets, admission.granted) == ((), (2, 900), (MINUTE, HOUR), (1, 100))
    assert (admission.now, admission.retry_at, admission.is_repeat) == (NOW, 0.0, False)
    assert caller.states() == (CounterState(1, 0, 2, MINUTE), CounterState(0, 100, 900, HOUR))


@pytest.mark.parametrize("window", WINDOWS)
def test_requests_never_overshoot(ann, window):
    caller = ann(f"1;r:requests:25:{window}:user")
    assert caller.admitted(range(60)) == 25
    assert caller.used() == [(25, 0)]


@pytest.mark.parametrize("window", WINDOWS)
def test_tokens_are_admitted_as_long_as_used_and_reserved_leave_enough(ann, window):
    caller = ann(f"1;t:total_tokens:1000:{window}:user")
    caller.admit(1, tokens=600)
    caller.settle(1, tokens=300)
    caller.admit(2, tokens=300)
    refused = caller.admit(3, tokens=401)
    assert (refused.refusing, refused.left) == ((0,), (400,))
    assert caller.admit(4, tokens=400).left == (0,)
    assert caller.left() == [0]


@pytest.mark.parametrize("window", WINDOWS)
def test_a_refused_request_takes_nothing_from_any_counter(ann, window):
    caller = ann(f"1;a:requests:9:1m:user;b:total_tokens:1000:{window}:user;c:requests:9:{window}:user;d:concurrency:9:-:user")
    caller.admit(1, tokens=999)
    before = caller.states()
    refused = caller.admit(2, tokens=2)
    assert (refused.refusing, refused.left) == ((1,), (8, 1, 8, 8))
    assert caller.states() == before
    assert caller.settle_as_nobody(2) is Settled.UNKNOWN


def test_every_limit_that_refuses_is_named(ann):
    caller = ann(BOTH)
    caller.admitted(range(3), tokens=333)
    assert caller.admit(4, tokens=2).refusing == (0, 1)


def test_as_many_requests_as_the_limit_of_concurrency_are_in_flight_at_once(ann):
    caller = ann("1;c:concurrency:2:-:user")
    first = caller.admit(1)
    assert (first.left, first.resets, first.granted) == ((1,), (0,), (1,))
    caller.admit(2)
    refused = caller.admit(3)
    assert (refused.refusing, refused.left, refused.retry_at) == ((0,), (0,), 0.0)
    assert caller.states() == (CounterState(0, 2, 0, 0),)
    caller.settle(1)
    assert caller.used() == [(0, 1)]
    assert caller.admit(3).refusing == ()


@pytest.mark.parametrize("end", ["settle", "settle_as_nobody", "undo"])
def test_concurrency_is_given_back_however_a_request_ends(ann, end):
    caller = ann("1;c:concurrency:1:-:user")
    caller.admit(1)
    assert getattr(caller, end)(1) is Settled.REPLACED
    assert caller.used() == [(0, 0)]


def test_of_several_refusals_the_latest_says_when_to_come_again(ann):
    caller = ann("1;a:requests:1:1m:user;b:requests:1:1h:user;c:requests:9:1d:user")
    caller.admit(1)
    assert caller.admit(2).retry_at == HOUR


def test_nobody_knows_when_concurrency_is_free_again(ann):
    caller = ann("1;a:requests:1:1m:user;c:concurrency:1:-:user")
    caller.admit(1)
    refused = caller.admit(2)
    assert (refused.refusing, refused.retry_at) == ((0, 1), 0.0)


@pytest.mark.parametrize("window", WINDOWS)
def test_a_strict_claim_takes_what_is_left_but_no_less_than_its_least(ann, window):
    caller = ann(f"1;t:total_tokens:1000:{window}:user;u:total_tokens:5000:1h:user")
    caller.admit(1, tokens=600)
    less = caller.admit(2, tokens=700, least=400)
    assert (less.refusing, less.granted, less.left) == ((), (400, 700), (0, 5000 - 1300))
    caller.undo(2)
    refused = caller.admit(3, tokens=700, least=401)
    assert (refused.refusing, refused.left) == ((0,), (400, 4400))


@pytest.mark.parametrize("window", WINDOWS)
def test_a_strict_claim_that_fits_takes_all_it_asks_for(ann, window):
    caller = ann(f"1;t:total_tokens:1000:{window}:user")
    assert caller.admit(1, tokens=1000, least=1).granted == (1000,)
    assert caller.admit(2, tokens=1000, least=1).refusing == (0,)


def test_a_strict_claim_comes_again_when_its_least_fits(ann, clock):
    caller = ann("1;t:total_tokens:1000:sliding-log 1m:user")
    caller.admit(1, tokens=300)
    clock.advance(10)
    caller.admit(2, tokens=700)
    refused = caller.admit(3, tokens=900, least=300)
    assert refused.retry_at == NOW + 60
    clock.time = refused.retry_at
    assert caller.admit(3, tokens=900, least=300).granted == (300,)


@pytest.mark.parametrize("window", WINDOWS)
def test_a_repeated_admission_takes_nothing_again(ann, window):
    caller = ann(f"1;r:requests:3:{window}:user;t:total_tokens:1000:{window}:user;c:concurrency:3:-:user")
    first = caller.admit(1, tokens=100)
    again = caller.admit(1, tokens=100)
    assert (again.is_repeat, again.refusing, again.left, again.resets) == (True, (), first.left, first.resets)
    assert again.granted == (1, 100, 1)
    assert caller.left() == [2, 900, 2]


def test_a_repeated_admission_is_admitted_also_when_nothing_is_left(ann):
    caller = ann("1;t:total_tokens:1000:1h:user")
    caller.admit(1, tokens=1000)
    again = caller.admit(1, tokens=1000)
    assert (again.refusing, again.left, again.is_repeat) == ((), (0,), True)


def test_a_repeated_strict_admission_is_granted_what_is_reserved(ann):
    caller = ann("1;t:total_tokens:1000:1h:user")
    caller.admit(1, tokens=600)
    caller.admit(2, tokens=700, least=1)
    caller.settle(1, tokens=0)
    assert caller.admit(2, tokens=700, least=1).granted == (400,)


def test_an_id_that_has_ended_is_not_admitted_again(ann):
    caller = ann(BOTH)
    caller.admit(1)
    caller.settle(1, tokens=70)
    with pytest.raises(InvalidArgumentError, match="has ended") as refusal:
        caller.admit(1)
    assert refusal.value.reason == "REQUEST_ENDED"
    assert caller.used() == [(1, 0), (70, 0)]


def test_an_id_that_was_refused_may_come_again(ann, clock):
    caller = ann("1;r:requests:1:1m:user")
    caller.admit(1)
    assert caller.admit(2).refusing == (0,)
    clock.time = MINUTE
    assert caller.admit(2).refusing == ()


def test_a_plan_without_limits_admits_everything(ann):
    caller = ann("1")
    admission = caller.admit(1)
    assert (admission.refusing, admission.left, admission.resets, admission.granted) == ((), (), (), ())
    assert caller.admit(1).is_repeat
    assert caller.settle(1, tokens=10) is Settled.REPLACED
    assert caller.states() == ()


def test_many_limits_are_all_or_nothing(ann):
    kinds = ["1m", "1h", "day", "month", "sliding 1m", "sliding-log 1m", "gcra 1m"]
    limits = [f"l{number:03}:requests:{10 + number}:{kinds[number % len(kinds)]}:user" for number in range(100)]
    caller = ann(";".join(["1", *limits]))
    assert caller.admitted(range(12)) == 10
    assert caller.left() == list(range(100))
    assert caller.admit(13).refusing == (0,)
    assert caller.used() == [(10, 0)] * 100


@pytest.mark.parametrize("window", ["1h", "month", "sliding 1h", "-"])
def test_the_largest_amounts_are_exact(ann, window):
    metric = "concurrency" if window == "-" else "cost"
    caller = ann(f"1;c:{metric}:{MAX_AMOUNT}:{window}:user")
    if window == "-":
        assert caller.admit(1).left == (MAX_AMOUNT - 1,)
        return
    assert caller.admit(1, tokens=MAX_AMOUNT - 1).left == (1,)
    assert caller.admit(2, tokens=2).refusing == (0,)
    assert caller.admit(3, tokens=1).left == (0,)
    caller.settle(1, tokens=MAX_AMOUNT - 2)
    assert caller.states()[0][:3] == (MAX_AMOUNT - 2, 1, 1)
    assert caller.admit(4, tokens=2).refusing == (0,)
    assert caller.admit(5, tokens=1).refusing == ()


def test_raising_an_amount_keeps_what_was_used(ann):
    caller = ann(BOTH)
    caller.admitted(range(3))
    raised = ann("1;r:requests:4:1m:user;t:total_tokens:2000:1h:user")
    assert raised.states() == (CounterState(3, 0, 1, MINUTE), CounterState(0, 300, 1700, HOUR))
    assert raised.admitted([4, 5]) == 1


@pytest.mark.parametrize("window", WINDOWS)
def test_raising_an_amount_keeps_what_was_used_in_every_kind_of_window(ann, window):
    ann(f"1;r:requests:3:{window}:user").admitted(range(3))
    assert ann(f"1;r:requests:5:{window}:user").admitted(range(10, 20)) == 2


@pytest.mark.parametrize("window", WINDOWS)
def test_lowering_an_amount_keeps_what_was_used(ann, window):
    ann(f"1;r:requests:5:{window}:user").admitted(range(4))
    lowered = ann(f"1;r:requests:3:{window}:user")
    assert lowered.used() == [(4, 0)]
    assert lowered.left() == [-1]
    refused = lowered.admit(9)
    assert (refused.refusing, refused.left) == ((0,), (-1,))


def test_a_burst_is_an_amount_too(ann):
    ann("1;r:requests:60:gcra 1m burst 5:user").admitted(range(5))
    assert ann("1;r:requests:60:gcra 1m burst 8:user").admitted(range(10, 20)) == 3


@pytest.mark.parametrize(
    "other",
    ["s:requests:3:1m:user", "r:requests:3:2m:user", "r:total_tokens:3:1m:user", "r:requests:3:1m:key", "r:requests:3:sliding 1m:user"],
)
def test_another_limit_id_metric_window_or_scope_starts_fresh(ann, other):
    ann("1;r:requests:3:1m:user").admitted(range(3))
    assert ann(f"1;{other}").used() == [(0, 0)]


def test_changing_tier_starts_fresh(ann):
    ann("1;tier/free/r:requests:3:1m:user").admitted(range(3))
    assert ann("1;tier/gold/r:requests:3:1m:user", tier="gold").admitted(range(10, 20)) == 3


SHARED = [
    ("key", {"key": "other"}, {"user": "ben", "team": "red", "tier": "gold", "model": "large"}),
    ("user", {"user": "ben"}, {"key": "other", "team": "red", "tier": "gold", "model": "large"}),
    ("team", {"team": "red"}, {"key": "other", "user": "ben", "tier": "gold", "model": "large"}),
    ("tier", {"tier": "gold"}, {"key": "other", "user": "ben", "team": "red", "model": "large"}),
    ("tenant", {"tenant": "acme"}, {"key": "other", "user": "ben", "team": "red", "tier": "gold", "model": "large"}),
    ("model", {"model": "large"}, {"key": "other", "user": "ben", "team": "red", "tier": "gold"}),
    ("policy", {"tenant": "acme"}, {"key": "other", "user": "ben", "team": "red", "tier": "gold", "model": "large"}),
    ("user+model", {"model": "large"}, {"key": "other", "team": "red", "tier": "gold"}),
    ("user+model", {"user": "ben"}, {"key": "other", "team": "red", "tier": "gold"}),
    ("key+team+tier", {"tier": "gold"}, {"user": "ben", "model": "large"}),
]


@pytest.mark.parametrize(("per", "apart", "together"), SHARED)
def test_a_scope_says_who_shares_a_counter(ann, per, apart, together):
    plan = f"1;r:requests:3:1m:{per}"
    ann(plan).admit(1)
    assert ann(plan, **together).used() == [(1, 0)]
    assert ann(plan, **apart).used() == [(0, 0)]
    ann(plan, **together).admitted(range(2, 9))
    assert ann(plan).admit(9).refusing == (0,)
    assert ann(plan, **apart).admit(10).refusing == ()


def test_limits_of_different_scopes_are_counted_side_by_side(ann):
    plan = "1;a:requests:2:1m:user;b:requests:3:1m:tier;c:requests:9:1m:user+model"
    assert ann(plan).admitted(range(5)) == 2
    assert ann(plan, user="ben").admitted(range(5, 9)) == 1
    assert ann(plan, user="cem").admit(9).refusing == (1,)
    assert ann(plan).used() == [(2, 0), (3, 0), (2, 0)]


@pytest.mark.parametrize("tenant", ["acme", "", "default\x1f", "défaut", "a:b{c}"])
def test_tenants_are_counted_apart(ann, tenant):
    ann(BOTH).admit(1)
    other = ann(BOTH, tenant=tenant)
    assert other.used() == [(0, 0), (0, 0)]
    assert other.admit(2).refusing == ()
    assert ann(BOTH).used() == [(1, 0), (0, 100)]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"user": "ann", "model": "x"}, {"user": "an", "model": "nx"}),
        ({"user": "a\x1fb", "model": "c"}, {"user": "a", "model": "b\x1fc"}),
        ({"user": "a+b", "model": "c"}, {"user": "a", "model": "b+c"}),
        ({"user": "a:b", "model": "{c}"}, {"user": "a", "model": "b:{c}"}),
        ({"user": "https://issuer|a", "model": "ü"}, {"user": "https://issuer|a", "model": "u"}),
    ],
)
def test_no_subject_is_taken_for_another(ann, one, other):
    plan = "1;r:requests:3:1m:user+model"
    ann(plan, **one).admit(1)
    assert ann(plan, **one).used() == [(1, 0)]
    assert ann(plan, **other).used() == [(0, 0)]


def test_operations_of_one_call_are_done_in_order_each_by_itself(ann):
    ann_, ben = ann("1;r:requests:2:1m:tier"), ann("1;r:requests:2:1m:tier", user="ben")
    operations = [
        ann_.claim(1),
        ben.claim(2),
        ann_.claim(3),
        ann_.settlement(1),
        ann_.claim(1),
        ben.settlement(2),
        ben.settlement(2),
        ann_.claim(3),
    ]
    first, second, third, settled, ended, replaced, repeated, still = ann_.store.run(operations, now=ann_.clock.now())
    assert [first.left, second.left, third.refusing, still.refusing] == [(1,), (0,), (0,), (0,)]
    assert (settled, replaced, repeated) == (Settled.REPLACED, Settled.REPLACED, Settled.REPEATED)
    assert isinstance(ended, InvalidArgumentError)
    assert ann_.used() == [(2, 0)]


def test_no_operations_have_no_outcomes(ann):
    assert ann("1").store.run([], now=NOW) == []


def test_a_clock_set_back_gives_nothing_back(ann, clock):
    caller = ann(BOTH)
    clock.time = MINUTE + 5
    caller.admitted(range(3))
    clock.time = NOW
    assert caller.admit(3).refusing == (0,)
    assert caller.admit(3).now == MINUTE + 5
    clock.time = MINUTE + 59
    assert caller.admit(4).refusing == (0,)
    clock.time = MINUTE + 60
    assert caller.admit(5).refusing == ()
