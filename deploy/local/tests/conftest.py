from __future__ import annotations

import os
import queue
import select
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from maas_local.backoff import Backoff
from maas_local.keeper import Event, Probe, ProcessSpec
from maas_local.parts import process_specs
from maas_local.people import read_people
from maas_local.secrets import SecretFiles, ensure_secrets
from maas_local.settings import LocalSettings, free_ports
from maas_local.state import StateFolder
from maas_local.supervisor import Supervisor

SAMPLES = Path(__file__).parents[3] / "config"
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


@dataclass(frozen=True)
class RunningPart:
    """The sign-in and the services that management talks to, for real, without Envoy and the model."""

    settings: LocalSettings
    state: StateFolder
    secrets: SecretFiles


@pytest.fixture(scope="session")
def run_management(tmp_path_factory) -> Iterator[Callable[..., RunningPart]]:
    """Starts those named with a state folder and ports of their own, and returns once they are ready."""
    started: list[Supervisor] = []

    def run(*names: str) -> RunningPart:
        settings = LocalSettings.on_free_ports(state=tmp_path_factory.mktemp("maas"), config=SAMPLES)
        state = StateFolder(settings.state)
        state.create()
        secrets = ensure_secrets(state, [person.name for person in read_people(SAMPLES)])
        specs = [spec for spec in process_specs(settings, state, secrets) if spec.name in names]
        supervisor = Supervisor(specs, lambda _event: None, stop_grace_s=settings.stop_grace_s)
        started.append(supervisor)
        supervisor.start()
        supervisor.wait_ready(60)
        return RunningPart(settings, state, secrets)

    yield run
    for supervisor in started:
        supervisor.stop()


@pytest.fixture(scope="session")
def suite(run_management) -> RunningPart:
    return run_management("issuer", "keys", "registry")


@pytest.fixture(scope="session")
def wait_until_gone() -> Callable[[int], bool]:
    """Whether a process ends within half a minute; nothing is asked of it."""

    def wait(pid: int) -> bool:
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            return True
        try:
            return bool(select.select([descriptor], [], [], 30)[0])
        finally:
            os.close(descriptor)

    return wait
