"""What tokens cost."""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor

import pytest
from hypothesis import given
from hypothesis import strategies as st
from maas_common.errors import InvalidArgumentError
from maas_common.limits import MAX_AMOUNT
from maas_ratelimit.core.pricing import FREE, Price, read_price

MILLION = 10**6
RATES = st.integers(0, 10**13 - 1)
PRICES = st.builds(Price, RATES, RATES, RATES)
TOKENS = st.integers(0, 10**15)


def exactly(price: Price, inputs: int, outputs: int, cached: int) -> Fraction:
    return Fraction((inputs - cached) * price.input + cached * price.cached + outputs * price.output, MILLION)


@given(PRICES, TOKENS, TOKENS, st.data())
def test_a_cost_is_the_exact_one_rounded_up_and_no_more_than_can_be_counted(price, inputs, outputs, data):
    cached = data.draw(st.integers(0, inputs))
    assert price.cost(inputs, outputs, cached) == min(ceil(exactly(price, inputs, outputs, cached)), MAX_AMOUNT)


@given(PRICES.filter(lambda price: price.output), st.integers(0, MAX_AMOUNT - 1), TOKENS)
def test_a_budget_pays_for_as_many_tokens_as_fit_and_not_one_more(price, budget, inputs):
    most = price.outputs_for(budget, inputs)
    assert most == floor((budget - exactly(price, inputs, 0, 0)) / Fraction(price.output, MILLION))
    if most >= 0:
        assert price.cost(inputs, most) <= budget < price.cost(inputs, most + 1)


def test_output_that_costs_nothing_is_not_bounded_by_a_budget():
    assert Price(5, 0, 5).outputs_for(1, 10) is None
    assert FREE.outputs_for(0, 10**9) is None


@pytest.mark.parametrize("text", ["-", ""])
def test_a_model_without_a_price_costs_nothing(text):
    assert read_price(text) is FREE
    assert FREE.cost(10**9, 10**9, 5) == 0


@given(PRICES)
def test_a_price_is_read_as_it_was_written(price):
    assert read_price("/".join(map(str, price))) == price


@pytest.mark.parametrize("text", ["1/2", "1/2/3/4", "1//3", "-1/2/3", "1/2/3 ", "1.5/2/3", "٣/2/3", "1/2/" + "9" * 14, "1/2/3\n", "free"])
def test_what_is_no_price_is_refused(text):
    with pytest.raises(InvalidArgumentError, match=r'(?s)"price" is .*; want input/output/cached'):
        read_price(text)
