"""Budgets as people write them: `50usd` once and for all, `50usd/month in Europe/Berlin`."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from maas_common.limits import Limit, Metric

from maas_cli.errors import UsageError
from maas_cli.money import dollars, micro_dollars
from maas_cli.output import Item

TOTAL = "total"
USD = "usd"
_WANT = "want dollars like 50usd, and a period when it is not once and for all, like 50usd/month"

BudgetOption = Annotated[
    str | None,
    typer.Option(
        "--budget",
        metavar="BUDGET",
        help="How much may be spent: 50usd once and for all, 50usd/month, 9.50usd/week from sunday in Europe/Berlin, 50usd/7d.",
        show_default=False,
    ),
]
NoBudget = Annotated[bool, typer.Option("--no-budget", help="Take the budget away.")]


def parse_budget(text: str | None) -> dict[str, str] | None:
    """maas.common.v1.Budget as JSON, None for none. UsageError says what is wrong and what would be right."""
    if text is None:
        return None
    amount, _, period = text.partition("/")
    if not amount.endswith(USD):
        raise UsageError(f'budget "{text}": {_WANT}')
    try:
        micro = micro_dollars(amount.removesuffix(USD))
        Limit.parse(id="", metric=Metric.COST, amount=micro, window=period or TOTAL, notify=(100,))
    except ValueError as error:
        wrong = str(error).replace("notify: window", "period").replace("window", "period", 1)
        raise UsageError(f'budget "{text}": {wrong}') from None
    return {"amount": str(micro), "period": period or TOTAL}


def budget_text(item: Item) -> str:
    """The budget of an item as it would be given; `-` for none."""
    budget: dict[str, Any] | None = item.get("budget")
    if not budget:
        return "-"
    period = budget.get("period") or TOTAL
    return f"{dollars(int(budget['amount']))}{USD}" + ("" if period == TOTAL else f"/{period}")
