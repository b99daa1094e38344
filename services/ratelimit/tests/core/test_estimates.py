"""Estimates: learned from each model's own requests, and hard to lead astray."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from maas_ratelimit.core.estimates import Estimates, ModelEstimate


@pytest.mark.parametrize(
    ("body_bytes", "max_out", "tokens"), [(400, 100, 100 + 100), (400, None, 100 + 256), (401, 0, 101), (0, 0, 1), (0, None, 256)]
)
def test_a_new_model_is_estimated_by_what_is_usual(body_bytes, max_out, tokens):
    assert ModelEstimate().total(body_bytes, max_out) == tokens


def test_averages_come_to_what_the_model_reports():
    estimate = ModelEstimate()
    for _ in range(200):
        estimate.learn(1000, 500, 40)
    assert estimate.input(1000) == 500
    assert 540 <= estimate.total(1000, None) <= 541  # rounded up


def test_one_odd_request_moves_little():
    estimate = ModelEstimate()
    estimate.learn(4, 10**9, 10**9)
    assert estimate.total(1000, None) <= 1.4 * ModelEstimate().total(1000, None)
    estimate = ModelEstimate()
    estimate.learn(10**9, 4, 1)
    assert estimate.total(1000, None) >= 0.9 * ModelEstimate().total(1000, None)


@pytest.mark.parametrize("reported", [(0, 5, 0), (100, None, None), (100, 0, 0)])
def test_nothing_is_learned_from_what_was_not_seen(reported):
    estimate = ModelEstimate()
    estimate.learn(*reported)
    assert estimate.total(1000, None) == ModelEstimate().total(1000, None)


@given(st.lists(st.tuples(st.integers(0, 10**9), st.none() | st.integers(0, 10**15), st.none() | st.integers(0, 10**15)), max_size=300))
def test_an_estimate_is_at_least_one_whatever_was_learned(reports):
    estimate = ModelEstimate()
    for report in reports:
        estimate.learn(*report)
    assert estimate.total(0, None) >= 1
    assert estimate.total(1, 0) >= 1


def test_models_are_learned_apart_and_the_first_is_forgotten_when_there_are_too_many():
    estimates = Estimates(at_most=2)
    first = estimates.of("a")
    second = estimates.of("b")
    first.learn(100, 100, 100)
    assert estimates.of("a") is first
    assert second.total(100, None) == ModelEstimate().total(100, None)
    estimates.of("c")
    assert estimates.of("b") is second
    assert estimates.of("a") is not first
