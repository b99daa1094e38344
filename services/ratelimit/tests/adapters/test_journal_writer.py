from __future__ import annotations

import asyncio
import sqlite3
import threading

import pytest
from maas_common.testing import FakeClock
from maas_ratelimit.adapters.journal.journal import Batch, Journal
from maas_ratelimit.adapters.journal.writer import JournalWriter
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

LONG_S = 60.0


class Source:
    """A store that has events to hand over."""

    def __init__(self):
        self.lines = []
        self.lock = threading.Lock()

    def add(self, *lines):
        with self.lock:
            self.lines += lines

    def collect(self):
        with self.lock:
            lines, self.lines = self.lines, []
        return Batch([], [], [], [], [], lines) if lines else None


class StuckDisk:
    """A journal whose disk is full until it is mended."""

    def __init__(self, journal):
        self.journal = journal
        self.is_full = True
        self.tries = 0
        self.tried = threading.Condition()

    def write(self, batch):
        with self.tried:
            self.tries += 1
            self.tried.notify_all()
            is_full = self.is_full
        if is_full:
            raise sqlite3.OperationalError("database or disk is full")
        self.journal.write(batch)

    def wait_for_tries(self, count):
        with self.tried:
            assert self.tried.wait_for(lambda: self.tries >= count, LONG_S)


@pytest.fixture
def source():
    return Source()


@pytest.fixture
def registry():
    return CollectorRegistry()


@pytest.fixture
def journal(tmp_path):
    made = Journal(tmp_path / "journal.db", FakeClock(), max_events=1000)
    yield made
    made.close()


def lines(journal):
    return [event.line for event in journal.outbox.take(1000)]


def test_after_a_flush_everything_before_it_is_written(journal, source, registry):
    writer = JournalWriter(journal, source.collect, registry)
    writer.start()
    for number in range(5):
        source.add(str(number))
        assert writer.flush(LONG_S)
        assert lines(journal) == [str(number)]
    assert registry.get_sample_value("maas_ratelimit_journal_batches_total") == 5
    assert writer.stop(LONG_S)


def test_changes_are_written_unasked(journal, source, registry):
    written = threading.Event()

    class Telling:
        def write(self, batch):
            journal.write(batch)
            written.set()

    writer = JournalWriter(Telling(), source.collect, registry)
    writer.start()
    source.add("a")
    assert written.wait(LONG_S)
    assert writer.stop(LONG_S)
    assert lines(journal) == ["a"]


def test_stopping_writes_the_rest(journal, source, registry):
    writer = JournalWriter(journal, source.collect, registry)
    writer.start()
    source.add("a", "b")
    assert writer.stop(LONG_S)
    assert lines(journal) == ["a", "b"]


def test_a_batch_that_can_not_be_written_is_kept_and_told_of_once(journal, source, registry):
    disk = StuckDisk(journal)
    writer = JournalWriter(disk, source.collect, registry)
    with capture_logs() as logs:
        writer.start()
        source.add("a")
        disk.wait_for_tries(3)
        source.add("b")
        disk.wait_for_tries(disk.tries + 1)
        assert source.lines == ["b"]
        assert registry.get_sample_value("maas_ratelimit_journal_failing") == 1
        assert registry.get_sample_value("maas_ratelimit_journal_errors_total") >= 3
        disk.is_full = False
        assert writer.flush(LONG_S)
    assert lines(journal) == ["a", "b"]
    assert registry.get_sample_value("maas_ratelimit_journal_failing") == 0
    assert [(line["log_level"], line.get("error")) for line in logs] == [("error", "database or disk is full"), ("info", None)]
    assert writer.stop(LONG_S)


def test_a_flush_that_can_not_be_done_says_so(journal, source, registry):
    disk = StuckDisk(journal)
    writer = JournalWriter(disk, source.collect, registry)
    writer.start()
    source.add("a")
    assert not writer.flush(0.01)
    assert not writer.stop(0.01)
    writer._thread.join(LONG_S)
    assert not writer._thread.is_alive()


def test_stopping_waits_for_a_disk_that_is_mended_in_time(journal, source, registry):
    disk = StuckDisk(journal)
    writer = JournalWriter(disk, source.collect, registry)
    writer.start()
    source.add("a")
    stopping = threading.Thread(target=writer.stop, args=(LONG_S,))
    disk.wait_for_tries(1)
    stopping.start()
    disk.wait_for_tries(disk.tries + 2)
    disk.is_full = False
    stopping.join(LONG_S)
    assert lines(journal) == ["a"]


def test_who_watches_learns_that_the_thread_failed(journal, registry):
    def broken():
        raise ZeroDivisionError

    seen = []
    hook, threading.excepthook = threading.excepthook, seen.append
    try:
        writer = JournalWriter(journal, broken, registry)
        writer.start()
        with pytest.raises(ZeroDivisionError):
            asyncio.run(writer.watch())
        writer._thread.join(LONG_S)
    finally:
        threading.excepthook = hook
    assert seen


def test_who_watches_waits_until_the_thread_is_told_to_end(journal, source, registry):
    async def scenario():
        writer = JournalWriter(journal, source.collect, registry)
        writer.start()
        watches = [asyncio.create_task(writer.watch()) for _ in range(2)]
        watches[0].cancel()
        await asyncio.wait([watches[0]])
        assert not watches[1].done()
        assert await asyncio.to_thread(writer.stop, LONG_S)
        await watches[1]

    asyncio.run(scenario())
