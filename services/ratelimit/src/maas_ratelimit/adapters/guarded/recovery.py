"""Tries, in a thread of its own, to bring back a store that is away."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable

import structlog

log = structlog.get_logger(__name__)

_FIRST_S = 0.1
_LONGEST_S = 5.0


class Recovery:
    """Once woken it tries until it succeeds, after 0.1 s and then ever later, up to 5 s.

    Each time is shortened by up to half, so that processes don't try in step.
    """

    def __init__(
        self,
        attempt: Callable[[], bool],
        *,
        wait: Callable[[float], bool] | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """`attempt` says whether it succeeded. `wait` lets seconds pass and says whether to stop; `jitter` is from 0 to 1."""
        self._attempt = attempt
        self._stopped = threading.Event()
        self._woken = threading.Event()
        self._wait = wait or self._stopped.wait
        self._jitter = jitter
        self._thread = threading.Thread(target=self._run, name="store-recovery", daemon=True)

    def start(self) -> None:
        """Begin to listen for `wake`."""
        self._thread.start()

    def wake(self) -> None:
        """The store is away."""
        self._woken.set()

    def stop(self) -> None:
        """Try no more; returns when an attempt under way has ended."""
        self._stopped.set()
        self._woken.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        while self._woken.wait() and not self._stopped.is_set():
            self._woken.clear()
            self.until_back()

    def until_back(self) -> None:
        """Try until it succeeds or is to stop."""
        delay = _FIRST_S
        while not self._wait(delay * (1 - self._jitter() / 2)):
            if self._succeeds():
                return
            delay = min(2 * delay, _LONGEST_S)

    def _succeeds(self) -> bool:
        try:
            return self._attempt()
        except Exception:  # whatever it was, giving up would leave the store away for good
            log.exception("bringing the store back failed")
            return False
