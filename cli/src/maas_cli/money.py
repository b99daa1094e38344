"""Money: people write dollars, services count micro-dollars. Exact, so no floats."""

from __future__ import annotations

import re

_DOLLARS = re.compile(r"([0-9]{1,10})(?:\.([0-9]{1,6}))?", re.ASCII)
_MICRO = 1_000_000
_CENT = 10_000


def micro_dollars(text: str) -> int:
    """`0.15` → 150000; ValueError says what would be right."""
    if not (match := _DOLLARS.fullmatch(text)):
        raise ValueError(f'"{text[:32]}": want dollars, like 50 or 0.15, with at most 6 decimals')
    return int(match[1]) * _MICRO + int((match[2] or "").ljust(6, "0"))


def dollars(micro: int) -> str:
    """150000 → `0.15`."""
    whole, rest = divmod(micro, _MICRO)
    return f"{whole}.{rest:06}".rstrip("0").rstrip(".")


def price(micro: int) -> str:
    """150000 → `$0.15`, 600000 → `$0.60`: in cents at least, and exact."""
    whole, rest = divmod(micro, _MICRO)
    decimals = f"{rest:06}".rstrip("0").ljust(2, "0")
    return f"${whole:,}.{decimals}"


def spent(micro: int) -> str:
    """In cents; what is less than a dollar as exactly as it is counted."""
    return f"${micro / _MICRO:,.2f}" if micro >= _MICRO or micro % _CENT == 0 else price(micro)
