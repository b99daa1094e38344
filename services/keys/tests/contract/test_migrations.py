"""The schema goes up and down on every database, and is what the code expects."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from maas_common.sql import migrate, open_database
from maas_common.testing.databases import postgres_database
from maas_keys.adapters.sql_store import MIGRATIONS, SqlKeyStore
from maas_keys.adapters.tables import METADATA
from maas_keys.core.api_key import ApiKey, KeyHash, Owner
from sqlalchemy import inspect
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

OWNER = Owner("https://idp", "sub-1", "alice", ("staff",))
KEY = ApiKey("abcdefghijkl", "sk-", "default", "laptop", "", OWNER, OWNER.user, "r-1", KeyHash("p1", b"h" * 32), 100, 200)


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


def test_up_keeps_data_down_removes_the_tables_and_up_again_works(engine):
    async def scenario():
        store = SqlKeyStore(engine, history=5)
        migrate(engine, MIGRATIONS)
        stored = await store.add(KEY)
        migrate(engine, MIGRATIONS)
        assert await store.lookup(KEY.id) == (stored, 1)
        with migrating(engine, command.downgrade, "base"):
            pass
        assert inspect(engine).get_table_names() == ["alembic_version"]
        migrate(engine, MIGRATIONS)
        assert await store.lookup(KEY.id) == (None, 0)
        assert await store.add(KEY) == stored

    asyncio.run(scenario())


def test_the_migrated_schema_is_the_one_the_code_declares(engine):
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
        assert asyncio.run(SqlKeyStore(second, history=5).revision()) == 0
        first.dispose()
        second.dispose()
