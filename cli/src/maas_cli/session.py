"""Sign-ins, remembered: one token per management URL, in a file that only its owner can read."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path

from maas_cli.errors import CommandError, NotSignedInError

SESSIONS_FILE = "sessions.json"


@dataclass(frozen=True, slots=True)
class Session:
    """Who signed in, where, and until when (Unix seconds). The token refuses to be printed."""

    name: str
    issuer: str
    expires_at: float
    token: str = field(repr=False)

    @property
    def until(self) -> str:
        """When it ends, in the reader's time zone."""
        return datetime.fromtimestamp(self.expires_at).astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")


class SessionStore:
    """The remembered sign-ins. Keyed by URL, so that a token is only ever sent to the server it was got for."""

    def __init__(self, folder: Path) -> None:
        """Nothing is read or made before it is needed."""
        self._path = folder / SESSIONS_FILE

    def current(self, url: str, *, now: float) -> Session:
        """The sign-in that holds at this URL; NotSignedInError when there is none or it has expired."""
        session = self._read().get(url)
        if session is None:
            raise NotSignedInError(f"not signed in at {url}", hint="sign in: maas login NAME")
        if session.expires_at <= now:
            raise NotSignedInError(
                f"the sign-in of {session.name} at {url} expired on {session.until}", hint=f"sign in again: maas login {session.name}"
            )
        return session

    def remember(self, url: str, session: Session) -> None:
        """Keep it, in place of what was there for this URL."""
        self._write(self._read() | {url: session})

    def forget(self, url: str) -> Session | None:
        """Drop what is kept for this URL, and return it."""
        sessions = self._read()
        dropped = sessions.pop(url, None)
        if dropped is not None:
            self._write(sessions)
        return dropped

    def _read(self) -> dict[str, Session]:
        try:
            return {url: Session(**kept) for url, kept in json.loads(self._path.read_text()).items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, TypeError, AttributeError):
            raise NotSignedInError(f"{self._path} can't be read", hint=f"remove it and sign in again: rm {self._path}") from None

    def _write(self, sessions: dict[str, Session]) -> None:
        """Replace the file whole. mkstemp makes it 0600 from the first byte on."""
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=self._path.parent, prefix=SESSIONS_FILE)
            with os.fdopen(handle, "w") as file:
                json.dump({url: asdict(session) for url, session in sessions.items()}, file)
            Path(name).replace(self._path)
        except OSError as error:
            raise CommandError(f"the sign-in can't be kept in {self._path.parent}: {error.strerror}") from None
