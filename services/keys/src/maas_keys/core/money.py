"""Dollars as people write them, as the micro-dollars that are kept."""

from __future__ import annotations

from decimal import Decimal

from maas_common.errors import InvalidArgumentError
from maas_common.limits import MAX_AMOUNT

_MICRO = 1_000_000


def micro_dollars(field: str, dollars: float) -> int:
    """Exactly what is written, from 0; InvalidArgumentError for what is no amount of micro-dollars.

    The shortest decimal that reads as this float is what was written: 0.1 is 100000 micro-dollars.
    """
    exact = Decimal(str(dollars)) * _MICRO
    if not exact.is_finite() or not 0 <= exact <= MAX_AMOUNT:
        raise InvalidArgumentError.of(field, f"{dollars}: want dollars from 0 to {MAX_AMOUNT // _MICRO}")
    if exact != exact.to_integral_value():
        raise InvalidArgumentError.of(field, f"{dollars}: want at most six digits after the point; the smallest amount is 0.000001")
    return int(exact)


def dollars(amount: int) -> float:
    """Micro-dollars, in dollars."""
    return amount / _MICRO
