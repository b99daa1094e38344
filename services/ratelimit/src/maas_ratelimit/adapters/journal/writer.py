"""The thread that brings the memory store's changes to the journal."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import Future
from threading import Condition, Thread
from time import monotonic
from typing import Protocol

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge

from maas_ratelimit.adapters.journal.journal import Batch

log = structlog.get_logger(__name__)

_PACE_S = 0.05
"""From a change to its being written, at most: pauses are shorter by what two writes take. Measured with 15,000 calls a second on two
busy cores: a write takes 4 ms (p99 27), and the oldest change is written within 50 ms (p99 73) of the 100 that a kill may cost."""
_LONGEST_PAUSE_S = 5.0
_MOST_DOUBLINGS = 7


class BatchSink(Protocol):
    """Where batches go: Journal."""

    def write(self, batch: Batch) -> None:
        """All or nothing; sqlite3.Error when that fails."""
        ...


class JournalWriter:
    """Asks `collect` for what has changed, about every 50 ms, and writes it; None means nothing has.

    A batch that can't be written is tried again, with growing pauses, before the next is asked for: what changes meanwhile waits in
    the store, where the newest state of a thing takes the place of the one before.
    """

    def __init__(self, journal: BatchSink, collect: Callable[[], Batch | None], registry: CollectorRegistry) -> None:
        self._journal = journal
        self._collect = collect
        self._wanted = Condition()
        self._asked = 0
        self._answered = 0
        self._is_woken = False
        self._is_stopping = False
        self._gives_up = False
        self._held: Batch | None = None
        self._failures = 0
        self._ended: Future[None] = Future()
        self._thread = Thread(target=self._run, name="journal", daemon=True)
        self._batches = Counter("maas_ratelimit_journal_batches", "Batches written to the journal.", registry=registry)
        self._errors = Counter("maas_ratelimit_journal_errors", "Times that a batch could not be written.", registry=registry)
        self._failing = Gauge("maas_ratelimit_journal_failing", "1 while changes can't be written to the journal.", registry=registry)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    async def watch(self) -> None:
        """Return when the thread has ended; raise what ended it, if it was not told to."""
        await asyncio.shield(asyncio.wrap_future(self._ended))

    def flush(self, timeout_s: float) -> bool:
        """Whether all that had changed before this call is written now."""
        with self._wanted:
            self._asked += 1
            asked = self._asked
            self._wake()
            return self._wanted.wait_for(lambda: self._answered >= asked, timeout_s)

    def stop(self, timeout_s: float) -> bool:
        """Write what is left, and end. Whether all of it is written."""
        with self._wanted:
            self._is_stopping = True
            self._wake()
        self._thread.join(timeout_s)
        with self._wanted:
            self._gives_up = True
            self._wake()
        return not self._thread.is_alive()

    def _wake(self) -> None:
        self._is_woken = True
        self._wanted.notify_all()

    def _run(self) -> None:
        try:
            self._write_until_told()
        except BaseException as error:
            self._ended.set_exception(error)
            raise
        self._ended.set_result(None)

    def _write_until_told(self) -> None:
        took_s = 0.0
        while True:
            with self._wanted:
                self._wanted.wait_for(lambda: self._is_woken, min(_PACE_S * 2**self._failures, _LONGEST_PAUSE_S) - 2 * took_s)
                self._is_woken = False
                asked, is_stopping = self._asked, self._is_stopping
                if self._gives_up:
                    return
            started = monotonic()
            is_written = self._catch_up()
            took_s = min(monotonic() - started, _PACE_S / 2)
            if not is_written:
                continue
            with self._wanted:
                self._answered = asked
                self._wanted.notify_all()
            if is_stopping:
                return

    def _catch_up(self) -> bool:
        if self._held is not None and not self._write(self._held):
            return False
        batch = self._collect()
        return batch is None or self._write(batch)

    def _write(self, batch: Batch) -> bool:
        try:
            self._journal.write(batch)
        except sqlite3.Error as error:
            if not self._failures:
                log.error("journal can't be written; a restart would forget what changes from now on", error=str(error))  # noqa: TRY400
            self._held = batch
            self._failures = min(self._failures + 1, _MOST_DOUBLINGS)
            self._errors.inc()
            self._failing.set(1)
            return False
        if self._failures:
            log.info("journal is written again")
        self._held = None
        self._failures = 0
        self._batches.inc()
        self._failing.set(0)
        return True
