"""What a memory store writes down is all that the next process needs: it goes on as if nothing had happened."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from maas_ratelimit.adapters.journal.journal import Batch, Recovered
from maas_ratelimit.adapters.memory.changes import Changes
from maas_ratelimit.adapters.memory.recovery import Recorder, restore
from maas_ratelimit.adapters.memory.store import MemoryBounds, MemoryStore
from maas_ratelimit.core.counting import Account, Claim, CounterFilter, Settlement
from maas_ratelimit.core.events import Usage, read_line, record
from maas_ratelimit.core.plans import Plan

START_MS = 1_800_000_030_000
HOUR_MS = 3_600_000
TTL_S = 3600
BOUNDS = MemoryBounds(reservation_ttl_s=TTL_S, settled_ttl_s=4 * TTL_S)
"""An id that expired and was settled then is known as settled for longer."""
PLANS = [
    Plan.parse("1;" + ";".join(limits))
    for limits in (
        ("a:requests:6:1h:user:soft 50:50/100", "b:total_tokens:400:day in Europe/Berlin:tier:hard:50/100"),
        ("c:total_tokens:500:sliding 1h:user", "d:requests:4:sliding 2h:user:soft 50"),
        ("e:requests:4:sliding-log 1h:user", "f:total_tokens:500:sliding-log 1h:user:soft 50"),
        ("g:requests:5:gcra 1h burst 3:user", "h:total_tokens:500:gcra 2h:user:shadow"),
        ("c:total_tokens:300:sliding 1h:user", "e:requests:9:sliding-log 1h:user", "i:concurrency:2:-:user:soft 50"),
    )
]
USERS = ["ann", "ben"]


def account(plan: int, user: str) -> Account:
    caller = SimpleNamespace(key="-", user=user, team="-", tier="free", model="small")
    return Account(PLANS[plan], "default", PLANS[plan].subjects(caller))


def rid(number: int) -> str:
    return f"{number:032x}"


class Paper:
    """What a journal keeps, as JSON."""

    def __init__(self) -> None:
        self.counters: dict[tuple[str, str, str, int], str] = {}
        self.opened: dict[str, tuple[int, str]] = {}
        self.ended: dict[tuple[str, bool], int] = {}
        self.parties: dict[str, str] = {}
        self.events: list[str] = []

    def write(self, batch: Batch | None) -> None:
        if batch is None:
            return
        told = Batch(**json.loads(json.dumps(asdict(batch))))
        for counter in told.gone:
            self.counters.pop(tuple(counter), None)
        for *key, state in told.counters:
            self.counters[tuple(key)] = state
        for number, deadline, body in told.opened:
            self.opened[number] = (deadline, body)
        for number, until, is_expired in told.ended:
            self.opened.pop(number, None)
            self.ended[number, is_expired] = until
        for number in told.undone:
            self.opened.pop(number, None)
        self.parties |= {party: body for party, _, body in told.parties}
        self.events += told.events

    def recovered(self, now: float) -> Recovered:
        ended = [(number, until, is_expired) for (number, is_expired), until in self.ended.items() if until > int(now * 1000)]
        settled = {number for number, _, is_expired in ended if not is_expired}
        return Recovered(
            counters=[(*key, state) for key, state in self.counters.items() if not key[3] or key[3] > int(now)],
            opened=sorted(((number, *row) for number, row in self.opened.items()), key=lambda row: row[1]),
            ended=sorted((row for row in ended if not row[2] or row[0] not in settled), key=lambda row: row[1]),
            parties=self.parties,
        )


class Process:
    """A store, and what it hands over to be written down."""

    def __init__(self, paper: Paper, now: float) -> None:
        self.store = MemoryStore(BOUNDS, Changes())
        self._paper = paper
        restore(self.store, paper.recovered(now), now)
        self._recorder = Recorder(self.store, TTL_S)

    def write(self) -> Batch | None:
        batch = self._recorder.collect()
        self._paper.write(batch)
        return batch


class Twins:
    """Two stores that are told the same; one's process ends now and then, and another goes on."""

    def __init__(self) -> None:
        self.now_ms = START_MS
        self.lasting = MemoryStore(BOUNDS, Changes())
        self.paper = Paper()
        self.ending = Process(self.paper, self.now)
        self.asked: dict[int, Account] = {}
        """Settles bring the plan of their admission."""

    @property
    def now(self) -> float:
        return (self.now_ms + 0.5) / 1000

    def do(self, call) -> None:
        """Both say the same."""
        said = []
        for store in (self.lasting, self.ending.store):
            while store.tidy(self.now):
                pass
            said.append(call(store))
        assert said[1] == said[0]

    def run(self, operation) -> None:
        self.do(lambda store: [_comparable(outcome) for outcome in store.run([operation], now=self.now)])

    def admit(self, number: int, plan: int, user: str, tokens: int) -> None:
        its = self.asked.setdefault(number, account(plan, user))
        takes = its.plan.capped((1, tokens, tokens, tokens, tokens, 1))
        text = record(["default", "-", user, "-", "free", "-", "small", "-"], [None] * 6)
        self.run(Claim(rid(number), its, takes, tuple(min(take, 20) for take in takes), text))

    def settle(self, number: int, plan: int, user: str, tokens: int) -> None:
        its = self.asked.setdefault(number, account(plan, user))
        text = record(["default", "-", user, "-", "free", "-", "small", "-"], [tokens] * 6)
        self.run(Settlement(rid(number), its, its.plan.of_each((1, tokens, tokens, tokens, tokens, 0)), text))

    def settle_as_nobody(self, number: int, plan: int, user: str, tokens: int) -> None:
        self.run(Settlement(rid(number), None, (), f"{plan}{user}{tokens}"))

    def undo(self, number: int, plan: int, user: str, tokens: int) -> None:
        self.run(Settlement(rid(number), account(plan, user), (), "", is_undone=True, may_charge=False))

    def wait(self, milliseconds: int) -> None:
        self.now_ms += milliseconds

    def reset(self, user: str) -> None:
        self.now_ms += 1
        self.do(lambda store: store.reset_counters(CounterFilter(subject=user), now=self.now) >= 0)  # empty ones may be gone
        self.now_ms += 1

    def write(self) -> None:
        self.ending.write()

    def restart(self) -> None:
        self.write()
        self.ending = Process(self.paper, self.now)

    def compare(self) -> None:
        for plan in range(len(PLANS)):
            for user in USERS:
                self.do(partial(MemoryStore.read, account=account(plan, user), now=self.now))
        self.do(self._counters)
        self.do(lambda store: store.outstanding)
        assert self.lasting.changes is not None
        assert self.ending.store.changes is not None
        assert _usage([*self.paper.events, *self.ending.store.changes.events]) == _usage(self.lasting.changes.events)

    def _counters(self, store: MemoryStore) -> list[Any]:
        found, _ = store.list_counters(CounterFilter(), page_size=1000, page_token="", now=self.now)
        return [each for each in found if each.used or each.reserved]


