"""Counters in memory are exact in one process only: the one that holds a lock on the state folder."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import TextIO

_FILE = "ratelimit.lock"


class NotAloneError(Exception):
    """Another process counts with this state folder, or the folder can't be used; the message says which and what to do."""


def hold_alone(folder: Path) -> TextIO:
    """Lock the folder for this process, for as long as the file that this returns is open."""
    try:
        return _hold_alone(folder)
    except OSError as error:
        raise NotAloneError(
            f"state_dir {folder}: {error.strerror}: {error.filename or _FILE}; want a folder that can be written, on a disk with room"
        ) from None


def _hold_alone(folder: Path) -> TextIO:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = os.fdopen(os.open(folder / _FILE, os.O_RDWR | os.O_CREAT, 0o600), "r+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        other = lock.read().strip()
        lock.close()
        raise NotAloneError(
            f"state folder {folder}: ratelimit process {other} counts there already, and counters in memory are exact in one process only; "
            "stop that one, or give this one a state folder and a gateway of its own"
        ) from None
    lock.truncate(0)
    lock.write(f"{os.getpid()}\n")
    lock.flush()
    return lock
