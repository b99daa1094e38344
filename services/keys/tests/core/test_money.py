"""Dollars and micro-dollars."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from maas_common.errors import InvalidArgumentError
from maas_common.limits import MAX_AMOUNT
from maas_keys.core.money import dollars, micro_dollars


@pytest.mark.parametrize(
    ("written", "amount"), [(0.1, 100_000), (25, 25_000_000), (19.99, 19_990_000), (0.000001, 1), (0, 0), (9e9, MAX_AMOUNT)]
)
def test_dollars_are_exact_to_the_micro_dollar(written, amount):
    assert micro_dollars("budget_usd", written) == amount


@pytest.mark.parametrize(
    "written", [-1, -0.000001, 0.0000001, 1.0000001, 9_000_000_000.01, 1e300, float("inf"), float("-inf"), float("nan")]
)
def test_what_is_no_amount_is_refused_by_field(written):
    with pytest.raises(InvalidArgumentError, match="budget_usd") as error:
        micro_dollars("budget_usd", written)
    assert "want" in error.value.message


@given(st.integers(0, 8 * 10**15))
def test_every_amount_that_a_double_can_tell_apart_comes_back_as_it_was(amount):
    assert micro_dollars("budget_usd", dollars(amount)) == amount
