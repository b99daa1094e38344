"""The schema goes up and down on every database, and is what the code expects."""

from __future__ import annotations

import asyncio
import pkgutil
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module

import maas_keys.adapters
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from maas_common.sql import migrate, open_database
from maas_common.testing.databases import postgres_database
from maas_keys.adapters.change_log import SqlChangeLog
from maas_keys.adapters.sql_keys import SqlKeyStore
from maas_keys.adapters.sql_users import SqlUserStore
from maas_keys.adapters.tables import METADATA, MIGRATIONS
from maas_keys.core.api_key import KeyHash, KeyKind, Owner, OwnerKind, Scope
from maas_keys.core.changes import Change, Changes, Kind
from maas_keys.core.search import KeyFilter, KeyQuery
from maas_keys.core.user import Person
from sqlalchemy import JSON, column, inspect, select, table
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

BEFORE_PEOPLE = "0002"
_TEXTS = (
    "id",
    "prefix",
    "tenant",
    "name",
    "description",
    "owner_issuer",
    "owner_subject",
    "username",
    "created_by",
    "request_id",
    "pepper_id",
)
_NUMBERS = ("created_at", "expires_at", "revoked_at", "created_revision", "revision")
OLD_KEYS = table("api_keys", *map(column, (*_TEXTS, "digest", *_NUMBERS)), column("owner_groups", JSON()))
OLD_CHANGES = table("key_changes", column("revision"), column("key_id"))
REVISIONS = table("revisions", column("log"), column("value"))


@pytest.fixture
def engine(database_url):
    made = open_database(database_url)
    yield made
    made.dispose()


@contextmanager
def migrating(engine, step, revision):
    """A step of alembic's that is committed at the end of the block."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        step(config, revision)
        yield


def downgraded(engine, revision):
    with migrating(engine, command.downgrade, revision):
        pass


def old_key(number, person, groups, **fields):
    """A row as the first schema had it, the key that its `number`-th revision made."""
    return {
        "id": f"key{number:09}",
        "prefix": "sk-maas-",
        "tenant": "default",
        "name": f"Schlüssel {number}",
        "description": "",
        "owner_issuer": "https://idp",
        "owner_subject": f"sub-{person}",
        "username": person,
        "owner_groups": groups,
        "created_by": f"https://idp|sub-{person}",
        "request_id": f"r-{number}",
        "pepper_id": "p1",
        "digest": bytes([number]) * 32,
        "created_at": 1_800_000_000 + number,
        "expires_at": 1_900_000_000,
        "revoked_at": None,
        "created_revision": number,
        "revision": number,
        **fields,
    }


OLD = [
    old_key(1, "alice", ["staff", "system:authenticated"]),
    old_key(2, "bob", ["system:authenticated"], revoked_at=1_800_000_500, revision=4),
    old_key(3, "alice", ["red", "blue", "system:authenticated"], request_id=None),
]


@pytest.fixture
def with_old_keys(engine):
    """A database of the first release's, with keys."""
    migrate(engine, MIGRATIONS, BEFORE_PEOPLE)
    with engine.begin() as connection:
        connection.execute(OLD_KEYS.insert(), OLD)
        changes = enumerate([*(row["id"] for row in OLD), OLD[1]["id"]], 1)
        connection.execute(OLD_CHANGES.insert(), [{"revision": at, "key_id": key_id} for at, key_id in changes])
        connection.execute(REVISIONS.update().values(value=4))
    return engine


def old_rows(engine):
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(select(OLD_KEYS).order_by(OLD_KEYS.c.created_revision)).mappings()]


