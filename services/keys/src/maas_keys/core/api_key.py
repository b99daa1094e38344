"""An API key as it is kept: who owns it, how long it lives, what a presented one must hash to. Never the key itself."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum

DEFAULT_TENANT = "default"
_ID = re.compile(r"[0-9A-Za-z]{12}")


class Status(StrEnum):
    """What a key is good for."""

    ACTIVE = "active"
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose a key is. Identity is (issuer, subject), never the name."""

    issuer: str
    subject: str
    username: str
    groups: tuple[str, ...] = ()

    @property
    def user(self) -> str:
        """Whose counters: `<issuer>|<subject>`."""
        return f"{self.issuer}|{self.subject}"


@dataclass(frozen=True, slots=True)
class KeyHash:
    """HMAC-SHA256 of the whole key under the pepper of that id: 32 bytes."""

    pepper_id: str
    digest: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """One key. Times are Unix seconds; revisions are 0 until it is stored."""

    id: str
    prefix: str
    tenant: str
    name: str
    description: str
    owner: Owner
    created_by: str
    """Who made it, `<issuer>|<subject>`: the owner, or an administrator."""
    request_id: str
    """What makes the creator's retries safe; empty when they gave none."""
    hash: KeyHash
    created_at: int
    expires_at: int
    revoked_at: int | None = None
    created_revision: int = 0
    """The log's revision that made it: what lists are ordered by."""
    revision: int = 0
    """The log's revision of its last change."""

    @property
    def shown(self) -> str:
        """The part that may be shown."""
        return f"{self.prefix}{self.id}"

    def status(self, now: float) -> Status:
        """What it is good for at that time. Revoked stays revoked past the expiry."""
        if self.revoked_at is not None:
            return Status.REVOKED
        return Status.EXPIRED if now >= self.expires_at else Status.ACTIVE


def is_key_id(text: str) -> bool:
    """Whether a key could have this id. What could not is never shown back: it may be a whole key, given by mistake."""
    return _ID.fullmatch(text) is not None
