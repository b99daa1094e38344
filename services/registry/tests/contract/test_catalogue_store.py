"""What every CatalogueStore promises."""

from __future__ import annotations

import asyncio
import threading
from contextlib import ExitStack

import pytest
from maas_common.errors import NotFoundError, UnavailableError
from maas_common.limits import MAX_AMOUNT, PER_USER, Limit, Metric, OverLimit, Per
from maas_common.sql import migrate, open_database
from maas_common.testing.databases import postgres_database
from maas_common.windows import Window
from maas_registry.adapters.sql_store import SqlCatalogueStore
from maas_registry.adapters.tables import LogRow, ModelRow, TierRow
from maas_registry.app import MIGRATIONS
from maas_registry.core.catalogue import Change, Kind
from maas_registry.core.model import Audience, Model, Pricing
from maas_registry.core.tier import Tier
from sqlalchemy import delete

HISTORY = 3
PRICES = {"a": Pricing(10**12, 0), "b": Pricing(150_000, 600_000, 0)}


def a_tier(name: str, level: int, revision: int = 1) -> Tier:
    limits = (
        Limit("requests-1m", Metric.REQUESTS, 5, Window.parse("1m")),
        Limit(
            "total-tokens-366d", Metric.TOTAL_TOKENS, MAX_AMOUNT, Window.parse("366d"), Per.parse("user+model"), OverLimit.parse("soft 20")
        ),
        Limit("budget", Metric.COST, 5, Window.parse("month from 31 in Europe/Berlin"), PER_USER, OverLimit.parse("shadow"), (50, 80, 100)),
        Limit("steady", Metric.INPUT_TOKENS, 5, Window.parse("gcra 1m burst 20"), Per.parse("team")),
        Limit("concurrency", Metric.CONCURRENCY, 5, Window.parse("-")),
    )
    return Tier(
        name,
        f"{name} — Größe",
        "Für alle.\nWirklich.",
        level,
        ("b", "a"),
        limits,
        created=1,
        updated=2,
        revision=revision,
        is_strict=level > 0,
    )


def a_model(model_id: str, revision: int = 1, *tiers: str) -> Model:
    return Model(
        model_id,
        f"{model_id} 日本",
        "",
        f"http://{model_id}.example/v1",
        "Up",
        "me",
        Audience.TIERS,
        tiers,
        created=1,
        updated=2,
        revision=revision,
        pricing=PRICES.get(model_id),
        owner=f"https://issuer.example|{model_id}",
    )


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def engine(request, tmp_path_factory):
    """One database of each kind; making one for each test takes longer than the test."""
    with ExitStack() as stack:
        if request.param == "sqlite":
            url = f"sqlite:///{tmp_path_factory.mktemp('contract')}/registry.db"
        else:
            url = stack.enter_context(postgres_database(request.getfixturevalue("postgres")))
        engine = open_database(url)
        stack.callback(engine.dispose)
        migrate(engine, MIGRATIONS)
        yield engine


@pytest.fixture
def store(engine) -> SqlCatalogueStore:
    with engine.begin() as connection:
        for table in (ModelRow, TierRow, LogRow):
            connection.execute(delete(table))
    return SqlCatalogueStore(engine, history=HISTORY)


def write(store, **change):
    return asyncio.run(store.write(lambda _catalogue, _revision: Change(**change)))


def read(store):
    return asyncio.run(store.read())


def test_an_empty_store_has_a_revision_to_begin_at(store):
    catalogue = read(store)
    assert (dict(catalogue.models), dict(catalogue.tiers), catalogue.log) == ({}, {}, ())
    assert catalogue.revision == catalogue.log_after == asyncio.run(store.revision()) > 0


def test_what_is_written_is_read_back_as_it_was_in_order(store):
    write(store, models=(a_model("b"), a_model("a.b", 1, "gold", "free"), a_model("A-b")), tiers=(a_tier("gold", 2), a_tier("free", 0)))
    catalogue = read(store)
    assert list(catalogue.models.values()) == [a_model("A-b"), a_model("a.b", 1, "gold", "free"), a_model("b")]
    assert list(catalogue.tiers.values()) == [a_tier("free", 0), a_tier("gold", 2)]


