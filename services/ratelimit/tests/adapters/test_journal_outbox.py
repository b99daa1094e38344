from __future__ import annotations

from contextlib import closing

import pytest
from maas_common.errors import UnavailableError
from maas_common.testing import FakeClock
from maas_ratelimit.adapters.journal.journal import Batch, Journal
from structlog.testing import capture_logs


@pytest.fixture
def journal(tmp_path):
    made = Journal(tmp_path / "journal.db", FakeClock(), max_events=10)
    yield made
    made.close()


def add(journal, *lines):
    journal.write(Batch([], [], [], [], [], list(lines)))


def taken(journal, at_most=100):
    return [event.line for event in journal.outbox.take(at_most)]


def test_events_are_given_out_oldest_first_and_each_to_one_taker(journal):
    add(journal, "a", "b", "c")
    assert taken(journal, 2) == ["a", "b"]
    add(journal, "d")
    assert taken(journal) == ["c", "d"]
    assert taken(journal) == []
    assert journal.outbox.depth() == 4


def test_what_is_done_is_gone_and_what_is_not_is_given_out_again_after_a_restart(journal, tmp_path):
    add(journal, "a", "b", "c", "d")
    events = journal.outbox.take(3)
    journal.outbox.done([events[0], events[2]])
    journal.outbox.done([events[0]])
    assert journal.outbox.depth() == 2
    journal.close()
    again = Journal(tmp_path / "journal.db", FakeClock(), max_events=10)
    assert again.outbox.depth() == 2
    assert taken(again) == ["b", "d"]


def test_of_events_written_together_some_are_done_and_the_others_given_out_again(tmp_path):
    lines = [f"line {n}" for n in range(45)] + ["has \x1e in it"]
    with closing(Journal(tmp_path / "journal.db", FakeClock(), max_events=1000)) as before:
        add(before, *lines[:23])
        add(before, *lines[23:])
        events = before.outbox.take(7) + before.outbox.take(20) + before.outbox.take(100)
        assert [event.line for event in events] == [*lines[:-1], "has \ufffd in it"]
        for done in (events[3:31], events[5:6], events[40:45:2], [], events[11:12], events[31:33]):
            before.outbox.done(done)
        assert before.outbox.depth() == 13
    with closing(Journal(tmp_path / "journal.db", FakeClock(), max_events=1000)) as after:
        assert after.outbox.depth() == 13
        events = [*events[:3], *events[33:40], events[41], events[43], events[45]]
        assert [after.outbox.take(1)[0].line for _ in events] == [event.line for event in events]
        after.outbox.done(events)
        add(after, "next")
        assert (after.outbox.depth(), taken(after)) == (1, ["next"])
        with after._file.transaction() as connection:
            assert connection.execute("SELECT count(*) FROM events").fetchone() == (1,)


def test_events_that_follow_an_empty_outbox_are_given_out(journal):
    for line in ("a", "b"):
        add(journal, line)
        events = journal.outbox.take(5)
        assert [event.line for event in events] == [line]
        journal.outbox.done(events)
    assert journal.outbox.depth() == 0


def test_past_the_bound_the_oldest_are_dropped_and_counted(journal):
    add(journal, *map(str, range(9)))
    held = journal.outbox.take(2)
    add(journal, *map(str, range(9, 14)))
    assert (journal.outbox.depth(), journal.outbox.dropped) == (10, 4)
    journal.outbox.done(held)
    assert journal.outbox.depth() == 10
    assert taken(journal) == [str(n) for n in range(4, 14)]


def test_a_batch_larger_than_the_bound_leaves_its_newest(journal):
    add(journal, *map(str, range(25)))
    assert (journal.outbox.depth(), journal.outbox.dropped) == (10, 15)
    assert taken(journal) == [str(n) for n in range(15, 25)]


def test_piling_up_and_dropping_are_told_once_until_there_is_room_again(journal):
    with capture_logs() as logs:
        add(journal, *"1234567")
        assert logs == []
        add(journal, "8")
        add(journal, "9")
        assert [(line["log_level"], line["waiting"], line["max_events"]) for line in logs] == [("warning", 8, 10)]
        add(journal, *"abc")
        add(journal, "d")
        assert [line["log_level"] for line in logs[1:]] == ["error"]
        assert "dropped" in logs[1]["event"]
        journal.outbox.done(journal.outbox.take(5))
        add(journal, *"efghijk")
        assert [line["log_level"] for line in logs[2:]] == ["warning", "error"]


def test_a_journal_that_can_not_be_read_or_written_is_unavailable(journal):
    add(journal, "a")
    events = journal.outbox.take(1)
    journal.close()
    with pytest.raises(UnavailableError, match="can't be read"):
        journal.outbox.take(1)
    with pytest.raises(UnavailableError, match="can't be removed"):
        journal.outbox.done(events)
    assert journal.outbox.depth() == 1
