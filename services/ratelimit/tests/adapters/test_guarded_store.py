"""A store that fails: who is answered what meanwhile, how often it is waited for, and that nothing is lost or counted twice."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from maas_common.errors import FailedPreconditionError, InvalidArgumentError, UnavailableError
from maas_common.testing import FakeClock
from maas_ratelimit.adapters.guarded.store import GuardedStore
from maas_ratelimit.adapters.guarded.substitute import Substitute
from maas_ratelimit.core.counting import Account, Admission, Claim, CounterState, Operation, Outcome, Settled, Settlement
from maas_ratelimit.core.plans import Plan
from structlog.testing import capture_logs

NOW = 1_800_000_000.0
TTL_S = 3600.0
ACCOUNT = Account(Plan.parse("1;r:requests:5:1m:user;t:total_tokens:1000:1m:user"), "default", ("ann", "ann"))


class Scripted:
    """Admits so many requests. `up`; `down`: nothing is done; `lost`: all is done, and the answers never come."""

    waits = True

    def __init__(self, amount: int = 5) -> None:
        self.state = "up"
        self.amount = amount
        self.held: set[str] = set()
        self.records: set[str] = set()
        self.charged: dict[str, list[Settlement]] = {}
        """By request id each settlement that changed something; more than one is a mistake."""
        self.calls = 0
        self.failed = 0
        self.during: Callable[[], None] = lambda: None

    def run(self, operations: Sequence[Operation], *, now: float) -> list[Outcome]:
        self.calls += 1
        self.during()
        if self.state == "up":
            return [self._do(operation, now) for operation in operations]
        self.failed += 1
        if self.state == "lost":
            for operation in operations:
                self._do(operation, now)
        return [UnavailableError(f"store is {self.state}") for _ in operations]

    def read(self, account: Account, *, now: float) -> tuple[CounterState, ...]:
        self.check()
        return (CounterState(len(self.held), 0, self.amount - len(self.held), 0),)

    def check(self) -> None:
        if self.state != "up":
            raise UnavailableError(f"store is {self.state}")

    def _do(self, operation: Operation, now: float) -> Outcome:
        rid = operation.rid
        if isinstance(operation, Claim):
            if rid in self.charged:
                return InvalidArgumentError(f"request {rid} has ended")
            if rid not in self.held and len(self.held) + len(self.charged) >= self.amount:
                return Admission((0,), (0, 0), (0, 0), (0, 0), now)
            self.held.add(rid)
            self.records.add(operation.record)
            return Admission((), (0, 0), (0, 0), operation.takes, now)
        if rid in self.charged:
            return Settled.REPEATED
        is_held = rid in self.held
        self.held.discard(rid)
        if not operation.is_undone and (is_held or operation.may_charge):
            self.charged.setdefault(rid, []).append(operation)
            return Settled.REPLACED if is_held else Settled.LATE
        return Settled.REPLACED if is_held else Settled.UNKNOWN


class World:
    """A guarded store, and what there is around it."""

    def __init__(self, on_store_error="deny", *, max_spooled=1000, local_amount=2, followed=1000) -> None:
        self.clock = FakeClock(NOW)
        self.store = Scripted()
        self.fallback = Scripted(local_amount)
        self.substitute = Substitute(on_store_error, self.fallback, reservation_ttl_s=TTL_S, at_most=followed)
        self.guarded = GuardedStore(
            self.store, probe=self.store.check, substitute=self.substitute, clock=self.clock, max_spooled=max_spooled
        )

    def run(self, *operations: Operation) -> list[Outcome]:
        return self.guarded.run(operations, now=self.clock.now())

    def admit(self, number: int) -> Outcome:
        return self.run(claim(number))[0]

    def settle(self, number: int, **parts) -> Outcome:
        return self.run(replace(settlement(number), **parts))[0]

    def fail(self, state: str = "down", *operations: Operation) -> list[Outcome]:
        """The store goes away, and whoever comes then finds out."""
        self.store.state = state
        return self.run(*(operations or (claim(999),)))

    def come_back(self) -> None:
        self.store.state = "up"
        assert self.guarded.recover()

    def charged(self) -> dict[int, tuple[int, ...]]:
        """What was used, by number of request; each was charged once."""
        assert all(len(each) == 1 for each in self.store.charged.values())
        return {int(rid, 16): each[0].used for rid, each in self.store.charged.items()}


def rid(number: int) -> str:
    return f"{number:032x}"


def claim(number: int) -> Claim:
    return Claim(rid(number), ACCOUNT, (1, 100), (1, 100), "who")


def settlement(number: int) -> Settlement:
    return Settlement(rid(number), ACCOUNT, (1, number), "who and what")


def is_admitted(outcome: Outcome) -> bool:
    return isinstance(outcome, Admission) and not outcome.refusing


@pytest.fixture(params=["deny", "allow", "local"])
def world(request) -> World:
    return World(request.param)


def test_while_the_store_is_there_it_answers(world):
    assert is_admitted(world.admit(1))
    assert world.settle(1) is Settled.REPLACED
    assert world.guarded.read(ACCOUNT, now=NOW) == (CounterState(0, 0, 5, 0),)
    assert (world.charged(), world.guarded.is_open, world.guarded.waits) == ({1: (1, 1)}, False, True)


def test_after_one_failure_nobody_waits_for_the_store_until_it_was_tried(world):
    world.fail("down", claim(1), claim(2))
    calls = world.store.calls
    for number in range(3, 10):
        world.admit(number)
        world.settle(number)
    assert (world.store.calls, world.guarded.opened) == (calls, 1)
    assert not world.guarded.recover()
    assert (world.store.calls, world.guarded.is_open) == (calls, True)
    world.come_back()
    assert world.guarded.is_open is False


def test_a_store_that_raises_has_failed_too(world):
    def broken() -> None:
        raise UnavailableError("no connection")

    world.store.during = broken
    assert world.settle(1) is Settled.QUEUED
    assert (world.guarded.is_open, world.guarded.spooled) == (True, 1)


def test_deny_admits_nothing():
    world = World("deny")
    for outcome in [*world.fail("down", claim(1), claim(2)), world.admit(3)]:
        assert isinstance(outcome, UnavailableError)
    assert world.substitute.denied == 3


def test_allow_admits_everything_and_says_that_it_is_not_counted():
    world = World("allow")
    admissions = [*world.fail("down", claim(1), claim(2)), *[world.admit(number) for number in range(3, 10)]]
    assert admissions == [Admission((), (), (), (1, 100), NOW, is_counted=False)] * 9
    assert world.substitute.uncounted == 9


def test_local_admits_what_this_process_has_left():
    world = World("local", local_amount=2)
    outcomes = [*world.fail("down", claim(1), claim(2)), *[world.admit(number) for number in range(3, 10)]]
    assert [is_admitted(outcome) for outcome in outcomes] == [True] * 2 + [False] * 7
    assert world.substitute.local == 9


def test_local_wants_a_store_to_fall_back_to():
    with pytest.raises(ValueError, match='on_store_error "local": there is no store'):
        Substitute("local", None, reservation_ttl_s=1.0, at_most=1)


def test_counters_are_read_where_there_are_any():
    local, deny = World("local", local_amount=2), World("deny")
    for world in (local, deny):
        world.fail()
    assert local.guarded.read(ACCOUNT, now=NOW) == (CounterState(1, 0, 1, 0),)
    with pytest.raises(UnavailableError, match="is away"):
        deny.guarded.read(ACCOUNT, now=NOW)


def test_what_the_store_did_answer_stands(world):
    world.admit(1)
    answer = Admission((0,), (0,), (0,), (0,), NOW)
    world.store.run = lambda *_, **__: [Settled.REPLACED, answer, UnavailableError("one node is down")]
    outcomes = world.run(settlement(1), claim(2), settlement(3))
    assert (outcomes, world.guarded.spooled) == ([Settled.REPLACED, answer, Settled.QUEUED], 1)


def test_settlements_wait_and_are_done_in_order_once_the_store_is_back(world):
    for number in (1, 2):
        world.admit(number)
    world.store.state = "down"
    assert [world.settle(number) for number in (2, 1)] == [Settled.QUEUED] * 2
    assert world.guarded.spooled == 2
    world.come_back()
    assert list(world.charged().items()) == [(2, (1, 2)), (1, (1, 1))]
    assert (world.store.held, world.guarded.spooled, world.guarded.replayed) == (set(), 0, 2)


def test_a_settlement_that_was_done_although_its_answer_was_lost_is_not_done_twice(world):
    world.admit(1)
    world.fail("lost", settlement(1))
    world.come_back()
    assert world.charged() == {1: (1, 1)}


def test_deny_takes_back_a_claim_that_was_counted_although_its_answer_was_lost():
    world = World("deny")
    world.fail("lost", claim(1))
    assert world.store.held == {rid(1)}
    world.come_back()
    assert (world.store.held, world.charged()) == (set(), {})


def test_allow_keeps_such_a_claim_for_its_settlement():
    world = World("allow")
    world.fail("lost", claim(1), claim(2))
    world.settle(1)
    world.come_back()
    assert (world.store.held, world.charged()) == ({rid(2)}, {1: (1, 1)})


def test_local_takes_such_a_claim_back_only_if_it_was_refused_here():
    world = World("local", local_amount=1)
    first, second = world.fail("lost", claim(1), claim(2))
    assert (is_admitted(first), is_admitted(second)) == (True, False)
    world.settle(1)
    world.come_back()
    assert (world.store.held, world.charged()) == (set(), {1: (1, 1)})


@pytest.mark.parametrize("on_store_error", ["allow", "local"])
def test_what_was_admitted_meanwhile_is_charged_when_the_store_is_back(on_store_error):
    world = World(on_store_error)
    world.fail("down", claim(1), claim(2))
    world.settle(1)
    world.come_back()
    assert world.charged() == {1: (1, 1)}
    assert world.settle(2) is Settled.LATE  # it outlived the outage
    assert world.charged() == {1: (1, 1), 2: (1, 2)}
    assert world.substitute.in_flight == 0


def test_local_reservations_are_settled_where_they_are_and_leave_no_event_there():
    world = World("local")
    world.fail("down", claim(1), claim(2))
    world.settle(1)
    world.come_back()
    world.settle(2)
    assert world.fallback.held == set()
    assert world.fallback.records | {each.record for charges in world.fallback.charged.values() for each in charges} == {""}


def test_what_the_store_admitted_is_not_charged_to_local_counters():
    world = World("local")
    world.admit(1)
    world.fail()
    world.settle(1)
    assert rid(1) not in world.fallback.charged


def test_what_a_fallback_does_not_admit_is_answered_as_it_says():
    world = World("local")
    world.fail("down", claim(1))
    world.settle(1)
    assert isinstance(world.admit(1), InvalidArgumentError)
    assert world.substitute.in_flight == 0


@pytest.mark.parametrize("is_back", [False, True])
@pytest.mark.parametrize("on_store_error", ["allow", "local"])
def test_a_request_admitted_meanwhile_that_nobody_settles_ends_as_expired(on_store_error, is_back):
    world = World(on_store_error)
    world.fail("down", claim(1))
    if is_back:
        world.come_back()
    world.clock.advance(TTL_S)
    world.settle(2)
    if not is_back:
        world.come_back()
    assert world.charged() == {1: (1, 0), 2: (1, 2)}
    assert [(each.outcome, each.record) for each in world.store.charged[rid(1)]] == [("expired", "who")]


def test_one_that_expires_just_when_the_store_fails_waits_too():
    world = World("allow")
    world.fail("down", claim(1))
    world.come_back()
    world.clock.advance(TTL_S)
    assert world.fail("down", settlement(2)) == [Settled.QUEUED]
    world.come_back()
    assert world.charged() == {1: (1, 0), 2: (1, 2)}


def test_it_follows_no_more_requests_than_it_may():
    world = World("allow", followed=2)
    world.fail("down", claim(1), claim(2), claim(3))
    assert world.substitute.in_flight == 2


def test_a_request_undone_while_the_store_is_away_is_charged_nothing(world):
    world.admit(1)
    world.fail("down", claim(2))
    for number in (1, 2):
        world.settle(number, is_undone=True, record="", used=(0, 0), may_charge=False)
    world.come_back()
    assert (world.charged(), world.store.held, world.substitute.in_flight) == ({}, set(), 0)


def test_the_breaker_stays_open_while_the_replay_fails(world):
    world.fail("down", settlement(1))
    world.guarded._probe = lambda: None  # it can be reached, and counts nothing
    assert not world.guarded.recover()
    assert (world.guarded.is_open, world.guarded.spooled) == (True, 1)
    world.come_back()
    assert world.charged() == {1: (1, 1)}


def test_a_replay_that_breaks_loses_nothing(world):
    world.fail("down", settlement(1))
    world.store.state = "up"

    def broken() -> None:
        raise RuntimeError("not foreseen")

    world.store.during = broken
    with pytest.raises(RuntimeError):
        world.guarded.recover()
    assert (world.guarded.is_open, world.guarded.spooled) == (True, 1)


def test_what_ends_during_the_replay_is_replayed_before_the_breaker_closes(world):
    for number in (1, 2):
        world.admit(number)
    world.fail("down", settlement(1))
    world.store.state = "up"

    def meanwhile() -> None:
        world.store.during = lambda: None
        assert world.settle(2) is Settled.QUEUED

    world.store.during = meanwhile
    assert world.guarded.recover()
    assert (world.charged(), world.guarded.is_open) == ({1: (1, 1), 2: (1, 2)}, False)


def test_a_store_that_may_not_be_used_stays_away_and_the_reason_is_told_once():
    world = World("deny")

    def refuse() -> None:
        raise FailedPreconditionError("maxmemory-policy is allkeys-lru; want noeviction")

    world.guarded._probe = refuse
    with capture_logs() as logs:
        world.fail()
        assert [world.guarded.recover() for _ in range(3)] == [False] * 3
    assert [each.get("error") for each in logs] == ["store is down", "maxmemory-policy is allkeys-lru; want noeviction"]


class Watched:
    """A lock; something happens just before it is taken, or after it was given back, and then no more."""

    def __init__(self, *, before: Callable[[], object] | None = None, after: Callable[[], object] | None = None) -> None:
        self._lock, self._before, self._after = threading.Lock(), before, after

    def __enter__(self) -> None:
        before, self._before = self._before, None
        if before:
            before()
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()
        if not self._before and self._after:
            after, self._after = self._after, None
            after()


def test_a_settlement_that_comes_just_before_the_breaker_closes_goes_to_the_store(world):
    world.fail()
    world.guarded._lock = Watched(before=world.come_back)
    assert world.settle(1) is Settled.LATE
    assert world.guarded.spooled == 0


def test_a_settlement_that_comes_when_nothing_waited_any_more_goes_to_the_store(world):
    world.guarded.is_open = True
    world.guarded._lock = Watched(after=lambda: world.settle(1))
    assert world.guarded.recover()
    assert (set(world.charged()), world.guarded.spooled) == ({1}, 0)


def test_calls_that_fail_together_open_the_breaker_once(world):
    def meanwhile() -> None:
        world.store.during = lambda: None
        world.settle(2)

    world.store.during = meanwhile
    world.fail("down", settlement(1))
    assert (world.guarded.opened, world.guarded.spooled) == (1, 2)


def test_a_change_of_state_is_logged_once(world):
    with capture_logs() as logs:
        world.fail()
        for number in range(5):
            world.settle(number)
        world.clock.advance(2.5)
        world.come_back()
    assert [(each["event"], each["log_level"]) for each in logs] == [("store is away", "error"), ("store is back", "info")]
    assert logs[1]["away_s"] == 2.5


@pytest.mark.parametrize("on_store_error", ["deny", "local"])
def test_however_many_are_refused_meanwhile_they_push_no_settlement_out(on_store_error):
    world = World(on_store_error, max_spooled=2, local_amount=0)
    world.admit(1)
    world.fail("lost", claim(2), settlement(1))
    for number in range(2, 100):
        assert not is_admitted(world.admit(number))
        assert world.settle(number, is_undone=True, used=(), record="", may_charge=False) is Settled.UNKNOWN
    world.come_back()
    assert (world.store.held, world.charged(), world.guarded.dropped) == (set(), {1: (1, 1)}, 0)


def test_what_was_refused_here_is_forgotten_in_time():
    world = World("deny", followed=2)
    world.fail("down", claim(1), claim(2), claim(3))
    undone = {"is_undone": True, "used": (), "record": "", "may_charge": False}
    assert [world.settle(number, **undone) for number in (1, 2)] == [Settled.QUEUED, Settled.UNKNOWN]
    world.come_back()
    world.fail("down", settlement(4))
    assert world.settle(3, **undone) is Settled.QUEUED


def test_a_request_that_was_refused_here_and_went_on_all_the_same_is_charged():
    world = World("deny")
    world.fail("down", claim(1))
    assert world.settle(1) is Settled.QUEUED
    world.come_back()
    assert world.charged() == {1: (1, 1)}


def test_past_the_bound_the_oldest_settlements_are_lost_and_counted():
    world = World("deny", max_spooled=2)
    with capture_logs() as logs:
        for number in (1, 5):
            world.fail("down", *[settlement(number + each) for each in range(4)])
            world.come_back()
    assert (set(world.charged()), world.guarded.dropped) == ({3, 4, 7, 8}, 4)
    assert sum("lost" in each["event"] for each in logs) == 2


def test_a_settlement_that_the_store_has_no_use_for_is_told():
    world = World("deny")
    world.fail("down", replace(settlement(1), may_charge=False))
    with capture_logs() as logs:
        world.come_back()
    assert [(each["event"], each["rid"]) for each in logs if "rid" in each] == [
        ("settlement is lost: the store does not take it", rid(1)),
    ]


def test_in_the_background_it_recovers_by_itself_and_tries_once_more_at_the_end():
    world = World("deny")
    world.guarded.recovery._wait = lambda _: world.guarded.recovery._stopped.is_set()
    back = threading.Event()
    close = world.guarded._close
    world.guarded._close = lambda: (close(), back.set())

    world.guarded.start()
    world.fail("down", settlement(1))
    world.store.state = "up"
    assert back.wait(10)
    world.guarded.recovery._stopped.set()  # from here on only the end tries
    world.fail("down", settlement(2))
    world.store.state = "up"
    world.guarded.stop()
    assert world.charged() == {1: (1, 1), 2: (1, 2)}


def test_settlements_that_end_with_the_process_are_told():
    world = World("deny")

    world.guarded.start()
    world.fail("down", settlement(1))
    with capture_logs() as logs:
        world.guarded.stop()
    assert [each["settlements"] for each in logs if "settlements" in each] == [1]


@pytest.fixture
def often():
    """Threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.parametrize("on_store_error", ["deny", "allow", "local"])
