"""Estimates: learned from each model's own requests, and hard to lead astray."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from maas_ratelimit.core.estimates import Estimates, ModelEstimate


@pytest.mark.parametrize(("body_bytes", "tokens"), [(400, 100), (401, 101), (1, 1), (0, 0)])
def test_a_new_models_input_is_estimated_by_what_is_usual(body_bytes, tokens):
    assert ModelEstimate().input(body_bytes) == tokens


@pytest.mark.parametrize(("max_out", "tokens"), [(100, 100), (None, 256), (0, 0), (10**12, 10**12)])
def test_output_is_what_is_asked_for_or_else_what_is_usual(max_out, tokens):
    assert ModelEstimate().output(max_out) == tokens


def test_averages_come_to_what_the_model_reports():
    estimate = ModelEstimate()
    for _ in range(200):
        estimate.learn(1000, 500, 40)
    assert (estimate.input(1000), estimate.samples) == (500, 200)
    assert 40 <= estimate.output(None) <= 41  # rounded up


def test_one_odd_request_moves_little():
    estimate = ModelEstimate()
    estimate.learn(4, 10**9, 10**9)
    assert estimate.input(1000) <= 1.4 * ModelEstimate().input(1000)
    assert estimate.output(None) <= 1.4 * ModelEstimate().output(None)
    estimate = ModelEstimate()
    estimate.learn(10**9, 4, 1)
    assert estimate.input(1000) >= 0.9 * ModelEstimate().input(1000)
    assert estimate.output(None) >= 0.9 * ModelEstimate().output(None)


@pytest.mark.parametrize(
    ("reported", "learned"), [((0, 5, 0), ()), ((100, None, None), ()), ((100, 0, 0), ()), ((100, 90, 0), "i"), ((0, 5, 3), "o")]
)
def test_nothing_is_learned_from_what_was_not_seen(reported, learned):
    estimate, fresh = ModelEstimate(), ModelEstimate()
    estimate.learn(*reported)
    assert (estimate.input(1000) != fresh.input(1000)) is ("i" in learned)
    assert (estimate.output(None) != fresh.output(None)) is ("o" in learned)
    assert estimate.samples == len(learned)


@given(st.lists(st.tuples(st.integers(0, 10**9), st.none() | st.integers(0, 10**15), st.none() | st.integers(0, 10**15)), max_size=300))
def test_an_estimate_is_at_least_one_token_whatever_was_learned(reports):
    estimate = ModelEstimate()
    for report in reports:
        estimate.learn(*report)
    assert estimate.input(1) >= 1
    assert estimate.output(None) >= 1


def test_models_are_learned_apart_and_the_first_is_forgotten_when_there_are_too_many():
    estimates = Estimates(at_most=2)
    first = estimates.of("a")
    second = estimates.of("b")
    first.learn(100, 100, 100)
    assert estimates.of("a") is first
    assert second.input(100) == ModelEstimate().input(100)
    estimates.of("c")
    assert estimates.of("b") is second
    assert estimates.of("a") is not first


def test_models_are_listed_by_their_ids():
    estimates = Estimates()
    of = {model: estimates.of(model) for model in ("c", "a", "d", "b")}
    assert estimates.listed("", 9) == [(model, of[model]) for model in "abcd"]
    assert estimates.listed("a", 2) == [(model, of[model]) for model in "bc"]
    assert estimates.listed("d", 2) == []
