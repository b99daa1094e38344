"""Limits as JSON columns keep them: as people write them over REST."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from maas_common.limits import Limit
from maas_common.windows import Window

from maas_keys.core.budget import Budget


def limits_to_json(limits: Iterable[Limit]) -> list[dict[str, Any]]:
    """The column's value."""
    return [
        {
            "id": limit.id,
            "metric": limit.metric.value,
            "amount": limit.amount,
            "window": limit.window.text,
            "per": limit.per.text,
            "over": limit.over.text,
            "notify": list(limit.notify),
        }
        for limit in limits
    ]


def limits_of_json(kept: Iterable[Mapping[str, Any]]) -> tuple[Limit, ...]:
    """The limits of a column."""
    return tuple(Limit.parse(**{**limit, "notify": tuple(limit["notify"])}) for limit in kept)


def budget_of(amount: int | None, period: str | None) -> Budget | None:
    """The budget of the columns `budget_amount` and `budget_period`."""
    return None if amount is None or period is None else Budget(amount, Window.parse(period))