def test_keys_of_before_work_as_before_and_their_owners_are_known(with_old_keys, a_key):
    engine = with_old_keys
    migrate(engine, MIGRATIONS)
    keys, users = SqlKeyStore(engine, history=5), SqlUserStore(engine, history=5)

    async def scenario():
        alice = Owner("https://idp", "sub-alice", "alice", OwnerKind.USER, ("blue", "red"), 1_800_000_003)
        bob = Owner("https://idp", "sub-bob", "bob", OwnerKind.USER, (), 1_800_000_002)
        for number, owner, updated_at in ((1, alice, 1_800_000_001), (2, bob, 1_800_000_500), (3, alice, 1_800_000_003)):
            row = OLD[number - 1]
            expected = a_key(
                number,
                name=row["name"],
                description="",
                created_by=owner.user,
                request_id=row["request_id"] or "",
                hashes=(KeyHash("p1", row["digest"]),),
                created_at=row["created_at"],
                updated_at=updated_at,
                revoked_at=row["revoked_at"],
                created_revision=number,
                revision=row["revision"],
            )
            assert (await keys.lookup(row["id"]))[0].key == replace(expected, owner=owner)
        assert len(await keys.page(KeyQuery(KeyFilter("default", username="alice", name_contains="SCHLÜ"), 10))) == 2
        assert [user.person.username for user in await users.page("default", group="red", size=10)] == ["alice"]
        ids = [Change(Kind.KEY, "default", f"key{n:09}") for n in (3, 2)]
        assert await SqlChangeLog(engine).changes(2) == Changes(4, tuple(ids))
        assert (await keys.add(a_key(4))).created_revision == 5
        back = Person("default", "https://idp", "sub-alice", "alice", "", ("blue", "red"), 1_800_000_100)
        assert (await users.seen(back, at=1_800_000_100)).created_at == 1_800_000_003

    asyncio.run(scenario())


def test_down_and_up_again_keeps_every_key_that_the_schema_before_has_words_for(with_old_keys, a_key):
    engine = with_old_keys
    migrate(engine, MIGRATIONS)
    downgraded(engine, BEFORE_PEOPLE)
    newest = {row["owner_subject"]: row["owner_groups"] for row in OLD}
    expected = [{**row, "owner_groups": sorted(newest[row["owner_subject"]])} for row in OLD]
    assert [{**row, "owner_groups": sorted(row["owner_groups"])} for row in old_rows(engine)] == expected
    migrate(engine, MIGRATIONS)
    keys = SqlKeyStore(engine, history=5)
    assert [key.id for key in asyncio.run(keys.page(KeyQuery(KeyFilter("default"), 10)))] == [row["id"] for row in reversed(OLD)]
    assert asyncio.run(keys.add(a_key(4))).created_revision == 5


@pytest.mark.parametrize(
    "held",
    [
        {"is_disabled": True},
        {"pending_reasons": ("large",)},
        {"scope": Scope(models=("small",))},
        {"allowed_ips": ("10.0.0.0/8",)},
        {"hashes": (KeyHash("", b"f" * 32),)},
        {"tenant": "other"},
    ],
)
def test_down_ends_keys_that_could_be_used_for_anything_there(engine, there, a_key, held):
    migrate(engine, MIGRATIONS)
    for tenant in ("default", "other"):
        there(tenant, people=["sub-alice"])
    keys = SqlKeyStore(engine, history=5)

    async def scenario():
        await keys.add(a_key(1, updated_at=1_800_000_200, **held))
        await keys.add(a_key(2, kind=KeyKind.PERSONAL, labels={"env": "prod"}))
        await keys.add(replace(a_key(3), owner=Owner("group", "staff", "staff", OwnerKind.GROUP)))

    asyncio.run(scenario())
    downgraded(engine, BEFORE_PEOPLE)
    rows = old_rows(engine)
    assert [row["revoked_at"] for row in rows] == [1_800_000_200, None, None]
    assert rows[2]["owner_groups"] == ["staff", "system:authenticated"]


def test_down_to_nothing_removes_the_tables_and_up_again_works(engine, there, a_key):
    migrate(engine, MIGRATIONS)
    migrate(engine, MIGRATIONS)
    downgraded(engine, "base")
    assert inspect(engine).get_table_names() == ["alembic_version"]
    migrate(engine, MIGRATIONS)
    there("default", people=["sub-alice"])
    assert asyncio.run(SqlKeyStore(engine, history=5).add(a_key(1))).revision == 1


def test_the_migrated_schema_is_the_one_the_code_declares(engine):
    for module in pkgutil.iter_modules(maas_keys.adapters.__path__):
        import_module(f"maas_keys.adapters.{module.name}")
    migrate(engine, MIGRATIONS)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []


def test_a_replica_waits_while_another_migrates(postgres):
    with postgres_database(postgres) as url:
        first = open_database(url)
        second = open_database(make_url(url).update_query_dict({"options": "-c lock_timeout=50ms"}).render_as_string(hide_password=False))
        with migrating(first, command.upgrade, "head"), pytest.raises(OperationalError, match="lock timeout") as waited:
            migrate(second, MIGRATIONS)
        assert "pg_advisory_xact_lock" in (waited.value.statement or "")
        migrate(second, MIGRATIONS)
        assert asyncio.run(SqlChangeLog(second).revision()) == 0
        first.dispose()
        second.dispose()
