"""Keeps a set of processes running, in the order of what they need, and ends them in the opposite one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from graphlib import TopologicalSorter

from maas_local.backoff import Backoff
from maas_local.board import Board, Phase, States
from maas_local.keeper import Keeper, ProcessSpec, Report

DEATHS_BEFORE_GIVING_UP = 4
_KILL_BOUND_S = 5.0


class StartError(Exception):
    """Not everything became ready; the message has a line for each process that did not."""


class Supervisor:
    """The processes by name. Its methods may be called from any one thread; each process has its own."""

    def __init__(
        self,
        specs: Sequence[ProcessSpec],
        report: Report,
        *,
        stop_grace_s: float,
        backoff: Callable[[], Backoff] = Backoff,
    ) -> None:
        """Start nothing yet. `stop_grace_s` is how long each process may take to end by itself."""
        self._specs = {spec.name: spec for spec in specs}
        self._report = report
        self._stop_grace_s = stop_grace_s
        self._backoff = backoff
        self._keepers: dict[str, Keeper] = {}
        self.board = Board(tuple(self._specs))

    def start(self) -> None:
        """Start every process once those it needs are ready; returns at once."""
        for name in self._specs:
            self.start_one(name)

    def start_one(self, name: str) -> None:
        """Start a process that was stopped; nothing happens when it is being kept already."""
        keeper = self._keepers.get(name)
        if keeper is None or not keeper.is_alive():
            self._keepers[name] = Keeper(self._specs[name], self.board, self._report, self._backoff())
            self._keepers[name].start()

    def wait_ready(self, timeout_s: float) -> None:
        """Return once all are ready. StartError when the time is over, or when one dies again and again."""

        def decided(states: States) -> bool:
            return _all_ready(states) or any(state.deaths >= DEATHS_BEFORE_GIVING_UP for state in states.values())

        self.board.wait_for(decided, timeout_s)
        states = self.board.states()
        if not _all_ready(states):
            late = [(name, state) for name, state in states.items() if state.phase is not Phase.READY]
            lines = [f"  {name}: {f'{state.phase} {state.detail}'.rstrip()} (log: {self._specs[name].log})" for name, state in late]
            raise StartError("\n".join(["not everything became ready:", *lines]))

    def stop_one(self, name: str) -> None:
        """End a process and keep it ended; returns when it is gone."""
        self._end([name])

    def kill(self, name: str) -> None:
        """End a process as a crash would; returns when it is gone. It is started again by itself."""
        pid = self.board.states()[name].pid
        self._keepers[name].kill()
        self.board.wait_for(lambda states: pid == 0 or states[name].pid != pid)

    def stop(self) -> None:
        """End everything, those first that others are not needed by; returns when all are gone."""
        for wave in reversed(list(self._waves())):
            self._end(wave)

    def _waves(self) -> Iterator[tuple[str, ...]]:
        order = TopologicalSorter({name: spec.after for name, spec in self._specs.items()})
        order.prepare()
        while order.is_active():
            wave = order.get_ready()
            yield wave
            order.done(*wave)

    def _end(self, names: Sequence[str]) -> None:
        keepers = [self._keepers[name] for name in names if name in self._keepers]
        for keeper in keepers:
            keeper.ask_to_stop()
        deadline = time.monotonic() + self._stop_grace_s
        for keeper in keepers:
            keeper.join(max(0.0, deadline - time.monotonic()))
        for keeper in keepers:
            keeper.kill()
            keeper.join(_KILL_BOUND_S)


def _all_ready(states: States) -> bool:
    return all(state.phase is Phase.READY for state in states.values())
