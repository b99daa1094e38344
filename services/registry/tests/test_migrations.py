"""The schema, up and down, with data in it."""

from __future__ import annotations

import asyncio
import time

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from maas_common.limits import SHADOW, Limit, Metric, Per
from maas_common.sql import migrate, open_database
from maas_common.windows import Window
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


PLAIN = {"id": "requests-1m", "metric": "requests", "amount": 5, "window": "1m", "per": "user"}
ROW = {"name": "free", "display_name": "Free", "description": "", "level": 0, "groups": [], "created": 1, "updated": 1, "revision": 1}


def test_limits_of_the_first_version_stay_as_they_were_on_the_way_up_and_down(engine):
    migrate(engine, MIGRATIONS)
    downgrade(engine, "0001")
    tiers = sa.Table("tiers", sa.MetaData(), autoload_with=engine)
    with engine.begin() as connection:
        connection.execute(tiers.insert().values(**ROW, limits=[PLAIN]))
    migrate(engine, MIGRATIONS)
    tier = asyncio.run(SqlCatalogueStore(engine, history=10).read()).tiers["free"]
    assert tier.limits == (Limit("requests-1m", Metric.REQUESTS, 5, Window.parse("1m")),)
    assert not tier.is_strict
    downgrade(engine, "0001")
    with engine.connect() as connection:
        assert connection.execute(sa.select(tiers.c.limits)).scalar_one() == [PLAIN]


MODEL = {"id": "m", "display_name": "M", "description": "", "url": "http://m.example/v1", "upstream_name": "m", "owned_by": "maas"} | {
    "published_to": "all",
    "tiers": [],
    "created": 1,
    "updated": 1,
    "revision": 1,
}


def test_nobody_is_known_to_have_registered_models_of_before_and_on_the_way_down_they_stay(engine):
    migrate(engine, MIGRATIONS)
    downgrade(engine, "0002")
    models = sa.Table("models", sa.MetaData(), autoload_with=engine)
    with engine.begin() as connection:
        connection.execute(models.insert().values(**MODEL))
    migrate(engine, MIGRATIONS)
    assert asyncio.run(SqlCatalogueStore(engine, history=10).read()).models["m"].owner == ""
    downgrade(engine, "0002")
    with engine.connect() as connection:
        assert connection.execute(sa.select(models)).one()._asdict() == MODEL | {"pricing": None}


@pytest.mark.parametrize(
    "limit",
    [
        Limit("new", Metric.COST, 5, Window.parse("1m")),
        Limit("new", Metric.REQUESTS, 5, Window.parse("month")),
        Limit("new", Metric.REQUESTS, 5, Window.parse("1m"), Per.parse("key")),
        Limit("new", Metric.REQUESTS, 5, Window.parse("1m"), over=SHADOW),
    ],
)
def test_what_the_first_version_has_no_limits_for_is_not_dropped_silently(engine, limit):
    migrate(engine, MIGRATIONS)
    store = SqlCatalogueStore(engine, history=10)
    tier = Tier("free", "Free", "", 0, (), (limit,), created=1, updated=1, revision=1)
    asyncio.run(store.write(lambda _catalogue, _revision: Change(tiers=(tier,))))
    with pytest.raises(RuntimeError, match='tier "free": version 0001 has no limits like new'):
        downgrade(engine, "0001")
    assert asyncio.run(store.read()).tiers["free"].limits == (limit,)
