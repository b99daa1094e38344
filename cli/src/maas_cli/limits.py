"""Limits as people write them: `requests=20/1m`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Any

import typer
from maas_common.limits import MAX_AMOUNT, Metric, Window

from maas_cli.errors import UsageError
from maas_cli.output import Item

LimitOptions = Annotated[
    list[str] | None,
    typer.Option(
        "--limit",
        metavar="METRIC=AMOUNT/WINDOW",
        help="How much each member may use: requests or total_tokens, a number, and a window like 30s, 1m, 1h or 1d. Repeat for more.",
        show_default=False,
    ),
]


def parse_limits(texts: Iterable[str]) -> list[dict[str, str]]:
    """maas.common.v1.Limit as JSON, in the order given. UsageError names the limit that is wrong and what would be right."""
    limits: list[dict[str, str]] = []
    for text in texts:
        limit = parse_limit(text)
        if limit in [other | {"amount": limit["amount"]} for other in limits]:
            raise UsageError(f'limit "{text}": {limit["metric"]} per {limit["window"]} is limited twice; give it once')
        limits.append(limit)
    return limits


def parse_limit(text: str) -> dict[str, str]:
    """One `metric=amount/window`."""
    metric, equals, rest = text.partition("=")
    amount, slash, window = rest.partition("/")
    if not (equals and slash):
        raise UsageError(f'limit "{text}": want metric=amount/window, like requests=20/1m')
    if metric not in list(Metric):
        raise UsageError(f'limit "{text}": "{metric}" is not counted; want {" or ".join(Metric)}')
    if not (amount.isascii() and amount.isdigit() and 1 <= int(amount) <= MAX_AMOUNT):
        raise UsageError(f'limit "{text}": amount "{amount}": want a whole number from 1 to {MAX_AMOUNT}')
    try:
        Window.parse(window)
    except ValueError as error:
        raise UsageError(f'limit "{text}": {error}') from None
    return {"metric": metric, "amount": str(int(amount)), "window": window}


def limits_text(limits: Sequence[Item] | None) -> str:
    """Limits as they would be given."""
    return ", ".join(_limit_text(limit) for limit in limits or ()) or "none"


def _limit_text(limit: Item) -> str:
    amount: Any = limit.get("amount")
    return f"{limit.get('metric')}={amount}/{limit.get('window')}"
