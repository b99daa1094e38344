"""Revisions: nobody skips one, whoever writes at the same time."""

from __future__ import annotations

import threading

import pytest
from maas_common.sql import last_revision, next_revision, open_database, revisions_table, writing
from maas_common.testing.databases import postgres_database, postgres_server
from sqlalchemy import Column, Integer, MetaData, Table, insert, select
from sqlmodel import Session

METADATA = MetaData()
REVISIONS = revisions_table(METADATA)
CHANGES = Table("changes", METADATA, Column("revision", Integer, primary_key=True))


@pytest.fixture(scope="module")
def server():
    with postgres_server() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgres"])
def engine(request, tmp_path):
    if request.param == "sqlite":
        made = open_database(f"sqlite:///{tmp_path}/test.db")
        METADATA.create_all(made)
        yield made
        made.dispose()
        return
    with postgres_database(request.getfixturevalue("server")) as url:
        made = open_database(url)
        METADATA.create_all(made)
        yield made
        made.dispose()


def test_concurrent_writers_take_every_revision_once(engine):
    with writing(engine) as session:
        session.execute(insert(REVISIONS).values(log="keys", value=0))

    def write() -> None:
        for _ in range(20):
            with writing(engine) as session:
                session.execute(insert(CHANGES).values(revision=next_revision(session, REVISIONS, "keys")))

    writers = [threading.Thread(target=write) for _ in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    with writing(engine) as session:
        assert list(session.execute(select(CHANGES.c.revision).order_by(CHANGES.c.revision)).scalars()) == list(range(1, 81))
        assert last_revision(session, REVISIONS, "keys") == 80


def test_a_failed_transaction_leaves_nothing_behind(engine):
    with writing(engine) as session:
        session.execute(insert(REVISIONS).values(log="keys", value=7))
    with pytest.raises(RuntimeError), writing(engine) as session:
        next_revision(session, REVISIONS, "keys")
        raise RuntimeError
    with writing(engine) as session:
        assert last_revision(session, REVISIONS, "keys") == 7


def test_readers_wait_for_no_writer(engine):
    with writing(engine) as session:
        session.execute(insert(REVISIONS).values(log="keys", value=7))
    with writing(engine) as session:
        next_revision(session, REVISIONS, "keys")
        with Session(engine) as reader:
            assert last_revision(reader, REVISIONS, "keys") == 7
