"""What was used, as ratelimit tells it: raw records, each kept once."""

from __future__ import annotations

from typing import NamedTuple

EXPIRED = "expired"
"""The outcome of an admission whose end was never told; told late after all, the end takes its place."""


class UsageRecord(NamedTuple):
    """One admission that ended. Times are Unix milliseconds; cost is micro-dollars."""

    request_id: str
    outcome: str
    admitted_ms: int
    """0 when that is not known."""
    ended_ms: int
    tenant: str
    key: str
    user: str
    team: str
    tier: str
    group: str
    model: str
    price: str
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    total_tokens: int
    cost: int
    status: int


class BudgetPassed(NamedTuple):
    """A threshold of a limit that was passed for the first time in the window that ends at `window_end` (Unix seconds)."""

    tenant: str
    counter: str
    subject: str
    percent: int
    used: int
    amount: int
    window_end: int
    at_ms: int