def _comparable(outcome: Any) -> Any:
    return str(outcome) if isinstance(outcome, Exception) else outcome


def _usage(lines: Iterable[str]) -> list[Any]:
    """All but thresholds passed in windows that are over: whoever restarts has forgotten how far those were."""
    return [line for line in lines if not line.startswith("b")]


NUMBERS = st.integers(0, 12)
ABOUT = st.tuples(NUMBERS, st.integers(0, len(PLANS) - 1), st.sampled_from(USERS), st.integers(1, 300))
STEPS = st.one_of(
    st.tuples(st.sampled_from(["admit", "admit", "admit", "settle", "settle_as_nobody", "undo"]), ABOUT),
    st.tuples(st.just("admit"), ABOUT),
    st.tuples(st.just("wait"), st.tuples(st.sampled_from([1, 999, 60_000, 20 * 60_000, HOUR_MS - 1, HOUR_MS, 2 * HOUR_MS + 1]))),
    st.tuples(st.just("reset"), st.tuples(st.sampled_from(USERS))),
    st.tuples(st.sampled_from(["restart", "restart", "write", "compare"]), st.just(())),
)
ANN = (0, "ann", 100)
RESTART = ("restart", ())


BEFORE = ("admit", (1, 1, "ann", 9))
LOGGED = [("admit", (1, 2, "ann", 9)), ("admit", (2, 2, "ann", 9))]


@settings(max_examples=200)
@given(st.lists(STEPS, max_size=40))
@example([*LOGGED, RESTART, ("undo", (1, 2, "ann", 9)), ("undo", (2, 2, "ann", 9))])
@example([*LOGGED, ("reset", ("ann",)), RESTART, ("undo", (1, 2, "ann", 9))])
@example([("admit", (1, *ANN)), ("write", ()), ("undo", (1, *ANN)), ("admit", (1, *ANN))])
@example([("admit", (1, *ANN)), ("wait", (HOUR_MS,)), ("compare", ()), ("wait", (HOUR_MS,)), ("admit", (1, *ANN))])
@example([BEFORE, ("wait", (2 * HOUR_MS + 1,)), ("admit", (2, 1, "ann", 9)), ("write", ()), ("reset", ("ann",))])
def test_after_any_calls_the_next_process_goes_on_as_if_nothing_had_happened(steps):
    twins = Twins()
    for name, values in steps:
        getattr(twins, name)(*values)
    twins.restart()
    twins.compare()


