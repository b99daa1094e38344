"""What every KeyStore promises of one key, on every database."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from maas_common.errors import ConflictError, FailedPreconditionError, UnavailableError
from maas_common.limits import Limit
from maas_common.sql import open_database
from maas_common.windows import Window
from maas_keys.adapters.key_tables import LABELS
from maas_keys.adapters.sql_keys import SqlKeyStore
from maas_keys.core.api_key import KeyHash, KeyKind, Owner, OwnerKind, Scope
from maas_keys.core.budget import Budget
from maas_keys.core.changes import Change, Changes, Kind
from maas_keys.core.search import KeyFilter, KeyQuery
from maas_keys.core.user import Person
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

EVERYTHING = {
    "hashes": (KeyHash("p2", b"n" * 32), KeyHash("p1", b"o" * 32, 1_850_000_000)),
    "updated_at": 1_800_000_001,
    "kind": KeyKind.PERSONAL,
    "is_ephemeral": True,
    "team": "red",
    "scope": Scope(("small", "größer"), ("search",), ("documents",), ("helper",)),
    "subscription": "premium",
    "limits": (
        Limit.parse(id="requests-1m", metric="requests", amount=7, window="1m", per="key", over="soft 20", notify=(50, 100)),
        Limit.parse(id="concurrency", metric="concurrency", amount=2, per="key+model"),
    ),
    "budget": Budget(2**50, Window.parse("month from 15 in Europe/Berlin")),
    "labels": {"env": "prod", "größe": "a b"},
    "allowed_ips": ("10.0.0.0/8", "2001:db8::/32"),
    "pending_reasons": ("its budget is large",),
    "approved_by": "https://idp|sub-admin",
    "is_disabled": True,
    "revoked_at": 1_800_000_002,
}


def logged(*ids):
    return tuple(Change(Kind.KEY, "default", key_id) for key_id in ids)


def test_a_key_is_kept_whole(keys, a_key):
    async def scenario():
        added = await keys.add(a_key(1, request_id="r-1", **EVERYTHING))
        assert added == a_key(1, request_id="r-1", **EVERYTHING, created_revision=1, revision=1)
        assert await keys.get("default", "key000000001") == added
        assert await keys.page(KeyQuery(KeyFilter("default"), 10)) == [added]
        found, revision = await keys.lookup("key000000001")
        assert (found.key, revision) == (added, 1)
        assert await keys.get("default", "key000000002") is None

    asyncio.run(scenario())


def test_a_changed_key_is_kept_whole(keys, a_key, log):
    async def scenario():
        added = await keys.add(a_key(1, labels={"env": "test", "team": "red"}))
        changed = replace(added, name="neu", description="", expires_at=1_900_000_001, prefix="sk-", **EVERYTHING | {"kind": added.kind})
        assert await keys.put(changed) == replace(changed, revision=2)
        back = replace(added, revision=2)
        assert await keys.put(back) == replace(back, revision=3)
        assert await keys.get("default", added.id) == replace(back, revision=3)
        assert await log.changes(1) == Changes(3, logged(added.id))

    asyncio.run(scenario())


def test_a_key_that_changed_since_it_was_read_is_not_overwritten(keys, a_key, log):
    async def scenario():
        read = await keys.add(a_key(1))
        now = await keys.put(replace(read, is_disabled=True))
        for late in (keys.put(replace(read, name="mine", labels={"a": "b"})), keys.delete(read), keys.put(a_key(2, revision=1))):
            with pytest.raises(ConflictError, match=r'API key "key00000000[12]" was changed meanwhile'):
                await late
        assert await keys.get("default", read.id) == now
        assert await log.revision() == 2

    asyncio.run(scenario())


def test_of_many_changes_at_once_of_what_was_read_one_is_kept(keys, a_key, log):
    async def scenario():
        read = await keys.add(a_key(1))
        answers = await asyncio.gather(*(keys.put(replace(read, name=f"name {n}")) for n in range(8)), return_exceptions=True)
        kept = [answer for answer in answers if not isinstance(answer, ConflictError)]
        assert kept == [await keys.get("default", read.id)]
        assert await log.revision() == 2

    asyncio.run(scenario())


def test_a_deleted_key_is_forgotten_with_its_labels(keys, a_key, engine, log):
    async def scenario():
        read = await keys.add(a_key(1, labels={"env": "prod"}, request_id="r-1"))
        await keys.add(a_key(2, labels={"env": "prod"}))
        assert await keys.delete(read) == 3
        assert await keys.get("default", read.id) is None
        assert await keys.lookup(read.id) == (None, 3)
        assert await log.changes(2) == Changes(3, logged(read.id))
        with pytest.raises(ConflictError):
            await keys.delete(read)
        assert (await keys.add(replace(read, id="key000000003"))).id == "key000000003"

    asyncio.run(scenario())
    with engine.connect() as connection:
        assert connection.execute(select(LABELS.c.key_id).order_by(LABELS.c.key_id)).scalars().all() == ["key000000002", "key000000003"]


def test_an_owner_is_as_they_are_known_now(keys, users, a_key):
    async def scenario():
        added = await keys.add(a_key(1))
        await users.seen(Person("default", "https://idp", "sub-alice", "alicia", "", ("red", "blue"), 1_750_000_000), at=1_750_000_000)
        now = Owner("https://idp", "sub-alice", "alicia", OwnerKind.USER, ("blue", "red"), 1_750_000_000)
        assert await keys.get("default", added.id) == replace(added, owner=now)
        assert (await keys.lookup(added.id))[0].key.owner == now
        assert [key.owner for key in await keys.page(KeyQuery(KeyFilter("default", username="alicia"), 10))] == [now]
        assert await keys.page(KeyQuery(KeyFilter("default", username="alice"), 10)) == []

    asyncio.run(scenario())


def test_service_accounts_have_groups_that_do_not_age_and_groups_are_their_own(keys, users, a_key):
    async def scenario():
        account = Person("default", "service-account", "ci", "ci", "", ("builders",), 0, OwnerKind.SERVICE_ACCOUNT)
        await users.seen(account, at=1_750_000_000)
        first = await keys.add(replace(a_key(1), owner=Owner("service-account", "ci", "ci", account.kind)))
        assert first.owner == Owner("service-account", "ci", "ci", OwnerKind.SERVICE_ACCOUNT, ("builders",), 0)
        group = Owner("group", "staff", "staff", OwnerKind.GROUP, ("staff",), 0)
        assert (await keys.add(replace(a_key(2), owner=replace(group, groups=())))).owner == group
        assert [key.id for key in await keys.page(KeyQuery(KeyFilter("default", username="staff"), 10))] == ["key000000002"]

    asyncio.run(scenario())


def test_every_change_takes_the_next_revision(keys, a_key, log):
    async def scenario():
        assert await log.revision() == 0
        first = await keys.add(a_key(1))
        await keys.add(a_key(2))
        changed = await keys.put(replace(first, revoked_at=1_800_000_100))
        assert (changed.created_revision, changed.revision) == (1, 3)
        assert await log.changes(0) == Changes(3, logged("key000000001", "key000000002"))
        assert await log.changes(1) == Changes(3, logged("key000000002", "key000000001"))

    asyncio.run(scenario())


def test_a_request_id_of_the_same_creator_finds_the_key_it_made(keys, a_key, log):
    async def scenario():
        first = await keys.add(a_key(1, request_id="r-1"))
        assert await keys.add(a_key(2, owner="bob", request_id="r-1")) == first
        assert await keys.get("default", "key000000002") is None
        assert await log.revision() == 1
        others = [
            a_key(3, request_id="r-1", created_by="https://idp|sub-bob"),
            a_key(4, request_id="r-1", tenant="other"),
            a_key(5, request_id="r-2"),
            a_key(6),
            a_key(7),
        ]
        assert [(await keys.add(key)).id for key in others] == [key.id for key in others]

    asyncio.run(scenario())


def test_of_many_creations_at_once_with_one_request_id_one_is_stored(keys, a_key, log):
    async def scenario():
        made = await asyncio.gather(*(keys.add(a_key(n, request_id="r-1")) for n in range(8)))
        assert len({key.id for key in made}) == 1
        assert await keys.page(KeyQuery(KeyFilter("default"), 10)) == made[:1]
        assert await log.revision() == 1

    asyncio.run(scenario())


@pytest.mark.parametrize("kind", [KeyKind.PERSONAL, KeyKind.PLAYGROUND])
def test_each_has_one_personal_and_one_playground_key_that_is_not_revoked(keys, a_key, kind):
    async def scenario():
        other = {KeyKind.PERSONAL: KeyKind.PLAYGROUND, KeyKind.PLAYGROUND: KeyKind.PERSONAL}[kind]
        made = await asyncio.gather(*(keys.add(a_key(n, kind=kind)) for n in range(4)))
        assert len({key.id for key in made}) == 1
        assert await keys.of_kind("default", "https://idp|sub-alice", kind) == made[0]
        assert await keys.of_kind("default", "https://idp|sub-alice", other) is None
        assert await keys.of_kind("default", "https://idp|sub-bob", kind) is None
        elsewhere = [a_key(5, "bob", kind=kind), a_key(6, kind=kind, tenant="other"), a_key(7, kind=other), a_key(8), a_key(9)]
        assert [(await keys.add(key)).id for key in elsewhere] == [key.id for key in elsewhere]
        await keys.put(replace(made[0], revoked_at=1_800_000_100))
        assert await keys.of_kind("default", "https://idp|sub-alice", kind) is None
        assert (await keys.add(a_key(10, kind=kind))).id == "key000000010"

    asyncio.run(scenario())


def test_no_key_is_made_in_a_team_that_is_gone(keys, a_key, log):
    async def scenario():
        with pytest.raises(FailedPreconditionError, match='team "blue" was deleted meanwhile'):
            await keys.add(a_key(1, team="blue"))
        assert await log.revision() == 0

    asyncio.run(scenario())


def test_many_writers_at_once_leave_no_gap_in_the_log(keys, a_key, log):
    async def scenario():
        made = await asyncio.gather(*(keys.add(a_key(n)) for n in range(20)))
        assert sorted(key.created_revision for key in made) == list(range(1, 21))
        changes = await log.changes(0)
        assert changes.revision == 20
        assert set(changes.changed) == set(logged(*(f"key{n:09}" for n in range(20))))

    asyncio.run(scenario())


def test_an_id_that_is_taken_is_no_retry(keys, a_key, log):
    async def scenario():
        await keys.add(a_key(1, request_id="r-1"))
        for taken in (a_key(1, request_id="r-2"), a_key(1, tenant="other")):
            with pytest.raises(IntegrityError) as caught:
                await keys.add(taken)
            assert "for\\ntests" not in str(caught.value)
        assert await log.revision() == 1

    asyncio.run(scenario())


def test_when_keys_were_last_used_only_goes_up_and_is_not_logged(keys, a_key, log):
    async def scenario():
        read = await keys.add(a_key(1))
        await keys.add(a_key(2))
        await keys.record_used({"key000000001": 1_800_000_100, "key000000009": 1_800_000_100})
        await keys.record_used({"key000000001": 1_800_000_099, "key000000002": 1_800_000_001})
        await keys.record_used({})
        used = [key.last_used_at for key in await keys.page(KeyQuery(KeyFilter("default"), 10))]
        assert used == [1_800_000_001, 1_800_000_100]
        assert await log.revision() == 2
        assert (await keys.put(replace(read, name="renamed"))).last_used_at == 1_800_000_100

    asyncio.run(scenario())


def test_uses_recorded_while_keys_are_revoked_wait_for_nobody_in_a_circle(keys, a_key):
    async def scenario():
        await keys.add_foreign([a_key(n) for n in range(1500)])
        used = {f"key{n:09}": 1_800_000_100 for n in range(1500)}
        later = {key: at + 1 for key, at in reversed(used.items())}
        everything = KeyFilter("default")
        *_, ended = await asyncio.gather(keys.record_used(used), keys.record_used(later), keys.revoke_all(everything, at=1_800_000_200))
        assert ended == (1500, 1501)
        assert await keys.count(KeyFilter("default", last_used_after=1_800_000_101)) == 1500

    asyncio.run(scenario())


def test_what_one_process_writes_another_reads(keys, a_key, log, migrated_url):
    other_engine = open_database(migrated_url)

    async def scenario():
        there = SqlKeyStore(other_engine, history=100)
        key = await keys.add(a_key(1))
        assert await there.get("default", key.id) == key
        await there.put(replace(key, is_disabled=True))
        assert await log.changes(1) == Changes(2, logged(key.id))

    asyncio.run(scenario())
    other_engine.dispose()


def test_a_database_that_does_not_answer_is_told_from_a_key_that_does_not_exist(tmp_path, a_key):
    file = tmp_path / "keys.db"
    engines = [open_database(f"sqlite:///{file}"), open_database("postgresql+psycopg://nobody@127.0.0.1:1/keys")]
    file.unlink()
    file.mkdir()

    async def scenario():
        for engine in engines:
            store = SqlKeyStore(engine, history=5)
            for call in (
                store.get("default", "key000000001"),
                store.lookup("key000000001"),
                store.add(a_key(1)),
                store.record_used({"a": 1}),
            ):
                with pytest.raises(UnavailableError, match="does not answer"):
                    await call

    asyncio.run(scenario())


def test_no_labels_are_left_of_keys_that_have_none(keys, a_key, engine):
    async def scenario():
        read = await keys.add(a_key(1, labels={"env": "prod"}))
        await keys.put(replace(read, labels={}))

    asyncio.run(scenario())
    with engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(LABELS)).scalar_one() == 0
