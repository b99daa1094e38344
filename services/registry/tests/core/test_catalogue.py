"""What the catalogue answers at one revision, and what it tells of those before."""

from __future__ import annotations

from dataclasses import replace

import pytest
from maas_common.errors import NotFoundError
from maas_registry.core.catalogue import Change, Kind, LogEntry
from maas_registry.core.page import page

MODEL, TIER = Kind.MODEL, Kind.TIER


@pytest.mark.parametrize(
    ("groups", "tiers"),
    [
        (("system:authenticated",), ["free"]),
        (("system:authenticated", "premium-users"), ["premium", "free"]),
        (("board", "premium-users", "system:authenticated"), ["enterprise", "premium", "free"]),
        (("enterprise-users", "board"), ["enterprise"]),
        (("strangers",), []),
        ((), []),
    ],
)
def test_groups_give_tiers_the_highest_level_first(standard, groups, tiers):
    assert [tier.name for tier in standard.tiers_of(groups)] == tiers


@pytest.mark.parametrize(
    ("tier", "models"),
    [
        ("free", ["for-all"]),
        ("premium", ["for-all", "for-paying", "for-premium"]),
        ("enterprise", ["for-all", "for-paying"]),
        ("gone", []),
        ("", []),
    ],
)
def test_a_tier_has_the_models_published_to_it_or_to_all(standard, tier, models):
    assert [model.id for model in standard.available_to(tier)] == models


def test_what_is_not_there_is_named(standard):
    with pytest.raises(NotFoundError, match='model "x" does not exist'):
        standard.model("x")
    with pytest.raises(NotFoundError, match='tier "x" does not exist'):
        standard.tier("x")


def logged(standard):
    entries = (
        LogEntry(5, MODEL, "for-all"),
        LogEntry(6, TIER, "gone"),
        LogEntry(7, TIER, "gone"),
        LogEntry(7, MODEL, "for-paying"),
        LogEntry(8, MODEL, "removed"),
        LogEntry(8, TIER, "free"),
    )
    return replace(standard, revision=8, log=entries, log_after=4)


@pytest.mark.parametrize(
    ("revision", "changed", "deleted"),
    [
        (4, ["for-all", "for-paying", "free"], ["removed", "gone"]),
        (5, ["for-paying", "free"], ["removed", "gone"]),
        (7, ["free"], ["removed"]),
        (8, [], []),
    ],
)
def test_a_change_holds_everything_since_a_revision_as_it_is_now(standard, revision, changed, deleted):
    change = logged(standard).since(revision)
    assert [model.id for model in change.models] + [tier.name for tier in change.tiers] == changed
    assert [*change.deleted_models, *change.deleted_tiers] == deleted


@pytest.mark.parametrize("revision", [3, 9])
def test_a_revision_that_the_log_does_not_know_has_no_change(standard, revision):
    assert logged(standard).since(revision) is None


def test_every_resource_of_a_change_is_logged(a_model, a_tier):
    change = Change(models=(a_model("a"),), deleted_models=("b",), tiers=(a_tier("c", 1),), deleted_tiers=("d",))
    assert change.entries(9) == [LogEntry(9, MODEL, "a"), LogEntry(9, MODEL, "b"), LogEntry(9, TIER, "c"), LogEntry(9, TIER, "d")]


@pytest.mark.parametrize(
    ("after", "size", "expected", "more"),
    [(0, 2, [1, 2], True), (2, 2, [3, 4], False), (3, 2, [4], False), (9, 2, [], False), (0, 0, [1, 2, 3, 4], False)],
)
def test_a_page_begins_after_the_one_before_and_says_whether_more_follow(after, size, expected, more):
    assert page([1, 2, 3, 4], follows=lambda item: item > after, size=size) == (expected, more)
