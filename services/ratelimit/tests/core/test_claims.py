"""What a request claims of each limit, and the cap on its output in strict mode."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from maas_common.limits import Metric
from maas_ratelimit.core.claims import TooLarge, claim, output_cap
from maas_ratelimit.core.counting import Admission, Claim
from maas_ratelimit.core.estimates import ModelEstimate

from services.ratelimit.tests.core.callers import RID, admit

EVERY = (
    ";a:requests:9:1m:user;b:total_tokens:900:1m:user;c:input_tokens:900:1m:user;d:output_tokens:900:1m:user"
    ";e:cost:900:1m:user;f:concurrency:9:-:user"
)
PRICE = "1000000/2000000/500000"
"""A micro-dollar for a token of input, two for one of output."""
STRICT_OUTPUT = 4096


def claimed(asked, estimate=None) -> Claim | TooLarge:
    assert asked.caller.account is not None
    return claim(asked, asked.caller.account, estimate or ModelEstimate(), STRICT_OUTPUT)


def takes(asked) -> tuple[int, ...]:
    found = claimed(asked)
    assert isinstance(found, Claim)
    return found.takes


def test_each_limit_is_claimed_by_its_metric():
    asked = admit("1" + EVERY, price=PRICE)
    found = claimed(asked)
    assert found == Claim(RID, asked.caller.account, (1, 200, 100, 100, 300, 1), (1, 200, 100, 100, 300, 1), asked.caller.expired_record)


def test_estimates_are_the_models():
    estimate = ModelEstimate()
    estimate.tokens_per_byte, estimate.output_mean = 0.5, 30.2
    found = claimed(admit("1" + EVERY, max_out=None), estimate)
    assert isinstance(found, Claim)
    assert found.takes[1:4] == (231, 200, 31)


def test_an_estimate_past_a_limit_claims_all_of_it():
    assert takes(admit("1" + EVERY, 10**6, 10**6, price=PRICE)) == (1, 900, 900, 900, 900, 1)
    assert takes(admit("1;t:total_tokens:900:gcra 1m burst 50:user")) == (50,)
    assert takes(admit("1;t:total_tokens:50:gcra 1m burst 900:user")) == (200,)


def test_a_request_of_nothing_claims_one_token_but_nothing_of_a_budget():
    assert takes(admit("1" + EVERY, 0, 0, price=PRICE)) == (1, 1, 1, 1, 0, 1)


def test_a_free_model_claims_nothing_of_a_budget():
    assert takes(admit("1" + EVERY)) == (1, 200, 100, 100, 0, 1)


@given(st.integers(0, 10**9), st.none() | st.integers(0, 10**12), st.sampled_from(["-", PRICE, "1/1/1"]))
def test_a_claim_is_never_more_than_a_limit_can_hold(length, max_out, price):
    asked = admit("1" + EVERY, length, max_out, price=price)
    assert asked.caller.account is not None
    for limit, take in zip(asked.caller.account.plan.limits, takes(asked), strict=True):
        assert (0 if limit.metric is Metric.COST else 1) <= take <= limit.capacity


def test_in_strict_mode_every_byte_may_be_a_token_and_one_token_of_output_is_enough():
    asked = admit("1 strict" + EVERY, price=PRICE)
    found = claimed(asked)
    assert found == Claim(RID, asked.caller.account, (1, 500, 400, 100, 600, 1), (1, 401, 400, 1, 402, 1), asked.caller.expired_record)


@pytest.mark.parametrize(("max_out", "outputs"), [(None, STRICT_OUTPUT), (0, 1), (1, 1), (70, 70), (10**9, 90_000)])
def test_in_strict_mode_output_is_what_is_asked_for_or_the_settings_most(max_out, outputs):
    assert takes(admit("1 strict;d:output_tokens:90000:1m:user", max_out=max_out)) == (outputs,)


def test_in_strict_mode_a_request_of_no_bytes_has_a_token():
    assert takes(admit("1 strict" + EVERY, 0, 5, price=PRICE)) == (1, 6, 1, 5, 1 + 2 * 5, 1)


@pytest.mark.parametrize(
    ("limit", "length", "least"),
    [
        ("t:total_tokens:400:1m:user", 400, 401),
        ("t:total_tokens:9000:gcra 1m burst 400:user", 400, 401),
        ("t:input_tokens:399:1m:user", 400, 400),
        ("t:cost:401:1m:user", 400, 402),
    ],
)
@pytest.mark.parametrize("max_out", [None, 1, 5000])
def test_in_strict_mode_a_request_that_no_wait_would_let_through_is_too_large(limit, length, least, max_out):
    found = claimed(admit(f"1 strict;a:requests:9:1m:user;{limit}", length, max_out, price=PRICE))
    assert isinstance(found, TooLarge)
    assert (found.limit.limit.id, found.least) == ("t", least)


@pytest.mark.parametrize(
    "limit", ["t:total_tokens:401:1m:user", "t:input_tokens:400:1m:user", "t:cost:402:1m:user", "t:output_tokens:1:1m:user"]
)
def test_in_strict_mode_a_request_that_just_fits_an_empty_limit_is_claimed(limit):
    found = claimed(admit(f"1 strict;{limit}", 400, 5000, price=PRICE))
    assert isinstance(found, Claim)
    assert found.takes == found.leasts


def capped(plan: str, granted: tuple[int, ...], max_out: int | None = None, **who: str) -> int | None:
    asked = admit(plan, 400, max_out, **who)
    assert asked.caller.account is not None
    return output_cap(asked, asked.caller.account.plan, Admission((), (), (), granted, 0.0))


@pytest.mark.parametrize(
    ("plan", "granted", "cap"),
    [
        ("b:total_tokens:900:1m:user", (900,), 500),
        ("d:output_tokens:900:1m:user", (70,), 70),
        ("e:cost:900:1m:user", (602,), 101),
        ("e:cost:900:1m:user", (603,), 101),
        ("b:total_tokens:900:1m:user;d:output_tokens:900:1m:user;e:cost:900:1m:user", (900, 300, 602), 101),
        ("a:requests:9:1m:user;c:input_tokens:900:1m:user;f:concurrency:9:-:user", (1, 400, 1), None),
    ],
)
def test_the_cap_is_what_the_least_of_the_grants_pays_for(plan, granted, cap):
    assert capped(f"1 strict;{plan}", granted, price=PRICE) == cap


@pytest.mark.parametrize("max_out", [0, 1, 499, 501, None])
def test_a_request_is_told_its_cap_whatever_it_asks_for(max_out):
    """It may have several caps, and the model may go by another than was read."""
    assert capped("1 strict;b:total_tokens:900:1m:user", (900,), max_out) == 500


def test_a_model_whose_output_is_free_is_not_capped_by_a_budget():
    assert capped("1 strict;e:cost:900:1m:user", (400,), price="1000000/0/0") is None


def test_without_strict_mode_or_a_grant_there_is_no_cap():
    assert capped("1;b:total_tokens:900:1m:user", (900,)) is None
    assert capped("1 strict;b:total_tokens:900:1m:user", ()) is None


@given(st.integers(0, 2000), st.none() | st.integers(0, 3000), st.integers(0, 900), st.integers(0, 5000))
def test_what_fits_the_cap_never_overshoots_what_was_granted(length, max_out, left, outputs):
    """Whatever a store grants between least and take: a model that keeps to its cap uses no more."""
    asked = admit("1 strict;b:total_tokens:900:1m:user;d:output_tokens:900:1m:user;e:cost:2000:1m:user", length, max_out, price=PRICE)
    found = claimed(asked)
    if isinstance(found, TooLarge):
        return
    granted = tuple(max(least, min(take, left)) for take, least in zip(found.takes, found.leasts, strict=True))
    assert asked.caller.account is not None
    cap = output_cap(asked, asked.caller.account.plan, Admission((), (), (), granted, 0.0))
    assert cap is not None
    assert cap >= 1
    used = min(outputs, cap)
    assert length + used <= granted[0]
    assert used <= granted[1]
    assert asked.caller.price.cost(length, used) <= granted[2]
