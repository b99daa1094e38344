from __future__ import annotations

import queue
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from maas_local.backoff import Backoff
from maas_local.keeper import Event, Probe, ProcessSpec
from maas_local.settings import free_ports
from maas_local.supervisor import Supervisor

MakeSpec = Callable[..., ProcessSpec]


@pytest.fixture
def spec(tmp_path: Path) -> MakeSpec:
    """Makes the description of a process that runs a piece of Python; ready as soon as it has printed something."""

    def make(name: str, code: str, *, probe: Probe | None = None, after: tuple[str, ...] = ()) -> ProcessSpec:
        log = tmp_path / f"{name}.log"

        def has_spoken() -> str:
            return "" if log.exists() and log.stat().st_size else "its first line"

        return ProcessSpec(name, (sys.executable, "-u", "-c", code), {}, log, probe or has_spoken, after)

    return make


class Events:
    """What was reported, in order."""

    def __init__(self) -> None:
        self._queue: queue.Queue[Event] = queue.Queue()

    def report(self, event: Event) -> None:
        self._queue.put(event)

    def next(self) -> Event:
        return self._queue.get(timeout=30)


@pytest.fixture
def events() -> Events:
    return Events()


@pytest.fixture
def supervise(events: Events) -> Iterator[Callable[..., Supervisor]]:
    """Starts a supervisor; it is stopped when the test ends."""
    started: list[Supervisor] = []

    def start(*specs: ProcessSpec, stop_grace_s: float = 10.0) -> Supervisor:
        supervisor = Supervisor(specs, events.report, stop_grace_s=stop_grace_s, backoff=lambda: Backoff(first_s=0.01, longest_s=0.04))
        started.append(supervisor)
        supervisor.start()
        return supervisor

    yield start
    for supervisor in started:
        supervisor.stop()


@pytest.fixture(scope="session")
def free_port() -> Callable[[], int]:
    return lambda: free_ports(1)[0]
