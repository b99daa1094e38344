from __future__ import annotations

import sqlite3
import stat
from contextlib import closing
from random import Random

import pytest
from maas_common.testing import FakeClock
from maas_ratelimit.adapters.journal import log as journal_log
from maas_ratelimit.adapters.journal.file import JournalError
from maas_ratelimit.adapters.journal.journal import Batch, Journal

NOW = 1_800_000_000
ALICE = ("tier/free/day:total_tokens:1d:user", "default", "https://idp|alice")


def batch(**changes):
    return Batch(**{"counters": [], "gone": [], "opened": [], "ended": [], "undone": [], "events": []} | changes)


@pytest.fixture
def clock():
    return FakeClock(NOW)


@pytest.fixture
def reopened(tmp_path, clock):
    """The journal as the next process finds it; the one before is closed."""
    open_now = []

    def again(**bounds):
        while open_now:
            open_now.pop().close()
        journal = Journal(tmp_path / "state" / "journal.db", clock, **{"max_events": 1000} | bounds)
        open_now.append(journal)
        return journal

    yield again
    open_now.pop().close()


def stir(journal, batches=9):
    """Write so much, none of it of use for long, that what is past its time leaves the file."""
    for number in range(batches):
        journal.write(batch(counters=[("other", "default", f"user {n}", 0, str(number)) for n in range(2000)]))
    journal.write(batch(gone=[("other", "default", f"user {n}", 0) for n in range(2000)]))


def held(journal, table, what):
    """How much of that the rows of a table hold."""
    with closing(sqlite3.connect(journal._file.path)) as other:
        return sum(text.count(what) for row in other.execute(f"SELECT * FROM {table}") for text in map(str, row))  # noqa: S608 - a table


def lines(journal):
    return [event.line for event in journal.outbox.take(100)]


def test_everything_written_is_found_after_a_restart(reopened):
    counters = [(*ALICE, NOW + 60, '{"used":1}'), (*ALICE, 0, '{"level":"é 鍵"}')]
    opened = [("r2", 2_000, "second"), ("r1", 1_000, '["f\\"irst"]')]
    ended = [("r4", NOW * 1000 + 9, True), ("r3", NOW * 1000 + 8, False)]
    reopened().write(batch(counters=counters, opened=opened, ended=ended, events=["u\x1f1 é", "u\x1f2"]))
    found = reopened()
    recovered = found.load()
    assert sorted(recovered.counters) == sorted(counters)
    assert recovered.opened == opened[::-1]
    assert recovered.ended == ended[::-1]
    assert lines(found) == ["u\x1f1 é", "u\x1f2"]


def test_the_newest_state_takes_the_place_of_the_one_before(reopened):
    journal = reopened()
    journal.write(batch(counters=[(*ALICE, NOW + 60, "1"), (*ALICE, NOW + 120, "9")], opened=[("r1", 1, "before")]))
    journal.write(batch(counters=[(*ALICE, NOW + 60, "2")], opened=[("r1", 2, "after")]))
    recovered = reopened().load()
    assert sorted(recovered.counters) == [(*ALICE, NOW + 60, "2"), (*ALICE, NOW + 120, "9")]
    assert recovered.opened == [("r1", 2, "after")]


def test_a_reservation_that_ended_or_was_undone_is_no_more_and_only_the_ended_is_remembered(reopened):
    journal = reopened()
    journal.write(batch(opened=[("r1", 1, ""), ("r2", 2, ""), ("r3", 3, "")]))
    journal.write(batch(ended=[("r1", NOW * 1000 + 1, False)], undone=["r2"]))
    for recovered in (journal.load(), reopened().load()):
        assert recovered.opened == [("r3", 3, "")]
        assert recovered.ended == [("r1", NOW * 1000 + 1, False)]


def test_a_reservation_that_ended_just_before_a_restart_is_no_more(reopened):
    journal = reopened()
    journal.write(batch(opened=[("r1", 1, ""), ("r2", 2, "")]))
    journal.write(batch(ended=[("r1", NOW * 1000 + 1, False)], undone=["r2"]))
    assert reopened().load().opened == []


def test_counters_that_are_gone_are_gone(reopened):
    journal = reopened()
    journal.write(batch(counters=[(*ALICE, 0, "1"), (*ALICE, NOW + 60, "2")]))
    journal.write(batch(gone=[(*ALICE, 0), ("another", "default", "x", 0)]))
    assert reopened().load().counters == [(*ALICE, NOW + 60, "2")]


