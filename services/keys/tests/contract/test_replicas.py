"""Replicas tell each other of themselves through PostgreSQL."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager

import pytest
from maas_common.sql import open_database
from maas_common.testing.databases import postgres_database
from maas_keys.adapters.notifications import Notifications
from maas_keys.adapters.replicas import CHANNEL, REPLICAS, SqlReplicas
from maas_keys.core.replica import Followers
from sqlalchemy import text, update

NOBODY = Followers({}, {})


@pytest.fixture
def engine(postgres):
    with postgres_database(postgres) as url:
        made = open_database(url)
        REPLICAS.create(made)
        yield made
        made.dispose()


def grow_old(engine, name, seconds):
    with engine.begin() as connection:
        connection.execute(update(REPLICAS).where(REPLICAS.c.name == name).values(seen_at=REPLICAS.c.seen_at - seconds))


@contextmanager
def listening(engine, listeners):
    task = asyncio.ensure_future(Notifications(engine, listeners).run())
    try:
        yield
    finally:
        task.cancel()


def test_each_hears_what_the_others_said_last(engine):
    async def scenario():
        a, b, c = (SqlReplicas(engine, f"keys-{letter}") for letter in "abc")
        await b.tell(Followers({"authz-1": 3}, {"authz-2": 60.0}))
        await c.tell(NOBODY)
        assert [(one.name, one.followers) for one in await c.others()] == [
            ("keys-b", Followers({"authz-1": 3}, {"authz-2": pytest.approx(60, abs=30)}))
        ]
        await b.tell(Followers({"authz-1": 4}, {}))
        seen = await a.others()
        assert [(one.name, one.followers) for one in seen] == [("keys-b", Followers({"authz-1": 4}, {})), ("keys-c", NOBODY)]
        assert all(0 <= one.age_s < 60 for one in seen)

    asyncio.run(scenario())


def test_who_is_missed_is_missed_for_less_as_time_passes(engine):
    async def scenario():
        a, b = SqlReplicas(engine, "keys-a"), SqlReplicas(engine, "keys-b")
        await b.tell(Followers({}, {"soon": 100.0, "later": 1000.0}))
        grow_old(engine, "keys-b", 500)
        (seen,) = await a.others()
        assert seen.age_s == pytest.approx(500, abs=50)
        assert seen.followers.missing == {"later": pytest.approx(500, abs=50)}

    asyncio.run(scenario())


def test_a_lost_replica_is_taken_over_unless_it_has_spoken_again(engine):
    async def scenario():
        a, b, c = (SqlReplicas(engine, f"keys-{letter}") for letter in "abc")
        await b.tell(NOBODY)
        grow_old(engine, "keys-b", 500)
        (lost,) = await a.others()
        await b.tell(NOBODY)
        await a.take_over(lost, NOBODY)
        assert [one.name for one in await c.others()] == ["keys-a", "keys-b"]
        grow_old(engine, "keys-b", 500)
        (lost,) = await a.others()
        await a.take_over(lost, Followers({}, {"authz-1": 100.0}))
        assert [(one.name, list(one.followers.missing)) for one in await c.others()] == [("keys-a", ["authz-1"])]

    asyncio.run(scenario())


@pytest.mark.parametrize(("missing", "left"), [({}, []), ({"authz-1": 100.0}, ["keys-b"])])
def test_a_replica_that_leaves_stays_in_the_table_only_for_whom_it_misses(engine, missing, left):
    async def scenario():
        a, b = SqlReplicas(engine, "keys-a"), SqlReplicas(engine, "keys-b")
        await b.tell(NOBODY)
        await b.leave(Followers({}, missing))
        assert [one.name for one in await a.others()] == left

    asyncio.run(scenario())


def test_who_listens_is_told_at_once_and_again_after_its_connection_broke(engine):
    async def scenario():
        heard = asyncio.Event()

        async def hears():
            await heard.wait()
            heard.clear()

        with listening(engine, {CHANNEL: heard.set}):
            await hears()  # connected: something may have been missed
            await SqlReplicas(engine, "keys-a").tell(NOBODY)
            await hears()
            with engine.begin() as connection:
                connection.execute(
                    text(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = current_database()"
                    )
                )
            await hears()
            await SqlReplicas(engine, "keys-b").tell(NOBODY)
            await hears()

    asyncio.run(scenario())
