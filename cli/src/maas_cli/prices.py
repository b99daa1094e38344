"""What models cost, as people write it: `0.15/0.60/0.075`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from maas_cli.errors import UsageError
from maas_cli.money import dollars, micro_dollars, price
from maas_cli.output import Item

PriceOption = Annotated[
    str | None,
    typer.Option(
        "--price",
        metavar="INPUT/OUTPUT[/CACHED]",
        help="What a million tokens cost, in dollars: input, output, and input that the model had cached (as other input when absent).",
        show_default=False,
    ),
]
_MOST = 10**12
_KINDS = ("input", "output", "cached")


def parse_price(text: str) -> dict[str, str]:
    """maas.registry.v1.Pricing as JSON. UsageError says what is wrong and what would be right."""
    parts = text.split("/")
    if not len(_KINDS) - 1 <= len(parts) <= len(_KINDS):
        raise UsageError(f'price "{text}": want INPUT/OUTPUT or INPUT/OUTPUT/CACHED in dollars for a million tokens, like 0.15/0.60')
    pricing: dict[str, str] = {}
    for kind, part in zip(_KINDS, parts, strict=False):
        try:
            micro = micro_dollars(part)
        except ValueError as error:
            raise UsageError(f'price "{text}": {kind} {error}') from None
        if micro > _MOST:
            raise UsageError(f'price "{text}": {kind} "{part}": want at most {dollars(_MOST)} dollars')
        pricing[kind] = str(micro)
    return pricing


def price_text(model: Item) -> str:
    """`$0.15 input, $0.60 output, $0.075 cached input for a million tokens`; `-` for none."""
    pricing: dict[str, Any] | None = model.get("pricing")
    if not pricing:
        return "-"
    shown = [f"{price(int(pricing.get(kind, 0)))} {kind}" for kind in ("input", "output")]
    if "cached" in pricing:
        shown.append(f"{price(int(pricing['cached']))} cached input")
    return f"{', '.join(shown)} for a million tokens"
