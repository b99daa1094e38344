"""One running program: in a process group of its own, gone when we are gone, never signalled after it was reaped."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

_LAUNCH = Path(__file__).with_name("launch.py")
_TAIL_BYTES = 16_384


class Child:
    """To be made and waited for by one and the same thread: the system ties the child's life to the thread that made it."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        """Start it; what it prints is appended to `log`."""
        self._log = log
        self._log_starts_at = log.stat().st_size if log.exists() else 0
        self._guard = threading.Lock()
        self._is_reaped = False
        self._started = time.monotonic()
        with os.fdopen(os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab") as output:
            self._process = subprocess.Popen(  # noqa: S603 - the suite's own programs
                [sys.executable, "-I", "-S", str(_LAUNCH), str(os.getpid()), *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(environment),
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Its process id, which is its process group's too."""
        return self._process.pid

    @property
    def lived_s(self) -> float:
        """Seconds since it was started."""
        return time.monotonic() - self._started

    def has_exited(self) -> bool:
        """Whether it ended; it stays to be waited for."""
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def wait(self) -> int:
        """Block until it ends, end what is left of its group, and return its exit code, negative for a signal."""
        os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
        with self._guard:
            # Until it is reaped nobody else can get its number, so the group is surely ours.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
            self._is_reaped = True
            return self._process.wait()

    def signal(self, number: signal.Signals) -> None:
        """Send it to the whole group; nothing happens when it has ended. Any thread may."""
        with self._guard:
            if not self._is_reaped:
                os.killpg(self.pid, number)

    def last_lines(self, count: int) -> tuple[str, ...]:
        """The last lines that it printed, at most `count`."""
        with self._log.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(self._log_starts_at, size - _TAIL_BYTES))
            return tuple(file.read().decode(errors="replace").splitlines()[-count:])


def describe_exit(code: int) -> str:
    """An exit code in words."""
    if code >= 0:
        return f"exit code {code}"
    return f"signal {signal.Signals(-code).name}" if -code in set(signal.Signals) else f"signal {-code}"