def test_several_threads_may_use_it_while_the_store_comes_and_goes(on_store_error, often):
    """Each settlement is charged once, whoever brought it and whatever the store did meanwhile."""
    world = World(on_store_error, max_spooled=100_000)
    world.store.amount = 10**9
    guard = threading.Lock()  # the scripted store is for one thread
    run = world.store.run

    def exclusive(operations, *, now):
        with guard:
            world.store.state = "lost" if world.store.calls % 10 == 5 else "up"
            return run(operations, now=now)

    world.store.run = exclusive
    numbers = [range(first, 2000, 4) for first in range(1, 5)]

    def serve(mine: range) -> None:
        for number in mine:
            world.admit(number)
            world.settle(number)

    threads = [threading.Thread(target=serve, args=(mine,)) for mine in numbers]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        world.store.state = "up"
        world.guarded.recover()
    for thread in threads:
        thread.join()
    world.store.run = run
    world.come_back()
    assert set(world.charged()) == {number for mine in numbers for number in mine}
    assert (world.store.held, world.guarded.opened > 0) == (set(), True)


HISTORIES = st.lists(
    st.one_of(
        st.sampled_from([("store", "up"), ("store", "down"), ("store", "lost"), ("recover", 0)]),
        st.tuples(st.sampled_from(["admit", "settle", "undo"]), st.integers(1, 12)),
    ),
    max_size=80,
)


