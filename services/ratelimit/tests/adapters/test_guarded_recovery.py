"""How often a store that is away is tried."""

from __future__ import annotations

import threading

import pytest
from maas_ratelimit.adapters.guarded.recovery import Recovery


class Tries:
    """Fails so many times; notes how long was waited before each try, and never waits."""

    def __init__(self, failures: int, jitter: float = 0.0) -> None:
        self.waited: list[float] = []
        self.left = failures
        self.recovery = Recovery(self.attempt, wait=self.wait, jitter=lambda: jitter)

    def attempt(self) -> bool:
        self.left -= 1
        return self.left < 0

    def wait(self, seconds: float) -> bool:
        self.waited.append(seconds)
        return False


def test_tries_come_ever_later_but_never_more_than_five_seconds_apart():
    tries = Tries(failures=8)
    tries.recovery.until_back()
    assert tries.waited == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0]


def test_they_are_spread_so_that_processes_do_not_try_in_step():
    tries = Tries(failures=2, jitter=1.0)
    tries.recovery.until_back()
    assert tries.waited == pytest.approx([0.05, 0.1, 0.2])


def test_what_goes_wrong_in_a_try_is_logged_and_it_goes_on():
    outcomes = iter([OSError("broken"), True])

    def attempt() -> bool:
        outcome = next(outcomes)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    Recovery(attempt, wait=lambda _: False).until_back()
    assert list(outcomes) == []


def test_it_tries_whenever_it_is_woken_and_ends_when_it_is_stopped():
    tried = threading.Semaphore(0)

    def attempt() -> bool:
        tried.release()
        return True

    recovery = Recovery(attempt, wait=lambda _: False)
    recovery.start()
    for _ in range(2):
        recovery.wake()
        assert tried.acquire(timeout=10)
    recovery.stop()
    recovery.wake()
    assert not recovery._thread.is_alive()


def test_stopping_ends_the_waiting_for_the_next_try():
    tried = threading.Event()

    def attempt() -> bool:
        tried.set()
        return False

    recovery = Recovery(attempt)
    recovery.start()
    recovery.wake()
    assert tried.wait(10)
    recovery.stop()
    assert not recovery._thread.is_alive()


def test_one_that_was_never_started_can_be_stopped():
    Recovery(lambda: True).stop()
