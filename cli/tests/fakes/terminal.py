"""The `maas` program on a terminal of its own, typed into and read from like a person's."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

_PATIENCE_S = 1.0
MAAS = Path(sys.executable).with_name("maas")


class Terminal:
    """Everything that the program prints, to standard output and error alike, is on `screen`."""

    def __init__(self, arguments: tuple[str, ...], environment: Mapping[str, str]) -> None:
        self.screen = ""
        self._seen = 0
        self._ours, theirs = pty.openpty()
        variables = {**os.environ, "TERM": "dumb", "COLUMNS": "200", **environment}
        self._process = subprocess.Popen([MAAS, *arguments], stdin=theirs, stdout=theirs, stderr=theirs, env=variables)
        os.close(theirs)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._ours)

    def wait_for(self, text: str) -> None:
        """Until the text appears after what was waited for before."""
        while (at := self.screen.find(text, self._seen)) < 0:
            shown = self._read()
            assert shown, f"the program ended before it showed {text!r}: {self.screen}"
            self.screen += shown
        self._seen = at + len(text)

    def type(self, text: str) -> None:
        os.write(self._ours, text.encode())

    def interrupt(self) -> None:
        self._process.send_signal(signal.SIGINT)

    def interrupt_at_prompt(self) -> None:
        """Ctrl-C until it shows, as a person does: one that comes just before Python waits for input is kept until some comes."""
        self.interrupt()
        while not select.select([self._ours], [], [], _PATIENCE_S)[0]:
            self.interrupt()

    def ended(self) -> int:
        """Reads what is left, and waits for the exit code."""
        while shown := self._read():
            self.screen += shown
        return self._process.wait()

    def _read(self) -> str:
        try:
            return os.read(self._ours, 4096).decode(errors="replace")
        except OSError:  # Linux says EIO once nobody has the other end open
            return ""
