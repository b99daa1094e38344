"""Hears that a run is to end: Ctrl-C, SIGTERM, or a terminal that was closed."""

from __future__ import annotations

import os
import signal
from types import FrameType
from typing import NoReturn

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_EXIT_INTERRUPTED = 130
_CHUNK = 64


class ToldToStop(BaseException):
    """The run is to end. Not an Exception: nothing but the outermost block may catch it."""


class Ear:
    """Takes over the signals of the process; to be made and used by its main thread."""

    def __init__(self) -> None:
        """From here on a signal raises ToldToStop, wherever the main thread is."""
        self._is_told = False
        self._heard, wake = os.pipe()
        os.set_blocking(wake, False)
        # Python only notes a signal and raises later. One that comes just before the main thread blocks, or that the system
        # hands to another thread, would be noted and forgotten until the next; a byte in this pipe is there to be read.
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        for number in SIGNALS:
            signal.signal(number, self._told)

    def wait(self) -> NoReturn:
        """Block until told; at once when it was told before, in a place that lets no exception through, like a finalizer."""
        while not self._is_told:
            os.read(self._heard, _CHUNK)
        raise ToldToStop

    def end_at_once_when_told_again(self) -> None:
        """From here on a signal ends the process on the spot; the system kills its children with it."""
        for number in SIGNALS:
            signal.signal(number, lambda *_: os._exit(_EXIT_INTERRUPTED))

    def _told(self, _number: int, _frame: FrameType | None) -> None:
        self._is_told = True
        raise ToldToStop