def test_what_is_past_its_time_is_not_found_and_leaves_the_file(reopened, tmp_path, clock):
    journal = reopened()
    counters = [("day", "default", f"alice {n}", NOW + 60 + n % 2, "1") for n in range(10)]
    journal.write(batch(counters=counters))
    for n in range(10):
        journal.write(batch(ended=[(f"bob {n}", (NOW + 60 + n % 2) * 1000, False)]))
    clock.advance(60)
    recovered = journal.load()
    assert {end for *_, end, _ in recovered.counters} == {NOW + 61}
    assert len(recovered.counters) == len(recovered.ended) == 5
    stir(journal)
    assert held(journal, "log", "alice") == held(journal, "ended", "bob") == 5


def test_reservations_that_ended_leave_the_file(reopened):
    journal = reopened()
    journal.write(batch(opened=[(f"bob {n}", n, "") for n in range(10)]))
    journal.write(batch(ended=[(f"bob {n}", NOW * 1000 + 1, False) for n in range(8)]))
    stir(journal)
    assert held(journal, "log", "bob") == 2
    assert reopened().load().opened == [("bob 8", 8, ""), ("bob 9", 9, "")]


@pytest.mark.parametrize("batches", range(19, 25))
def test_a_reservation_that_ended_never_comes_back_when_its_id_is_forgotten(reopened, clock, batches):
    journal = reopened(max_ended=0)
    for number in range(batches):
        clock.advance(1)
        journal.write(batch(opened=[(f"r{number}", 1, "")], ended=[(f"r{number - 1}", int(clock.now() * 1000) + 1, False)]))
    assert [row[0] for row in reopened(max_ended=0).load().opened] == [f"r{batches - 1}"]


def test_what_a_reservation_refers_to_stays_until_it_ends_however_late_it_is_found(reopened, clock):
    opened, party = [("r1", (NOW + 60) * 1000, '["bob"]')], ("bob", (NOW + 7200) * 1000, "who bob is")
    reopened().write(batch(opened=opened, parties=[party]))
    clock.advance(86_400)
    for _ in range(2):
        journal = reopened()
        recovered = journal.load()
        assert (recovered.opened, recovered.parties) == (opened, {"bob": "who bob is"})
        stir(journal)
    journal.write(batch(ended=[("r1", NOW * 1000, True)]))
    stir(journal)
    assert reopened().load().parties == {}


def test_the_file_holds_the_newest_of_everything_and_little_else(reopened, monkeypatch):
    monkeypatch.setattr(journal_log, "_SLACK", 10)
    monkeypatch.setattr(journal_log, "_MOST_KEYS", 7)
    random, journal, counters, opened = Random(1), reopened(), {}, {}  # noqa: S311 - no secrets
    for number in range(400):
        touched = {(f"window {random.randrange(3)}", "default", f"user {random.randrange(40)}", 0): str(number) for _ in range(10)}
        gone = random.sample(sorted(counters), min(len(counters), random.randrange(4)))
        new = {f"r{number} {n}": (f"r{number} {n}", number, f"body {n}") for n in range(5)}
        closed = random.sample(sorted(opened), max(0, min(len(opened), random.randrange(11))))
        counters = {key: state for key, state in counters.items() if key not in gone} | touched
        opened = {rid: row for rid, row in opened.items() if rid not in closed} | new
        journal.write(
            batch(counters=[(*key, state) for key, state in touched.items()], gone=gone, opened=list(new.values()), undone=closed)
        )
        if number % 40 == 0:
            journal = reopened()
            recovered = journal.load()
            assert sorted(recovered.counters) == sorted((*key, state) for key, state in counters.items())
            assert sorted(recovered.opened) == sorted(opened.values())
    assert held(journal, "log", '": ') < 3 * (len(counters) + len(opened)) + 100


def test_a_reservation_that_opens_and_ends_in_one_batch_is_only_remembered(reopened):
    journal = reopened()
    journal.write(batch(opened=[("r1", 1, ""), ("r2", 2, "")], ended=[("r1", NOW * 1000 + 1, False)], undone=["r2"]))
    assert held(journal, "log", "r") == 0
    assert reopened().load().ended == [("r1", NOW * 1000 + 1, False)]


