"""Keeps one process running: starts it after those it needs, watches it become ready, starts it again when it dies."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from maas_local.backoff import Backoff
from maas_local.board import Board, Phase, State, States
from maas_local.child import Child, describe_exit

Probe = Callable[[], str]
"""Asks a process whether it is ready: the empty string when it is, else what is missing."""

LAST_LINES = 10
_PROBE_EVERY_S = 0.1


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """A process to keep. `after` names those that must be ready before it starts."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    log: Path
    probe: Probe
    after: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ready:
    """A process became ready, that many seconds after it was started."""

    name: str
    after_s: float


@dataclass(frozen=True, slots=True)
class Died:
    """A process ended without being asked to. It is started again in `retry_in_s` seconds."""

    name: str
    how: str
    retry_in_s: float
    last_lines: tuple[str, ...]
    log: Path


Event = Ready | Died
Report = Callable[[Event], None]


class Keeper(threading.Thread):
    """The thread of one process. It lives as long as it may start the process, because the process dies with it."""

    def __init__(self, spec: ProcessSpec, board: Board, report: Report, backoff: Backoff) -> None:
        super().__init__(name=f"keeper of {spec.name}", daemon=True)
        self.spec = spec
        self._board = board
        self._report = report
        self._backoff = backoff
        self._stopping = threading.Event()
        self._guard = threading.Lock()
        self._child: Child | None = None
        self._deaths = 0

    def run(self) -> None:
        """Live after life, until stopped."""
        while self._may_start():
            child = self._spawn()
            if child is None:
                break
            self._watch_it_become_ready(child)
            code = child.wait()
            if self._stopping.is_set():
                break
            self._mourn(child, code)
        self._board.set(self.spec.name, State(Phase.STOPPED))

    def ask_to_stop(self) -> None:
        """End the process and start it no more; returns at once."""
        with self._guard:
            self._stopping.set()
            self._send(signal.SIGTERM)
        self._board.wake()

    def kill(self) -> None:
        """End the process without asking it. Unless it was told to stop, it is started again."""
        with self._guard:
            self._send(signal.SIGKILL)

    def _send(self, number: signal.Signals) -> None:
        if self._child is not None:
            self._child.signal(number)

    def _may_start(self) -> bool:
        needed = self.spec.after
        self._board.set(self.spec.name, State(Phase.WAITING, f"for {', '.join(needed)}" if needed else "", deaths=self._deaths))

        def all_ready(states: States) -> bool:
            return self._stopping.is_set() or all(states[name].phase is Phase.READY for name in needed)

        self._board.wait_for(all_ready)
        return not self._stopping.is_set()

    def _spawn(self) -> Child | None:
        with self._guard:
            if self._stopping.is_set():
                return None
            self._child = Child(self.spec.command, self.spec.environment, self.spec.log)
            return self._child

    def _watch_it_become_ready(self, child: Child) -> None:
        began = time.monotonic()
        self._board.set(self.spec.name, State(Phase.STARTING, pid=child.pid, deaths=self._deaths))
        while not child.has_exited():
            missing = self.spec.probe()
            if not missing:
                self._deaths = 0
                self._board.set(self.spec.name, State(Phase.READY, pid=child.pid))
                self._report(Ready(self.spec.name, time.monotonic() - began))
                return
            self._board.set(self.spec.name, State(Phase.STARTING, missing, child.pid, self._deaths))
            if self._stopping.wait(_PROBE_EVERY_S):
                return

    def _mourn(self, child: Child, code: int) -> None:
        delay = self._backoff.next_delay(child.lived_s)
        how, last_lines = describe_exit(code), child.last_lines(LAST_LINES)
        self._deaths += 1
        self._board.set(self.spec.name, State(Phase.BACKING_OFF, ": ".join((how, *last_lines[-1:])), deaths=self._deaths))
        self._report(Died(self.spec.name, how, delay, last_lines, self.spec.log))
        self._stopping.wait(delay)
