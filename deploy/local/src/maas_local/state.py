"""The state folder: where each thing lies that outlives a run. Folders are 0700, files 0600."""

from __future__ import annotations

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

_PRIVATE_FOLDER = 0o700
_PRIVATE_FILE = 0o600


class AlreadyRunningError(Exception):
    """Another run holds this state folder."""


@dataclass(frozen=True, slots=True)
class StateFolder:
    """Names inside the state folder; `create` makes the folders themselves."""

    root: Path

    @property
    def secrets(self) -> Path:
        """Pepper, workload secret, issuer key."""
        return self.root / "secrets"

    @property
    def people(self) -> Path:
        """One password file per sample person."""
        return self.root / "people"

    @property
    def logs(self) -> Path:
        """One log per process."""
        return self.root / "logs"

    @property
    def sample_keys(self) -> Path:
        """The sample API keys, whole."""
        return self.root / "sample-keys.json"

    @property
    def seeded(self) -> Path:
        """What of the sample catalogue was created once, so that what was deleted since stays deleted."""
        return self.root / "seeded.json"

    @property
    def seeded_teams(self) -> Path:
        """Which sample teams were made once."""
        return self.root / "seeded-teams.json"

    @property
    def envoy_config(self) -> Path:
        """Envoy's configuration as rendered for this run."""
        return self.root / "envoy.json"

    def database(self, service: str) -> Path:
        """A service's SQLite file."""
        return self.root / f"{service}.db"

    def log(self, process: str) -> Path:
        """A process's log."""
        return self.logs / f"{process}.log"

    def put_old_logs_aside(self) -> None:
        """Logs are those of one run; those of the run before stay beside them as `<name>.log.1`."""
        for log in self.logs.glob("*.log"):
            log.replace(log.with_name(f"{log.name}.1"))

    def create(self) -> None:
        """Make what is missing and close to others what is there."""
        for folder in (self.root, self.secrets, self.people, self.logs):
            folder.mkdir(mode=_PRIVATE_FOLDER, parents=True, exist_ok=True)
            folder.chmod(_PRIVATE_FOLDER)


def write_private(path: Path, text: str) -> None:
    """Replace a file's content at once: a reader sees the old text or the new, and nobody else reads either."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE_FILE), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


class RunLock:
    """Held while a run uses a state folder. The system releases it however the run ends."""

    def __init__(self, folder: Path) -> None:
        """Lock nothing yet."""
        self._path = folder / "lock"
        self._fd = -1

    def __enter__(self) -> Self:
        """AlreadyRunningError names the process that holds it."""
        self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT, _PRIVATE_FILE)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(self._fd, 32).decode().strip() or "unknown"
            os.close(self._fd)
            raise AlreadyRunningError(
                f"{self._path.parent}: process {holder} already runs the suite here; stop it, or set MAAS_LOCAL_STATE to another folder"
            ) from None
        os.ftruncate(self._fd, 0)
        os.write(self._fd, f"{os.getpid()}\n".encode())
        return self

    def __exit__(self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None) -> None:
        """Let the next run in."""
        os.close(self._fd)
