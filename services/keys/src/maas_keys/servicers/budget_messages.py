"""Budgets of requests, given as a message or in dollars."""

from __future__ import annotations

from typing import Protocol

from maas.common.v1 import budget_pb2
from maas_common.errors import InvalidArgumentError

from maas_keys.core.budget import Budget, BudgetPatch
from maas_keys.core.limit_drafts import budget_of
from maas_keys.core.money import micro_dollars
from maas_keys.servicers.patches import Presence

NO_MONEY = "0: a budget is 0.000001 dollars at least; leave it out for none"


class _HasBudget(Protocol):
    @property
    def budget(self) -> budget_pb2.Budget: ...
    @property
    def budget_usd(self) -> float: ...


def unpack_budget(request: _HasBudget, fields: Presence) -> Budget | None:
    """The budget of something new."""
    patch = unpack_budget_patch(request, fields)
    if patch is not None and not patch.amount:
        raise InvalidArgumentError.of("budget_usd", NO_MONEY)
    return patch.of(None) if patch else None


def unpack_budget_patch(request: _HasBudget, fields: Presence) -> BudgetPatch | None:
    """What to change of a budget; None leaves it as it is."""
    if "budget" in fields and "budget_usd" in fields:
        raise InvalidArgumentError.of("budget_usd", "is given together with budget; give one of them")
    if "budget_usd" in fields:
        return BudgetPatch(micro_dollars("budget_usd", request.budget_usd))
    if "budget" not in fields:
        return None
    if not request.budget.amount:
        return BudgetPatch(0)
    budget = budget_of("budget", request.budget.amount, request.budget.period)
    return BudgetPatch(budget.amount, budget.period)
