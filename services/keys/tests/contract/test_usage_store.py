"""What every UsageStore promises, on every database."""

from __future__ import annotations

import asyncio

import pytest
from maas_common.errors import UnavailableError
from maas_common.sql import open_database
from maas_keys.adapters.usage_store import SqlUsageStore
from maas_keys.adapters.usage_tables import BUDGETS_PASSED, USAGE_RECORDS
from maas_keys.core.usage import BudgetPassed, UsageRecord
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError


def ended(number, **fields):
    record = UsageRecord(
        request_id=f"{number:032x}",
        outcome="measured",
        admitted_ms=1_800_000_000_123,
        ended_ms=1_800_000_001_456,
        tenant="default",
        key="key000000001",
        user="https://idp|älice",
        team="-",
        tier="free",
        group="system:authenticated",
        model="small",
        price="100/200/50",
        input_tokens=2**40,
        output_tokens=7,
        cached_tokens=2,
        total_tokens=2**40 + 7,
        cost=2**63 - 1,
        status=200,
    )
    return record._replace(**fields)


def passed(percent=80, **fields):
    return BudgetPassed("default", "budget:cost:1d:team", "red", percent, 81, 100, 1_800_000_000, 1_799_999_000_000)._replace(**fields)


@pytest.fixture
def engine(migrated_url):
    made = open_database(migrated_url)
    yield made
    made.dispose()


@pytest.fixture
def store(engine):
    return SqlUsageStore(engine)


@pytest.fixture
def kept(engine):
    """Everything that the database keeps."""

    def read(table, kind):
        with engine.connect() as connection:
            return {kind(**row._mapping) for row in connection.execute(select(table))}

    return lambda: (read(USAGE_RECORDS, UsageRecord), read(BUDGETS_PASSED, BudgetPassed))


def test_records_and_budgets_are_kept_whole(store, kept):
    async def scenario():
        assert await store.record([ended(1), ended(2, outcome="estimated")], [passed(50), passed(80)]) == 2

    asyncio.run(scenario())
    assert kept() == ({ended(1), ended(2, outcome="estimated")}, {passed(50), passed(80)})


def test_nothing_to_keep_is_kept(store, kept):
    assert asyncio.run(store.record([], [])) == 0
    assert kept() == (set(), set())


def test_what_is_known_stays_as_it_is(store, kept):
    async def scenario():
        await store.record([ended(1)], [passed(used=81)])
        assert await store.record([ended(1, total_tokens=9), ended(2)], [passed(used=99), passed(window_end=1_800_086_400)]) == 1

    asyncio.run(scenario())
    assert kept() == ({ended(1), ended(2)}, {passed(used=81), passed(window_end=1_800_086_400)})


def test_a_record_that_comes_twice_in_one_batch_is_kept_once(store, kept):
    assert asyncio.run(store.record([ended(1), ended(1, total_tokens=9)], [passed(used=81), passed(used=81)])) == 1
    assert kept() == ({ended(1)}, {passed(used=81)})


def test_a_late_end_takes_the_place_of_an_expiry_and_keeps_when_it_was_admitted(store, kept):
    async def scenario():
        expired = ended(1, outcome="expired", total_tokens=0)
        assert await store.record([expired], []) == 1
        assert await store.record([expired._replace(ended_ms=5)], []) == 0
        assert await store.record([ended(1, admitted_ms=0, ended_ms=1_800_004_000_000)], []) == 1
        assert await store.record([expired], []) == 0

    asyncio.run(scenario())
    assert kept()[0] == {ended(1, ended_ms=1_800_004_000_000)}


def test_an_expiry_and_its_late_end_in_one_batch_leave_the_end(store, kept):
    assert asyncio.run(store.record([ended(1, outcome="expired"), ended(1)], [])) == 2
    assert kept()[0] == {ended(1)}


def test_the_same_batches_at_once_in_any_order_are_kept_once(store, kept):
    async def scenario():
        records, budgets = [ended(n) for n in range(200)], [passed(n) for n in range(100)]
        several = [store.record(records[:: 1 - 2 * (n % 2)], budgets[:: 1 - 2 * (n % 2)]) for n in range(6)]
        assert sum(await asyncio.gather(*several)) == 200

    asyncio.run(scenario())
    assert kept() == ({ended(n) for n in range(200)}, {passed(n) for n in range(100)})


def test_a_batch_that_fails_leaves_nothing(store, kept):
    with pytest.raises(IntegrityError):
        asyncio.run(store.record([ended(1), ended(2, model=None)], [passed()]))
    assert kept() == (set(), set())


def test_a_database_that_does_not_answer_says_so():
    store = SqlUsageStore(open_database("postgresql+psycopg://nobody@127.0.0.1:1/keys"))
    with pytest.raises(UnavailableError, match="does not answer"):
        asyncio.run(store.record([ended(1)], []))
