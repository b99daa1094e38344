"""RecordUsage, on a running service."""

from __future__ import annotations

import asyncio

import grpc
import pytest
from maas.keys.v1.usage_pb2 import BudgetPassed, RecordUsageRequest, UsageRecord
from maas_common.sql import open_database
from maas_common.testing import WORKLOAD
from sqlalchemy import text

LARGEST = 2**63 - 1


def ended(number=1, **fields):
    return UsageRecord(**{"request_id": f"{number:032x}", "outcome": "measured", "tenant": "default", "total_tokens": 12} | fields)


def passed(**fields):
    return BudgetPassed(**{"tenant": "default", "counter": "b:cost:1d:team", "subject": "red", "percent": 80} | fields)


def rows(world, query):
    engine = open_database(world.settings.database_url)
    with engine.connect() as connection:
        found = [tuple(row) for row in connection.execute(text(query))]
    engine.dispose()
    return found


def test_records_and_budgets_are_kept_and_told_apart_from_known_ones(keys_service):
    async def scenario():
        async with keys_service() as world:
            first = RecordUsageRequest(records=[ended(1, cost=LARGEST, user="https://idp|a"), ended(2)], budgets_passed=[passed(used=9)])
            said = await world.usage.RecordUsage(first, metadata=WORKLOAD)
            assert (said.recorded, said.known) == (2, 0)
            again = RecordUsageRequest(records=[ended(2, total_tokens=13), ended(3)], budgets_passed=[passed(used=10)])
            said = await world.usage.RecordUsage(again, metadata=WORKLOAD)
            assert (said.recorded, said.known) == (1, 1)
            query = 'SELECT request_id, total_tokens, cost, "user" FROM usage_records ORDER BY request_id'
            assert rows(world, query) == [(f"{1:032x}", 12, LARGEST, "https://idp|a"), (f"{2:032x}", 12, 0, ""), (f"{3:032x}", 12, 0, "")]
            assert rows(world, "SELECT subject, percent, used FROM budgets_passed") == [("red", 80, 9)]

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"records": [ended(1), ended(2, request_id="r-2")]}, "records[1].request_id"),
        ({"records": [ended(1), ended(2, outcome="guessed")]}, "records[1].outcome"),
        ({"records": [ended(1, cost=LARGEST + 1)]}, "records[0].cost"),
        ({"records": [ended(1), ended(2, user="a\0b")]}, "records[1].user"),
        ({"records": [ended(1)], "budgets_passed": [passed(used=2**64 - 1)]}, "budgets_passed[0].used"),
        ({"records": [ended(1)], "budgets_passed": [passed(subject="\0")]}, "budgets_passed[0].subject"),
    ],
)
def test_a_record_that_is_wrong_is_named_and_nothing_is_kept(keys_service, refused, wrong, named):
    async def scenario():
        async with keys_service() as world:
            error = await refused(world.usage.RecordUsage(RecordUsageRequest(**wrong), metadata=WORKLOAD))
            assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
            assert named in error.details()
            assert rows(world, "SELECT count(*) FROM usage_records") == [(0,)]

    asyncio.run(scenario())
