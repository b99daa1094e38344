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
