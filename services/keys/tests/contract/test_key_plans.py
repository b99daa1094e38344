"""How databases find keys: a page reads as many rows as it has, however many keys there are and however deep it is."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace

import pytest
from maas_keys.adapters.key_lookup import LOOKUP
from maas_keys.adapters.key_queries import page, places
from maas_keys.adapters.key_tables import SORTED_BY
from maas_keys.core.api_key import Owner, Status
from maas_keys.core.search import KeyFilter, KeyQuery, SortBy, Visible, position

SIZE = 51
MANY = "https://idp|sub-0"
FEW = "https://idp|sub-7"
SHAPES = {
    "tenant": KeyFilter("default"),
    "owner of many": KeyFilter("default", user=MANY),
    "owner of few": KeyFilter("default", user=FEW),
    "team": KeyFilter("default", team="red"),
    "visible": KeyFilter("default", visible=Visible(FEW, ("red", "team-7", "team-8"))),
    "visible, most twice": KeyFilter("default", visible=Visible(MANY, ("red",))),
}


@pytest.fixture
def many(keys, there, a_key):
    """Half of them are one owner's, a quarter one team's; the rest are others'."""
    owners = [Owner("https://idp", f"sub-{n}", f"user {n}") for n in range(100)]
    teams = ("", "red", "", *(f"team-{n}" for n in range(97)))
    there("default", people=[owner.subject for owner in owners], teams={*teams} - {"", "red"})
    made = [
        replace(
            a_key(n, team="red" if n % 4 == 2 else teams[n % 100]),
            owner=owners[0 if n % 2 == 0 else n * 31 % 100],
            name=f"key {n * 7919 % 9973}",
            expires_at=1_900_000_000 + n * 1299709 % 10_000,
            last_used_at=n * 104729 % 10_000 if n % 3 else 0,
            pending_reasons=("large",) if n % 1000 == 500 else (),
            created_revision=n + 1,
        )
        for n in range(10_000)
    ]
    asyncio.run(keys.add_foreign(made))
    return made


def explained(engine, how, statement, **values):
    """Rows of the plan, by the statement and its parameters as the store sends them."""
    with engine.connect() as connection:
        compiled = statement.compile(connection)
        sent = compiled.params | values
        ordered = tuple(sent[name] for name in compiled.positiontup) if engine.dialect.positional else sent
        return connection.exec_driver_sql(f"{how} {compiled.string}", ordered).all()


def steps(node):
    yield node
    for child in node.get("Plans", ()):
        yield from steps(child)


def check_postgresql(plan, most):
    for step in steps(plan[0][0][0]["Plan"]):
        if step.get("Relation Name") in {"api_keys", "api_key_uses"}:
            assert "Index" in step["Node Type"], step
            assert step["Actual Rows"] * step["Actual Loops"] <= most, step
            assert not step.get("Rows Removed by Filter"), step


def check_sqlite(plan, indexes):
    """Keys are searched for in these indexes, and none is sorted but what was found."""
    looks = [row for row in plan if "INDEX ix_api_key" in row.detail]
    assert sorted(re.search(r"ix_api_key\w+", row.detail)[0] for row in looks) == sorted(indexes), plan
    assert not [row for row in plan if row.detail.startswith("SCAN api_key")], plan
    inside = {row.parent for row in looks if "ix_api_keys_pending" not in row.detail}
    assert not [row for row in plan if row.parent in inside and "TEMP B-TREE" in row.detail], plan


def pages(many):
    for keys in SHAPES.values():
        where = places(keys, ())
        kinds = ["team" if "team" in place else "owner" if "owner_subject" in place else "tenant" for place in where]
        for sort in SortBy:
            table = "api_key_uses" if sort is SortBy.LAST_USED_AT else "api_keys"
            indexes = [f"ix_{table}_{kind}_{SORTED_BY[sort]}" for kind in kinds]
            fitting = sorted(many, key=lambda key, by=sort: position(key, by))
            for after in (None, position(fitting[len(fitting) // 2], sort)):
                for descending in (True, False):
                    yield page(KeyQuery(keys, SIZE, sort, descending, after), where), indexes


def waiting():
    """They are few, so all of them are read; by the index of those that wait, though, and not of all."""
    keys = KeyFilter("default", statuses=frozenset({Status.PENDING}), now=1_800_000_000)
    return [(page(KeyQuery(keys, SIZE, sort), places(keys, ())), ["ix_api_keys_pending"]) for sort in SortBy]


def check_pages(engine, many):
    for statement, indexes in [*pages(many), *waiting()]:
        if engine.dialect.name == "sqlite":
            check_sqlite(explained(engine, "EXPLAIN QUERY PLAN", statement), indexes)
        else:
            check_postgresql(explained(engine, "EXPLAIN (ANALYZE, FORMAT JSON)", statement), most=len(indexes) * SIZE)


def check_lookup(engine):
    if engine.dialect.name == "sqlite":
        plan = explained(engine, "EXPLAIN QUERY PLAN", LOOKUP, key_id="key000000007")
        assert not [row for row in plan if row.detail.startswith("SCAN")], plan
    else:
        check_postgresql(explained(engine, "EXPLAIN (ANALYZE, FORMAT JSON)", LOOKUP, key_id="key000000007"), most=1)


def test_a_page_reads_no_more_than_a_page_of_each_place_and_a_lookup_one_key(engine, many):
    """PostgreSQL's planner goes by what ANALYZE found; SQLite's must do without too."""
    if engine.dialect.name == "sqlite":
        check_pages(engine, many)
        check_lookup(engine)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE")
    check_pages(engine, many)
    check_lookup(engine)
