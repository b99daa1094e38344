"""What every KeyStore promises, on every database."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from maas_common.errors import UnavailableError
from maas_common.sql import migrate, open_database
from maas_keys.adapters.sql_store import MIGRATIONS, SqlKeyStore, page_query
from maas_keys.core.api_key import ApiKey, KeyHash, Owner
from maas_keys.core.caller import KeyFilter
from maas_keys.core.changes import Changes
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

ALICE = Owner("https://idp", "sub-1", "alice", ("staff", "system:authenticated"))
BOB = Owner("https://idp", "sub-2", "bob")


def a_key(number, owner=ALICE, request_id=""):
    return ApiKey(
        id=f"key{number:09}",
        prefix="sk-maas-",
        tenant="default",
        name=f"key {number} 鍵",
        description="for\ntests",
        owner=owner,
        created_by=owner.user,
        request_id=request_id,
        hash=KeyHash("p1", bytes(range(32))),
        created_at=1_800_000_000,
        expires_at=1_900_000_000,
    )


@pytest.fixture
def engine(database_url):
    made = open_database(database_url)
    migrate(made, MIGRATIONS)
    yield made
    made.dispose()


@pytest.fixture
def store(engine):
    return SqlKeyStore(engine, history=5)


def test_a_key_is_kept_whole(store):
    async def scenario():
        added = await store.add(a_key(1, request_id="r-1"))
        assert added == replace(a_key(1, request_id="r-1"), created_revision=1, revision=1)
        assert await store.get("key000000001") == added
        assert await store.get("key000000002") is None

    asyncio.run(scenario())


def test_every_change_takes_the_next_revision_and_is_logged_with_it(store):
    async def scenario():
        assert await store.revision() == 0
        await store.add(a_key(1))
        await store.add(a_key(2))
        revoked, did = await store.revoke("key000000001", at=1_800_000_100)
        assert (revoked.revoked_at, revoked.created_revision, revoked.revision, did) == (1_800_000_100, 1, 3, True)
        assert await store.get("key000000001") == revoked
        assert await store.revision() == 3
        assert await store.changes(0) == Changes(3, ("key000000001", "key000000002"))
        assert await store.changes(1) == Changes(3, ("key000000002", "key000000001"))
        assert await store.changes(3) == Changes(3, ())

    asyncio.run(scenario())


def test_revoking_again_changes_nothing(store):
    async def scenario():
        await store.add(a_key(1))
        first, _ = await store.revoke("key000000001", at=1_800_000_100)
        assert await store.revoke("key000000001", at=1_800_000_200) == (first, False)
        assert await store.revision() == 2

    asyncio.run(scenario())


def test_of_many_revocations_at_once_one_does_it(store):
    async def scenario():
        await store.add(a_key(1))
        answers = await asyncio.gather(*(store.revoke("key000000001", at=1_800_000_000 + n) for n in range(8)))
        assert sorted(did for _, did in answers) == [False] * 7 + [True]
        assert len({key for key, _ in answers}) == 1
        assert await store.revision() == 2

    asyncio.run(scenario())


def test_a_request_id_of_the_same_creator_finds_the_key_it_made(store):
    async def scenario():
        first = await store.add(a_key(1, request_id="r-1"))
        assert await store.add(a_key(2, request_id="r-1")) == first
        assert await store.get("key000000002") is None
        assert await store.revision() == 1
        assert (await store.add(a_key(3, owner=BOB, request_id="r-1"))).id == "key000000003"
        assert (await store.add(a_key(4, request_id="r-2"))).id == "key000000004"
        assert [(await store.add(a_key(n))).id for n in (5, 6)] == ["key000000005", "key000000006"]

    asyncio.run(scenario())


def test_of_many_creations_at_once_with_one_request_id_one_is_stored(store):
    async def scenario():
        keys = await asyncio.gather(*(store.add(a_key(n, request_id="r-1")) for n in range(8)))
        assert len(set(keys)) == 1
        assert await store.page(KeyFilter(), before=None, size=10) == [keys[0]]
        assert await store.revision() == 1

    asyncio.run(scenario())


def test_many_writers_at_once_leave_no_gap_in_the_log(engine):
    async def scenario():
        store = SqlKeyStore(engine, history=100)
        await asyncio.gather(*(store.add(a_key(n)) for n in range(20)))
        changes = await store.changes(0)
        assert changes.revision == 20
        assert changes.ids is not None
        assert sorted(changes.ids) == [f"key{n:09}" for n in range(20)]

    asyncio.run(scenario())


def test_an_id_that_is_taken_is_no_retry(store):
    async def scenario():
        await store.add(a_key(1, request_id="r-1"))
        with pytest.raises(IntegrityError) as caught:
            await store.add(a_key(1, request_id="r-2"))
        assert "for\\ntests" not in str(caught.value)
        assert await store.revision() == 1

    asyncio.run(scenario())


def test_a_lookup_brings_the_revision_it_was_read_at(store):
    async def scenario():
        assert await store.lookup("key000000001") == (None, 0)
        key = await store.add(a_key(1))
        assert await store.lookup("key000000001") == (key, 1)
        assert await store.lookup("key000000002") == (None, 1)

    asyncio.run(scenario())


def test_the_log_is_bounded_and_who_missed_more_starts_anew(store):
    async def scenario():
        for number in range(1, 9):
            await store.add(a_key(number))
        assert await store.changes(3) == Changes(8, tuple(f"key{n:09}" for n in range(4, 9)))
        assert await store.changes(2) == Changes(8, None)
        assert await store.changes(0) == Changes(8, None)

    asyncio.run(scenario())


@pytest.mark.parametrize("after", [2, 2**63, 2**64 - 1])
def test_who_is_ahead_of_the_log_starts_anew(store, after):
    async def scenario():
        await store.add(a_key(1))
        assert await store.changes(after) == Changes(1, None)

    asyncio.run(scenario())


def test_pages_are_newest_first_and_stay_so_while_keys_are_added(store):
    async def scenario():
        for number in range(1, 8):
            await store.add(a_key(number, owner=ALICE if number % 2 else BOB))

        async def ids(keys, before):
            return [(k.id, k.created_revision) for k in await store.page(keys, before=before, size=2)]

        assert await ids(KeyFilter(), None) == [("key000000007", 7), ("key000000006", 6)]
        await store.add(a_key(8))
        await store.revoke("key000000005", at=1_800_000_100)
        assert await ids(KeyFilter(), 6) == [("key000000005", 5), ("key000000004", 4)]
        assert await ids(KeyFilter(owner=ALICE), 7) == [("key000000005", 5), ("key000000003", 3)]
        assert await ids(KeyFilter(owner=replace(ALICE, username="renamed")), 3) == [("key000000001", 1)]
        assert await ids(KeyFilter(username="bob"), None) == [("key000000006", 6), ("key000000004", 4)]
        assert await ids(KeyFilter(username="carol"), None) == []
        assert await ids(KeyFilter(), 1) == []

    asyncio.run(scenario())


@pytest.mark.parametrize("keys", [KeyFilter(), KeyFilter(owner=ALICE), KeyFilter(username="alice")])
def test_a_page_is_a_stretch_of_an_index_however_deep(engine, keys):
    statement = page_query(keys, 500, 10).compile(engine, compile_kwargs={"literal_binds": True})
    with engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            plan = "\n".join(row.detail for row in connection.execute(text(f"EXPLAIN QUERY PLAN {statement}")))
            assert "USING INDEX" in plan
            assert "created_revision<?" in plan
            assert "TEMP B-TREE" not in plan
            return
        # An empty table is scanned whatever its indexes: what is asked is whether an index could serve.
        connection.execute(text("SET LOCAL enable_seqscan = off"))
        connection.execute(text("SET LOCAL enable_bitmapscan = off"))
        connection.execute(text("SET LOCAL enable_sort = off"))
        plan = "\n".join(row[0] for row in connection.execute(text(f"EXPLAIN {statement}")))
        assert "Index Scan Backward" in plan
        assert "created_revision < 500" in plan
        assert "Sort" not in plan


def test_what_one_process_writes_another_reads(engine, database_url):
    other_engine = open_database(database_url)

    async def scenario():
        here, there = SqlKeyStore(engine, history=5), SqlKeyStore(other_engine, history=5)
        key = await here.add(a_key(1))
        assert await there.lookup("key000000001") == (key, 1)
        await there.revoke("key000000001", at=1_800_000_100)
        assert await here.changes(1) == Changes(2, ("key000000001",))

    asyncio.run(scenario())
    other_engine.dispose()


def test_a_database_that_does_not_answer_is_told_from_a_key_that_does_not_exist(tmp_path):
    async def scenario():
        file = tmp_path / "keys.db"
        engines = [open_database(f"sqlite:///{file}"), open_database("postgresql+psycopg://nobody@127.0.0.1:1/keys")]
        file.unlink()
        file.mkdir()
        for engine in engines:
            store = SqlKeyStore(engine, history=5)
            for call in (store.get("key000000001"), store.lookup("key000000001"), store.revision(), store.add(a_key(1))):
                with pytest.raises(UnavailableError, match="does not answer"):
                    await call

    asyncio.run(scenario())
