"""Secrets of a local run: made once, kept in the state folder, never printed."""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from maas_local.state import StateFolder

_PRIVATE = 0o600
_KEY_BITS = 2048


@dataclass(frozen=True, slots=True)
class SecretFiles:
    """Where each secret lies."""

    pepper: Path
    workload: Path
    issuer_key: Path
    people: Path

    def password(self, person: str) -> Path:
        """A sample person's password."""
        return self.people / f"{person}.password"


def secret_files(state: StateFolder) -> SecretFiles:
    """The names, whether the files exist or not."""
    return SecretFiles(
        pepper=state.secrets / "pepper",
        workload=state.secrets / "workload",
        issuer_key=state.secrets / "issuer.pem",
        people=state.people,
    )


def ensure_secrets(state: StateFolder, people: Iterable[str]) -> SecretFiles:
    """Make the secrets that are missing; the others stay as they are. Safe when two runs start at once.

    ValueError when a file is there but empty: it may have been damaged, and a new pepper would void every key.
    """
    files = secret_files(state)
    _ensure(files.pepper, _new_pepper)
    _ensure(files.workload, secrets.token_urlsafe)
    _ensure(files.issuer_key, _new_issuer_key)
    for person in people:
        _ensure(files.password(person), lambda: secrets.token_urlsafe(18))
    return files


def _ensure(path: Path, make: Callable[[], str]) -> None:
    if not path.exists():
        _create_once(path, make())
    path.chmod(_PRIVATE)
    if path.stat().st_size == 0:
        raise ValueError(f"{path}: the secret is empty; restore the file, or delete it to have a new one made")


def _create_once(path: Path, text: str) -> None:
    """Publish the whole file under its name, unless somebody else was first."""
    descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            return
    finally:
        Path(draft).unlink()


def _new_pepper() -> str:
    """One line of a pepper file, `<id>:<64 hex digits>`; who rotates it puts a newer line above."""
    return f"p1:{secrets.token_hex(32)}\n"


def _new_issuer_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=_KEY_BITS)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return pem.decode()
