"""What was used reaches keys: one record for each admission that ended, and each threshold of a budget once."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from typing import Any

import pytest

LIMITS = [
    {"metric": "requests", "amount": 100, "window": "1h"},
    {"metric": "total_tokens", "amount": 1_000_000, "window": "1h"},
    {"metric": "cost", "amount": 40, "window": "month", "notify": [50, 100], "over": "shadow"},
]
PRICE = {"input": 1_000_000, "output": 2_000_000}


@pytest.fixture
def priced(world, upstream):
    """Each answer of it costs 3 + 2 * 4 = 11 micro-dollars."""
    world.admin("POST", "/v1/assets/models", {"id": "billed", "url": upstream.url, "publishedTo": "all", "pricing": PRICE})
    yield "billed"
    world.admin("DELETE", "/v1/assets/models/billed")


def kept(stack, query: str, *values: str, wanted: int) -> list[dict[str, Any]]:
    """Rows of keys' database, once there are so many."""
    deadline = time.monotonic() + 20
    while True:
        with closing(sqlite3.connect(f"file:{stack.state.database('keys')}?mode=ro", uri=True)) as database:
            database.row_factory = sqlite3.Row
            rows = [dict(row) for row in database.execute(query, values)]
        if len(rows) >= wanted:
            return rows
        assert time.monotonic() < deadline, f"{len(rows)} of {wanted} rows came"


def test_counters_and_records_agree_to_the_token(stack, customer, priced):
    someone = customer(LIMITS)
    for _ in range(3):
        assert someone.chat(priced).status_code == 200
    with someone.world.gateway.stream(
        "POST",
        "/v1/chat/completions",
        json={"model": "smollm2", "stream": True, "messages": [{"role": "user", "content": "Count to ten."}], "max_tokens": 12},
        headers=someone.headers,
    ) as answer:
        assert answer.read()
    used = someone.settled()
    records = kept(stack, "SELECT * FROM usage_records WHERE key = ?", someone.key_id, wanted=4)
    assert len(records) == used["requests"] == 4
    assert {record["outcome"] for record in records} == {"measured"}
    assert {(record["tier"], record["user"], record["status"]) for record in records} == {(someone.tier, someone.user, 200)}
    assert sum(record["total_tokens"] for record in records) == used["total_tokens"]
    assert sum(record["cost"] for record in records) == used["cost"] == 33


def test_each_threshold_of_a_budget_is_told_once(stack, customer, priced):
    someone = customer(LIMITS)
    for _ in range(5):
        assert someone.chat(priced).status_code == 200
        someone.settled()
    passed = kept(stack, "SELECT * FROM budgets_passed WHERE subject = ? ORDER BY percent", someone.user, wanted=2)
    assert [(row["percent"], row["used"], row["amount"]) for row in passed] == [(50, 22, 40), (100, 44, 40)]
