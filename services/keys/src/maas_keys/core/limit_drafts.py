"""Limits and budgets, from what people write."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from maas_common.errors import InvalidArgumentError
from maas_common.limits import Limit, Scope, default_id
from maas_common.windows import CalendarWindow, FixedWindow, Window

from maas_keys.core.budget import TOTAL, Budget

BUDGET_ID = "budget"
"""The id of the limit that a budget becomes in a plan: no other may have it."""


@dataclass(frozen=True, slots=True)
class LimitDraft:
    """A limit as somebody asks for it; what has a default may be left out."""

    metric: str
    amount: int
    window: str = ""
    id: str = ""
    per: str = ""
    over: str = ""
    notify: tuple[int, ...] = ()


def limits_of(field: str, drafts: Sequence[LimitDraft], *, per: Scope) -> tuple[Limit, ...]:
    """The limits; `per` where a draft says nothing. InvalidArgumentError names the part that is wrong: `limits[1].window`."""
    limits: list[Limit] = []
    places: dict[str, str] = {BUDGET_ID: "the budget"}
    for position, draft in enumerate(drafts):
        place = f"{field}[{position}]"
        limit = _limit(place, draft, per)
        if limit.id in places:
            raise InvalidArgumentError.of(f"{place}.id", f'"{limit.id}" is taken by {places[limit.id]}; give this one another id')
        places[limit.id] = place
        limits.append(limit)
    return tuple(limits)


def _limit(place: str, draft: LimitDraft, per: Scope) -> Limit:
    try:
        return Limit.parse(
            id=draft.id or default_id(draft.metric, draft.window),
            metric=draft.metric,
            amount=draft.amount,
            window=draft.window,
            per=draft.per or per,
            over=draft.over,
            notify=draft.notify,
        )
    except ValueError as error:
        part, _, _ = str(error).replace(":", " ").partition(" ")
        raise InvalidArgumentError.of(f"{place}.{part}", str(error)) from None


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
