"""Usage events: what an outbox holds, as lines of text whose fields are parted by U+001F.

    u  request id  outcome  admitted (Unix ms, 0 unknown)  ended (Unix ms)  record      one for each admission that ended
    b  tenant  counter  subject  percent  used  amount  end  at (Unix ms)               a budget's threshold was passed

A record is tenant, key, user, team, tier, group, model, price, input, output, cached, total, cost, code; counts are "-" while unknown.
Outcomes: measured, estimated, expired.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

SEPARATOR = "\x1f"
UNKNOWN = "-"
_REPLACEMENT = "\ufffd"


class Usage(NamedTuple):
    """One admission that ended."""

    rid: str
    outcome: str
    admitted_ms: int
    ended_ms: int
    tenant: str
    key: str
    user: str
    team: str
    tier: str
    group: str
    model: str
    price: str
    input: int
    output: int
    cached: int
    total: int
    cost: int
    """Micro-dollars."""
    code: int


class BudgetPassed(NamedTuple):
    """`used` of a limit's amount has passed `percent` of it, for the first time in the window that ends at `end`."""

    tenant: str
    counter: str
    subject: str
    percent: int
    used: int
    amount: int
    end: int
    at_ms: int


def record(facts: Iterable[str], counts: Iterable[int | None]) -> str:
    """A record's text: tenant to price, and input to code."""
    texts = [*facts, *[UNKNOWN if count is None else str(count) for count in counts]]
    joined = SEPARATOR.join(texts)
    if joined.count(SEPARATOR) != len(texts) - 1:
        joined = SEPARATOR.join([text.replace(SEPARATOR, _REPLACEMENT) for text in texts])
    return joined


def usage_line(rid: str, outcome: str, admitted_ms: int, ended_ms: int, text: str) -> str:
    """The line of an admission that ended; `text` is its record."""
    return f"u{SEPARATOR}{rid}{SEPARATOR}{outcome}{SEPARATOR}{admitted_ms}{SEPARATOR}{ended_ms}{SEPARATOR}{text}"


def budget_line(passed: BudgetPassed) -> str:
    """The line of a threshold that was passed."""
    return SEPARATOR.join(["b", *[str(field).replace(SEPARATOR, "+") for field in passed]])


def read_line(line: str) -> Usage | BudgetPassed:
    """ValueError when it is no such line."""
    kind, *fields = line.split(SEPARATOR)
    if kind == "b" and len(fields) == len(BudgetPassed._fields):
        tenant, counter, subject, *numbers = fields
        return BudgetPassed(tenant, counter, subject, *map(int, numbers))
    if kind == "u" and len(fields) == len(Usage._fields):
        rid, outcome, admitted, ended = fields[:4]
        return Usage(rid, outcome, int(admitted), int(ended), *fields[4:12], *map(_count, fields[12:]))  # type: ignore[arg-type] # as many as there are fields
    raise ValueError(f"an event of kind {kind[:16]!r} with {len(fields)} fields is not known")


def _count(text: str) -> int:
    return 0 if text == UNKNOWN else int(text)