def test_an_id_that_expired_and_was_settled_then_is_found_as_settled(reopened):
    journal = reopened()
    journal.write(batch(ended=[("r1", (NOW + 3600) * 1000, True)]))
    journal.write(batch(ended=[("r1", (NOW + 600) * 1000, False)]))
    assert reopened().load().ended == [("r1", (NOW + 600) * 1000, False)]


def test_ids_are_remembered_up_to_a_bound_the_soonest_forgotten_leave_first(reopened):
    journal = reopened(max_ended=3)
    journal.write(batch(ended=[(f"r{n}", (NOW + 100 - n) * 1000, False) for n in range(3)]))
    journal.write(batch(ended=[("r9", (NOW + 50) * 1000, False), ("r8", (NOW + 200) * 1000, True)]))
    journal.write(batch(events=["any"]))
    assert [rid for rid, *_ in journal.load().ended] == ["r1", "r0", "r8"]
    journal = reopened(max_ended=3)
    journal.write(batch(ended=[("r7", (NOW + 300) * 1000, True)]))
    journal.write(batch(events=["any"]))
    assert [rid for rid, *_ in journal.load().ended] == ["r0", "r8", "r7"]


def test_any_subject_is_found_as_it_was(reopened):
    subjects = ["a\0b", "a", "\\u0000", 'quo"te\n', "\x1e", "é 鍵"]
    reopened().write(batch(counters=[("c", "default", subject, 0, "1") for subject in subjects]))
    assert [row[2] for row in reopened().load().counters] == subjects


def test_a_batch_is_written_whole_or_not_at_all(reopened):
    journal = reopened()
    whole = batch(counters=[(*ALICE, 0, "1")], opened=[("r1", 1, "")], ended=[("r2", NOW * 1000 + 1, False)], events=["first"])
    journal.write(whole)
    with closing(sqlite3.connect(journal._file.path)) as other:
        other.execute("CREATE TRIGGER full BEFORE INSERT ON events BEGIN SELECT RAISE(ABORT, 'full'); END")
        with pytest.raises(sqlite3.IntegrityError):
            journal.write(batch(counters=[(*ALICE, 0, "2")], undone=["r1"], ended=[("r3", NOW * 1000 + 1, False)], events=["second"]))
        other.execute("DROP TRIGGER full")
    assert journal.outbox.depth() == 1
    journal.write(batch(gone=[("another", "default", "x", 0)]))
    recovered = reopened().load()
    assert recovered.counters == whole.counters
    assert recovered.opened == whole.opened
    assert recovered.ended == whole.ended


def test_files_are_their_owners_alone(reopened):
    journal = reopened()
    journal.write(batch(events=["e"]))
    folder = journal._file.path.parent
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {file.name: oct(stat.S_IMODE(file.stat().st_mode)) for file in folder.iterdir()} == {
        "journal.db": "0o600",
        "journal.db-wal": "0o600",
        "journal.db-shm": "0o600",
    }


@pytest.mark.parametrize("content", [b"not a database, surely " * 50, b"SQLite format 3\0" + b"\xff" * 4080])
def test_a_file_that_is_no_database_is_named(tmp_path, clock, content):
    path = tmp_path / "journal.db"
    path.write_bytes(content)
    with pytest.raises(JournalError, match=r"journal .*/journal\.db: .*; move the file away"):
        Journal(path, clock, max_events=10)
    assert path.read_bytes() == content


def test_another_programs_database_is_left_alone(tmp_path, clock):
    path = tmp_path / "journal.db"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE theirs (id)")
    before = path.read_bytes()
    with pytest.raises(JournalError, match=r"journal\.db: this is another program's database"):
        Journal(path, clock, max_events=10)
    assert path.read_bytes() == before


def test_a_journal_of_a_newer_version_is_not_touched(reopened, clock):
    journal = reopened()
    journal.write(batch(events=["e"]))
    path = journal._file.path
    journal.close()
    with sqlite3.connect(path) as newer:
        newer.execute("PRAGMA user_version=2")
    with pytest.raises(JournalError, match=r"journal\.db: written by a newer ratelimit \(schema 2, this one reads 1\)"):
        Journal(path, clock, max_events=10)


def test_a_folder_that_can_not_be_written_is_named(tmp_path, clock):
    (tmp_path / "journal.db").mkdir()
    with pytest.raises(JournalError, match=r"journal\.db: unable to open database file"):
        Journal(tmp_path / "journal.db", clock, max_events=10)
