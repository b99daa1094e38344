"""The schema, up and down, with data in it."""

from __future__ import annotations

import asyncio
import time

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from maas_common.sql import migrate, open_database
from maas_registry.adapters.sql_store import SqlCatalogueStore
from maas_registry.adapters.tables import METADATA
from maas_registry.app import MIGRATIONS
from maas_registry.core.catalogue import Change
from maas_registry.core.tier import Tier
from sqlalchemy import inspect


@pytest.fixture
def engine(database_url):
    engine = open_database(database_url)
    yield engine
    engine.dispose()


def downgrade(engine, revision):
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, revision)


def test_the_migrations_make_exactly_the_tables_that_the_code_uses(engine):
    migrate(engine, MIGRATIONS)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []


def test_migrating_again_keeps_what_is_there(engine):
    migrate(engine, MIGRATIONS)
    store = SqlCatalogueStore(engine, history=10)
    tier = Tier("free", "Free", "", 0, (), (), created=1, updated=1, revision=1)
    asyncio.run(store.write(lambda _catalogue, _revision: Change(tiers=(tier,))))
    before = asyncio.run(store.read())
    migrate(engine, MIGRATIONS)
    assert asyncio.run(store.read()) == before


def test_downgrading_with_data_leaves_nothing_and_the_way_up_is_open_again(engine):
    migrate(engine, MIGRATIONS)
    store = SqlCatalogueStore(engine, history=10)
    tier = Tier("free", "Free", "", 0, (), (), created=1, updated=1, revision=1)
    asyncio.run(store.write(lambda _catalogue, _revision: Change(tiers=(tier,))))
    downgrade(engine, "base")
    assert inspect(engine).get_table_names() == ["alembic_version"]
    migrate(engine, MIGRATIONS)
    assert dict(asyncio.run(store.read()).tiers) == {}


def test_a_new_database_begins_past_every_revision_that_an_older_one_has_reached(engine):
    """One change a second for all its life is more than a catalogue sees."""
    begun = int(time.time())
    migrate(engine, MIGRATIONS)
    assert asyncio.run(SqlCatalogueStore(engine, history=10).revision()) >= begun
