"""What is left of the journal when its process, or its file, ends in the middle."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path

from maas_common.testing import FakeClock
from maas_ratelimit.adapters.journal.journal import Batch, Journal

NOW = 1_800_000_000
BATCHES = 12
ROWS = 5
"""Of each kind in a batch, large enough for several pages."""
PAGE, FRAME_HEADER, WAL_HEADER = 4096, 24, 32


def numbered(number):
    """A batch that leaves a trace of each kind, and ends the reservations of the one before."""
    names = [f"{number:03}-{row}" for row in range(ROWS)]
    return Batch(
        counters=[("c", "default", name, 0, "s" * 300) for name in names] + [("c", "default", "newest", 0, str(number))],
        gone=[("c", "default", f"{number - 1:03}-0", 0)],
        opened=[(name, 1, "b" * 300) for name in names],
        ended=[(f"{number - 1:03}-{row}", (NOW + number) * 1000, False) for row in range(ROWS)],
        undone=[],
        events=[f"{name} {'e' * 300}" for name in names],
    )


def whole_batches(path):
    """How many batches the file holds; an AssertionError when the last is not whole, or more than the last is missing."""
    journal = Journal(path, FakeClock(NOW), max_events=10_000)
    recovered, events = journal.load(), [event.line for event in journal.outbox.take(10_000)]
    journal.close()
    states = {subject: state for _, _, subject, _, state in recovered.counters}
    last = int(states.pop("newest", 0))
    expected = [numbered(number) for number in range(1, last + 1)]
    assert set(states) == {f"{number:03}-{row}" for number in range(1, last + 1) for row in range(ROWS) if row or number == last}, (
        "counters"
    )
    assert {row[0] for row in recovered.opened} == {f"{last:03}-{row}" for row in range(ROWS) if last}, "reservations"
    assert sorted(recovered.ended) == sorted(row for each in expected for row in each.ended), "ended"
    assert events == [line for each in expected for line in each.events], "events"
    return last


def test_a_journal_cut_anywhere_is_read_back_to_its_last_whole_batch(tmp_path):
    path = tmp_path / "journal.db"
    journal = Journal(path, FakeClock(NOW), max_events=10_000)
    for number in range(1, BATCHES + 1):
        journal.write(numbered(number))
    wal = Path(f"{path}-wal").read_bytes()
    frame = PAGE + FRAME_HEADER
    boundaries = range(WAL_HEADER, len(wal) + 1, frame)
    cuts = {0, 1, WAL_HEADER - 1} | {cut + near for cut in boundaries for near in (-1, 0, 1, FRAME_HEADER)} | set(range(0, len(wal), 2711))
    found = []
    for cut in sorted(cut for cut in cuts if cut <= len(wal)):
        copy = tmp_path / "cut.db"
        for leftover in tmp_path.glob("cut.db*"):
            leftover.unlink()
        shutil.copyfile(path, copy)
        Path(f"{copy}-wal").write_bytes(wal[:cut])
        found.append(whole_batches(copy))
    journal.close()
    assert found == sorted(found)
    assert set(found) == set(range(BATCHES + 1))


WRITES = """
import itertools, pathlib, sys
sys.path.insert(0, {tests!r})
from maas_common.testing import FakeClock
from maas_ratelimit.adapters.journal.journal import Journal
from maas_ratelimit.adapters.journal.writer import JournalWriter
from prometheus_client import CollectorRegistry
from test_journal_cut import NOW, numbered
numbers = itertools.count(1)
def collect():
    number = next(numbers)
    print(number - 1, flush=True)  # the one before is written
    return numbered(number)
writer = JournalWriter(Journal(pathlib.Path({path!r}), FakeClock(NOW), max_events=100_000), collect, CollectorRegistry())
writer.start()
while True:
    writer.flush(60)
"""


def test_a_killed_process_loses_at_most_the_batch_in_hand(tmp_path):
    path = tmp_path / "journal.db"
    program = WRITES.format(tests=str(Path(__file__).parent), path=str(path))
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            for said in process.stdout:
                if int(said) >= 40:
                    break
        finally:
            process.send_signal(signal.SIGKILL)
        written = max([int(said), *map(int, process.stdout)])
    assert written >= 40
    assert whole_batches(path) in {written, written + 1}
