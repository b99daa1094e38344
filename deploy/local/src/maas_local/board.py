"""What state every process is in. Whoever waits for a state waits here."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Phase(StrEnum):
    """Where a process is in its life."""

    WAITING = "waiting"
    STARTING = "starting"
    READY = "ready"
    BACKING_OFF = "restarting"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class State:
    """`detail` says what it waits for. `deaths` counts those since it was last ready."""

    phase: Phase
    detail: str = ""
    pid: int = 0
    deaths: int = 0


States = Mapping[str, State]


class Board:
    """Shared by the threads that keep the processes and by those who watch them."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self._changed = threading.Condition()
        self._states = dict.fromkeys(names, State(Phase.STOPPED))

    def set(self, name: str, state: State) -> None:
        """Record a state and wake those who wait."""
        with self._changed:
            self._states[name] = state
            self._changed.notify_all()

    def wake(self) -> None:
        """Let those who wait look at something else that they wait for too."""
        with self._changed:
            self._changed.notify_all()

    def states(self) -> States:
        """All states at this moment."""
        with self._changed:
            return MappingProxyType(dict(self._states))

    def wait_for(self, condition: Callable[[States], bool], timeout_s: float | None = None) -> bool:
        """Block until the condition holds; False when the time is over."""
        with self._changed:
            return self._changed.wait_for(lambda: condition(self._states), timeout_s)
