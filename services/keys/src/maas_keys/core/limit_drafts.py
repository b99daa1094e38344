"""Limits and budgets, from what people write."""

from __future__ import annotations

from collections.abc import Sequence

from maas_common.errors import InvalidArgumentError
from maas_common.limit_drafts import LimitDraft
from maas_common.limits import Limit, Scope
from maas_common.windows import CalendarWindow, FixedWindow, Window

from maas_keys.core.budget import TOTAL, Budget

BUDGET_ID = "budget"
"""The id of the limit that a budget becomes in a plan: no other may have it."""


def limits_of(field: str, drafts: Sequence[LimitDraft], *, per: Scope) -> tuple[Limit, ...]:
    """The limits; `per` where a draft says nothing. InvalidArgumentError names the part that is wrong: `limits[1].window`."""
    limits: list[Limit] = []
    places: dict[str, str] = {BUDGET_ID: "the budget"}
    for position, draft in enumerate(drafts):
        place = f"{field}[{position}]"
        limit = draft.limit(place, per=per)
        if limit.id in places:
            raise InvalidArgumentError.of(f"{place}.id", f'"{limit.id}" is taken by {places[limit.id]}; give this one another id')
        places[limit.id] = place
        limits.append(limit)
    return tuple(limits)


def budget_of(field: str, amount: int, period: str) -> Budget:
    """So many micro-dollars within a period, `total` when that is empty. InvalidArgumentError when the period is none."""
    try:
        window = Window.parse(period or TOTAL)
    except ValueError as error:
        raise InvalidArgumentError.of(f"{field}.period", str(error)) from None
    if window.text != TOTAL and not isinstance(window, FixedWindow | CalendarWindow):
        raise InvalidArgumentError.of(
            f"{field}.period",
            f'"{window.text}" has no end at which a budget is whole again; want total, a calendar period like month, or 7d',
        )
    return Budget(amount, window)