def test_each_change_has_the_next_revision_and_the_rule_is_told_which(store):
    before = read(store).revision
    told = []

    def decide(catalogue, revision):
        told.append((sorted(catalogue.tiers), revision))
        return Change(tiers=(a_tier(f"t{revision}", revision - before, revision),))

    written = [asyncio.run(store.write(decide)) for _ in range(2)]
    assert [each.revision for each in written] == [before + 1, before + 2]
    assert told == [([], before + 1), ([f"t{before + 1}"], before + 2)]
    assert written[1].change.tiers == (a_tier(f"t{before + 2}", 2, before + 2),)


def test_changes_replace_and_deletions_remove(store):
    write(store, models=(a_model("a"), a_model("b")), tiers=(a_tier("free", 0), a_tier("gold", 2)))
    write(store, models=(a_model("a", 9, "gold"),), deleted_models=("b",), tiers=(a_tier("gold", 3),), deleted_tiers=("free",))
    catalogue = read(store)
    assert (dict(catalogue.models), dict(catalogue.tiers)) == ({"a": a_model("a", 9, "gold")}, {"gold": a_tier("gold", 3)})


def test_a_level_may_pass_to_another_tier_in_one_change(store):
    write(store, tiers=(a_tier("free", 0),))
    write(store, deleted_tiers=("free",), tiers=(a_tier("open", 0),))
    assert list(read(store).tiers) == ["open"]


def test_the_log_tells_of_each_change_as_far_back_as_it_is_kept(store):
    first = write(store, models=(a_model("a"),)).revision
    for _ in range(HISTORY):
        last = write(store, tiers=(a_tier("free", 0),), deleted_models=("a",)).revision
    catalogue = read(store)
    assert (catalogue.log_after, catalogue.revision) == (first, last)
    assert {(entry.revision, entry.kind, entry.name) for entry in catalogue.log} == {
        (revision, *what) for revision in range(first + 1, last + 1) for what in ((Kind.TIER, "free"), (Kind.MODEL, "a"))
    }
    assert [entry.revision for entry in catalogue.log] == sorted(entry.revision for entry in catalogue.log)


def test_a_refused_change_leaves_nothing_behind(store):
    before = read(store)

    def refuse(_catalogue, _revision):
        raise NotFoundError("no")

    with pytest.raises(NotFoundError):
        asyncio.run(store.write(refuse))
    assert read(store) == before


def test_writers_queue_and_none_decides_on_what_another_is_changing(store):
    inside, release, order = threading.Event(), threading.Event(), []

    def first(_catalogue, revision):
        inside.set()
        release.wait(30)
        order.append("first")
        return Change(tiers=(a_tier("free", 0, revision),))

    def second(catalogue, _revision):
        order.append("second")
        return Change(deleted_tiers=tuple(catalogue.tiers))

    async def main():
        writing = asyncio.create_task(store.write(first))
        await asyncio.to_thread(inside.wait)
        waiting = asyncio.create_task(store.write(second))
        release.set()
        await asyncio.gather(writing, waiting)

    asyncio.run(main())
    assert order == ["first", "second"]
    assert dict(read(store).tiers) == {}


def test_many_writers_at_once_each_see_what_those_before_them_wrote(store):
    async def main():
        before = await store.revision()

        def decide(catalogue, revision):
            assert len(catalogue.models) == revision - before - 1
            return Change(models=(a_model(f"m{revision}", revision),))

        revisions = [written.revision for written in await asyncio.gather(*(store.write(decide) for _ in range(12)))]
        assert sorted(revisions) == list(range(before + 1, before + 13))
        assert len((await store.read()).models) == 12

    asyncio.run(main())


@pytest.mark.parametrize("url", ["sqlite:////no/such/folder/registry.db", "postgresql+psycopg://nobody@127.0.0.1:1/none"])
def test_a_database_that_is_not_there_is_unavailable(url):
    store = SqlCatalogueStore(open_database(url), history=HISTORY)
    for ask in (store.read, store.revision, lambda: store.write(lambda _catalogue, _revision: Change())):
        with pytest.raises(UnavailableError, match="can't be reached just now"):
            asyncio.run(ask())
