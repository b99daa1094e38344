"""Money that may be spent within a period."""

from __future__ import annotations

from dataclasses import dataclass

from maas_common.limits import Limit, Metric, Per
from maas_common.windows import Window

TOTAL = "total"
NOTIFIED = (50, 80, 100)
"""Percentages of a budget whose first use in a period is told."""


@dataclass(frozen=True, slots=True)
class Budget:
    """Micro-dollars within a window: a fixed or calendar one, or `total` for once and for all."""

    amount: int
    period: Window

    def limit(self, limit_id: str, per: Per) -> Limit:
        """The limit on cost that this budget is."""
        return Limit(limit_id, Metric.COST, self.amount, self.period, per, notify=NOTIFIED)


@dataclass(frozen=True, slots=True)
class BudgetPatch:
    """A budget to be had instead of another: so many micro-dollars, none for 0; in the same period as before unless one is given."""

    amount: int
    period: Window | None = None

    def of(self, budget: Budget | None) -> Budget | None:
        """What becomes of a budget."""
        before = budget.period if budget else Window.parse(TOTAL)
        return Budget(self.amount, self.period or before) if self.amount else None
