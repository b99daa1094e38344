"""Tables of raw usage. Core tables, not rows of SQLModel: thousands of records come in a second, and none is worked on here."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, String, Table

from maas_keys.adapters.tables import METADATA


def _text(name: str) -> Column[str]:
    return Column(name, String, nullable=False)


def _number(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False)


USAGE_RECORDS = Table(
    "usage_records",
    METADATA,
    Column("request_id", String(32), primary_key=True),
    _text("outcome"),
    _number("admitted_ms"),
    _number("ended_ms"),
    *map(_text, ("tenant", "key", "user", "team", "tier", "group", "model", "price")),
    *map(_number, ("input_tokens", "output_tokens", "cached_tokens", "total_tokens", "cost", "status")),
)
BUDGETS_PASSED = Table(
    "budgets_passed",
    METADATA,
    *(Column(name, String, primary_key=True) for name in ("tenant", "counter", "subject")),
    *(Column(name, BigInteger, primary_key=True, autoincrement=False) for name in ("percent", "window_end")),
    *map(_number, ("used", "amount", "at_ms")),
)
