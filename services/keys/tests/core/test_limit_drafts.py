"""Limits and budgets, as people write them."""

from __future__ import annotations

import pytest
from maas_common.errors import InvalidArgumentError
from maas_common.limit_drafts import LimitDraft
from maas_common.limits import PER_USER, Metric, Per, Scope
from maas_common.windows import Window
from maas_keys.core.budget import Budget, BudgetPatch
from maas_keys.core.limit_drafts import budget_of, limits_of


def test_what_is_left_out_has_a_default():
    (limit,) = limits_of("limits", [LimitDraft("requests", 10, "1m")], per=Scope.TEAM)
    assert (limit.id, limit.metric, limit.per) == ("requests-1m", Metric.REQUESTS, Per((Scope.TEAM,)))


def test_what_is_given_stays():
    draft = LimitDraft("cost", 10, "month", id="fair", per="user", over="shadow", notify=(50,))
    (limit,) = limits_of("limits", [draft], per=Scope.KEY)
    assert (limit.id, limit.per, limit.over.text, limit.notify) == ("fair", PER_USER, "shadow", (50,))


@pytest.mark.parametrize(
    ("drafts", "field"),
    [
        ([LimitDraft("requests", 10, "1x")], "limits[0].window"),
        ([LimitDraft("requests", 10, "1m"), LimitDraft("words", 10, "1m")], "limits[1].metric"),
        ([LimitDraft("requests", 0, "1m")], "limits[0].amount"),
        ([LimitDraft("requests", 10, "1m", per="planet")], "limits[0].per"),
        ([LimitDraft("requests", 10, "1m"), LimitDraft("requests", 20, "1m")], "limits[1].id"),
        ([LimitDraft("cost", 10, "month", id="budget")], "limits[0].id"),
    ],
)
def test_a_wrong_part_is_named(drafts, field):
    with pytest.raises(InvalidArgumentError) as error:
        limits_of("limits", drafts, per=Scope.KEY)
    assert [v.field for v in error.value.violations] == [field]


@pytest.mark.parametrize(("period", "text"), [("", "total"), ("total", "total"), ("month from 15", "month from 15"), ("7d", "7d")])
def test_a_budget_is_for_a_period(period, text):
    assert budget_of("budget", 5, period) == Budget(5, Window.parse(text))


@pytest.mark.parametrize("period", ["never", "sliding 1m", "gcra 1m", "-"])
def test_a_budget_wants_a_period_with_an_end(period):
    with pytest.raises(InvalidArgumentError, match=r"budget\.period"):
        budget_of("budget", 5, period)


def test_a_budget_that_changes_keeps_its_period_unless_another_is_given():
    monthly = Budget(5, Window.parse("month"))
    assert BudgetPatch(7).of(monthly) == Budget(7, Window.parse("month"))
    assert BudgetPatch(7, Window.parse("7d")).of(monthly) == Budget(7, Window.parse("7d"))
    assert BudgetPatch(7).of(None) == Budget(7, Window.parse("total"))
    assert BudgetPatch(0).of(monthly) is None
