"""API keys: `<prefix><id>_<secret><checksum>`.

id: 12 base62 characters, shown and looked up by. secret: 32 random bytes as 43 base62 characters. checksum: CRC-32 of all
before it as 6 base62 characters, so that typos and scanners' junk fail before any look-up. At rest only
HMAC-SHA256(pepper, whole key) exists.
"""

from __future__ import annotations

import hmac
import re
import secrets
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
DEFAULT_PREFIX = "sk-maas-"
_ID_LENGTH = 12
_SECRET_BYTES = 32
_SECRET_LENGTH = 43
_CHECKSUM_LENGTH = 6
_TAIL_LENGTH = _ID_LENGTH + 1 + _SECRET_LENGTH + _CHECKSUM_LENGTH
_MEMBERS = frozenset(ALPHABET)
_SECRET_SHOWN = re.compile(rf"([0-9A-Za-z]{{{_ID_LENGTH}}}_)[0-9A-Za-z]{{16,}}")


@dataclass(frozen=True, slots=True)
class Minted:
    """A new key. Its text leaves the process once; it refuses to be printed."""

    id: str
    text: str

    def __repr__(self) -> str:
        """Only the part that may be shown."""
        return f"Minted(id={self.id!r})"


def mint(prefix: str = DEFAULT_PREFIX, key_id: str = "", *, random_bytes: Callable[[int], bytes] = secrets.token_bytes) -> Minted:
    """Make a key from 256 random bits; its id, when none is given, comes from bits of its own."""
    key_id = key_id or new_id(random_bytes)
    body = f"{prefix}{key_id}_{_base62(int.from_bytes(random_bytes(_SECRET_BYTES)), _SECRET_LENGTH)}"
    return Minted(key_id, body + _checksum(body))


def new_id(random_bytes: Callable[[int], bytes] = secrets.token_bytes) -> str:
    """12 random base62 characters, 71 bits."""
    return _base62(int.from_bytes(random_bytes(16)), _ID_LENGTH)


def key_id_of(text: str, prefix: str = DEFAULT_PREFIX) -> str | None:
    """The id inside a well-formed key with a right checksum; None for anything else."""
    start = len(prefix)
    if len(text) != start + _TAIL_LENGTH or not text.startswith(prefix) or text[start + _ID_LENGTH] != "_":
        return None
    key_id = text[start : start + _ID_LENGTH]
    if not (text.isascii() and _MEMBERS.issuperset(key_id) and _MEMBERS.issuperset(text[start + _ID_LENGTH + 1 :])):
        return None
    return key_id if _checksum(text[:-_CHECKSUM_LENGTH]) == text[-_CHECKSUM_LENGTH:] else None


def without_secrets(text: str) -> str:
    """The text without the secret of any key in it, whole or cut off: people paste keys where ids belong."""
    return _SECRET_SHOWN.sub(r"\1…", text)


def foreign_key_id(sha256: bytes) -> str:
    """The id of a key that another system made, by its SHA-256: such a key has none of its own inside."""
    return _base62(int.from_bytes(sha256), _ID_LENGTH)


def hash_key(text: str, pepper: bytes) -> bytes:
    """HMAC-SHA256(pepper, whole key): what is stored and compared, 32 bytes."""
    return hmac.digest(pepper, text.encode(), "sha256")


class Peppers:
    """The secrets that keys are hashed with, by id; the first is used for new keys, all verify.

    Read from lines of `<id>:<64 hex digits>`. Never printed.
    """

    __slots__ = ("_by_id", "current_id")

    def __init__(self, by_id: Mapping[str, bytes]) -> None:
        """Keep peppers in order, newest first; ValueError when there is none."""
        if not by_id:
            raise ValueError("no pepper: want at least one line <id>:<64 hex digits>")
        self._by_id = dict(by_id)
        self.current_id = next(iter(self._by_id))

    @classmethod
    def parse(cls, text: str) -> Peppers:
        """Read the pepper file's text; ValueError names the line that is wrong, never what is on it."""
        by_id: dict[str, bytes] = {}
        for number, line in enumerate(text.splitlines(), 1):
            if not line.strip():
                continue
            name, colon, digits = line.strip().partition(":")
            try:
                pepper = bytes.fromhex(digits)
            except ValueError:
                pepper = b""
            if not colon or not name or len(pepper) != _SECRET_BYTES or name in by_id:
                raise ValueError(f"pepper line {number}: want <id>:<64 hex digits>, each id once")
            by_id[name] = pepper
        return cls(by_id)

    def hash(self, text: str) -> tuple[str, bytes]:
        """The newest pepper's id and the key's hash under it."""
        return self.current_id, hash_key(text, self._by_id[self.current_id])

    def matches(self, text: str, pepper_id: str, digest: bytes) -> bool:
        """Whether the key has this hash, in constant time; an unknown pepper matches nothing."""
        pepper = self._by_id.get(pepper_id)
        return pepper is not None and hmac.compare_digest(hash_key(text, pepper), digest)


def _checksum(body: str) -> str:
    return _base62(zlib.crc32(body.encode()), _CHECKSUM_LENGTH)


def _base62(number: int, length: int) -> str:
    """The lowest `length` base62 digits of a number, most significant first."""
    digits = []
    for _ in range(length):
        number, digit = divmod(number, 62)
        digits.append(ALPHABET[digit])
    return "".join(reversed(digits))
