"""What every ChangeLog promises, on every database."""

from __future__ import annotations

import asyncio

import pytest
from maas_common.errors import UnavailableError
from maas_common.sql import migrate, open_database, writing
from maas_common.testing.databases import postgres_database
from maas_keys.adapters.change_log import CHANNEL, SqlChangeLog, logged, logged_each
from maas_keys.adapters.tables import MIGRATIONS
from maas_keys.core.changes import Change, Changes, Kind

KEYS = [Change(Kind.KEY, "default", f"key{n}") for n in range(10)]
SEVERAL = [Change(Kind.USER, "default", "https://idp|sub"), Change(Kind.TEAM, "other", "red"), Change(Kind.TENANT, "other", "other")]


@pytest.fixture
def write(engine):
    def one(*changes, history=5):
        with writing(engine) as session:
            return logged(session, history, changes)

    return one


def after(log, revision, tenant=""):
    return asyncio.run(log.changes(revision, tenant))


def test_an_empty_log_has_nothing_to_tell(log):
    assert asyncio.run(log.revision()) == 0
    assert after(log, 0) == Changes(0, ())


def test_several_changes_are_logged_under_one_revision_each_once(log, write):
    assert write(KEYS[0]) == 1
    assert write(*SEVERAL, SEVERAL[0]) == 2
    assert asyncio.run(log.revision()) == 2
    changes = after(log, 1)
    assert (changes.revision, set(changes.changed), len(changes.changed)) == (2, set(SEVERAL), 3)
    assert after(log, 0).changed[0] == KEYS[0]
    assert after(log, 2) == Changes(2, ())


def test_a_tenant_is_told_of_its_own_only(log, write):
    write(KEYS[0])
    write(*SEVERAL)
    assert after(log, 0, "default") == Changes(2, (KEYS[0], SEVERAL[0]))
    assert set(after(log, 0, "other").changed) == set(SEVERAL[1:])
    assert after(log, 0, "third") == Changes(2, ())


def test_each_change_may_have_a_revision_of_its_own(engine, log):
    with writing(engine) as session:
        assert logged_each(session, 5, KEYS[:8]) == 8
    assert after(log, 6) == Changes(8, tuple(KEYS[6:8]))
    assert after(log, 3) == Changes(8, tuple(KEYS[3:8]))
    assert after(log, 2) == Changes(8, None)


def test_the_log_is_bounded_and_who_missed_more_starts_anew(log, write):
    for change in KEYS[:8]:
        write(change)
    assert after(log, 3) == Changes(8, tuple(KEYS[3:8]))
    assert after(log, 2) == Changes(8, None)
    assert after(log, 0, "third") == Changes(8, None)


@pytest.mark.parametrize("ahead", [2, 2**63, 2**64 - 1])
def test_who_is_ahead_of_the_log_starts_anew(log, write, ahead):
    write(KEYS[0])
    assert after(log, ahead) == Changes(1, None)


def test_what_is_rolled_back_was_never_logged(engine, log, write):
    with pytest.raises(RuntimeError), writing(engine) as session:
        logged(session, 5, KEYS[:1])
        raise RuntimeError
    assert after(log, 0) == Changes(0, ())
    assert write(KEYS[1]) == 1


def test_postgresql_tells_those_who_listen_once_it_is_committed(postgres):
    with postgres_database(postgres) as url:
        engine = open_database(url)
        migrate(engine, MIGRATIONS)
        listener = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        listener.exec_driver_sql(f"LISTEN {CHANNEL}")
        notifies = listener.connection.driver_connection.notifies
        with writing(engine) as session:
            logged(session, 5, KEYS[:1])
            assert list(notifies(timeout=0)) == []
        assert [told.channel for told in notifies(timeout=30, stop_after=1)] == [CHANNEL]
        listener.close()
        engine.dispose()


def test_a_database_that_does_not_answer_says_so():
    log = SqlChangeLog(open_database("postgresql+psycopg://nobody@127.0.0.1:1/keys"))
    for call in (log.revision(), log.changes(0)):
        with pytest.raises(UnavailableError, match="does not answer"):
            asyncio.run(call)