def ann_with(*limits: str) -> Account:
    plan = Plan.parse(";".join(["1", *limits]))
    return Account(plan, "default", plan.subjects(SimpleNamespace(key="k", user="ann", team="-", tier="free", model="small")))


NOW = START_MS / 1000


def test_there_is_nothing_to_write_when_nothing_has_changed():
    process, ann = Process(Paper(), NOW), ann_with("a:requests:9:1h:user")
    assert process.write() is None
    process.store.run([Claim(rid(1), ann, (1,), (1,), "")], now=NOW)
    assert process.write() is not None
    assert process.write() is None
    process.store.read(ann, now=NOW)
    assert process.write() is None


def test_a_store_that_keeps_no_changes_hands_nothing_over():
    store = MemoryStore(BOUNDS)
    store.run([Claim(rid(1), ann_with("a:requests:9:1h:user"), (1,), (1,), "")], now=NOW)
    assert Recorder(store, TTL_S).collect() is None


@pytest.mark.parametrize("window", ["1m", "59m", "sliding 30m", "sliding-log 1m", "gcra 1m"])
def test_of_windows_under_an_hour_only_what_is_in_flight_comes_back(window):
    paper, ann = Paper(), ann_with(f"a:total_tokens:900:{window}:user")
    before = Process(paper, NOW)
    before.store.run([Claim(rid(number), ann, (100,), (100,), "") for number in (1, 2)], now=NOW)
    before.store.run([Settlement(rid(1), ann, (70,), "")], now=NOW)
    before.write()
    assert paper.counters == {}
    after = Process(paper, NOW).store
    assert after.outstanding == 1
    after.run([Settlement(rid(2), ann, (0,), "")], now=NOW)
    assert (after.outstanding, after.read(ann, now=NOW)[0].reserved) == (0, 0)


def test_what_expired_while_nobody_ran_is_told_once():
    paper, ann = Paper(), ann_with("a:total_tokens:900:1h:user")
    process = Process(paper, NOW)
    process.store.run([Claim(rid(1), ann, (100,), (100,), record(["-"] * 8, [None] * 6))], now=NOW)
    for _ in range(3):
        process.write()
        process = Process(paper, NOW + 7200)
        process.store.tidy(NOW + 7200)
    (event,) = [read_line(line) for line in paper.events]
    assert isinstance(event, Usage)
    assert (event.rid, event.outcome, process.store.outstanding) == (rid(1), "expired", 0)


def test_a_threshold_is_told_once_also_after_a_restart():
    paper, ann = Paper(), ann_with("a:requests:4:1h:user:hard:50/100")
    for number in range(4):
        process = Process(paper, NOW)
        process.store.run([Claim(rid(number), ann, (1,), (1,), "")], now=NOW)
        process.write()
    assert [(event.percent, event.used) for event in map(read_line, paper.events)] == [(50, 2), (100, 4)]


def test_a_settle_of_a_window_that_is_over_leaves_the_current_one_alone():
    """Neither its counts, nor what is written down of them, nor what is told of its thresholds."""
    paper, ann = Paper(), ann_with("a:total_tokens:100:1h:user:hard:50")
    process = Process(paper, NOW)
    process.store.run([Claim(rid(1), ann, (90,), (90,), "")], now=NOW)
    process.write()
    later = NOW + 3580
    process = Process(paper, later)
    process.store.run([Claim(rid(2), ann, (20,), (20,), ""), Settlement(rid(2), ann, (20,), "")], now=later)
    process.store.run([Settlement(rid(1), ann, (90,), "")], now=later)
    process.write()
    assert Process(paper, later).store.read(ann, now=later)[0].used == 20
    current = int(later) // 3600 * 3600 + 3600
    assert [event for event in map(read_line, paper.events) if event.end == current] == []


def test_callers_that_ask_often_are_written_down_once():
    paper, ann = Paper(), ann_with("a:total_tokens:900:1h:user")
    process = Process(paper, NOW)
    for number in range(5):
        process.store.run([Claim(rid(number), ann, (10,), (10,), "")], now=NOW)
        batch = process.write()
        assert batch is not None
        assert len(batch.parties) == (not number)
    assert Process(paper, NOW).store.read(ann, now=NOW)[0].reserved == 50