class History:
    """What callers of a guarded store were told."""

    def __init__(self, on_store_error: str) -> None:
        self.world = World(on_store_error, local_amount=3)
        self.world.store.amount = 10**6
        self.waited = 0
        self.requests: dict[int, str] = {}
        self.counted: set[int] = set()
        """Admitted by the store."""

    def step(self, what: str, argument) -> None:
        if what == "store":
            self.world.store.state = argument
        elif what == "recover":
            self.world.guarded.recover()
        elif what == "admit":
            if self.requests.get(argument) not in {"admitted", "settled"}:
                admitted = is_admitted(self.ask(claim(argument)))
                self.requests[argument] = "admitted" if admitted else "refused"
                if admitted and not self.world.guarded.is_open:
                    self.counted.add(argument)
        else:
            is_undone = what == "undo"
            self.ask(replace(settlement(argument), is_undone=is_undone))
            if self.requests.get(argument) != "settled":
                self.requests[argument] = "undone" if is_undone else "settled"
                self.counted.discard(argument)

    def ask(self, operation: Operation) -> Outcome:
        failed, was_open = self.world.store.failed, self.world.guarded.is_open
        outcome = self.world.run(operation)[0]
        waited = self.world.store.failed - failed
        assert waited <= (0 if was_open else 1)
        self.waited += waited
        return outcome

    def those(self, *ends: str) -> set[int]:
        return {number for number, end in self.requests.items() if end in ends}


@given(st.sampled_from(["deny", "allow", "local"]), HISTORIES)
def test_whatever_happens_no_settlement_is_lost_or_done_twice_and_the_store_is_waited_for_once(on_store_error, steps):
    history = History(on_store_error)
    world = history.world
    for what, argument in steps:
        history.step(what, argument)
        assert history.waited == world.guarded.opened
    world.store.state = "up"
    world.guarded.recover()
    held = {int(each, 16) for each in world.store.held}
    assert history.counted & history.those("admitted") <= held <= history.those("admitted")
    if on_store_error == "deny":
        assert held == history.those("admitted")
    if on_store_error == "allow":
        assert history.those("refused") == set()
    assert set(world.charged()) == history.those("settled")
    for number in history.those("admitted"):
        history.step("settle", number)
    assert set(world.charged()) == history.those("settled")
    assert (world.store.held, world.fallback.held, world.substitute.in_flight, world.guarded.spooled) == (set(), set(), 0, 0)
