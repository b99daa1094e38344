"""An API key as it is kept: whose it is, what it is good for, what a presented one must hash to. Never the key itself."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from maas_common.limits import Limit

from maas_keys.core.budget import Budget

DEFAULT_TENANT = "default"
NO_LABELS: Mapping[str, str] = MappingProxyType({})
_ID = re.compile(r"[0-9A-Za-z]{12}")


class Status(StrEnum):
    """What a key is good for: only an active one is good for anything."""

    PENDING = "pending"
    ACTIVE = "active"
    EXPIRED = "expired"
    DISABLED = "disabled"
    REVOKED = "revoked"


class OwnerKind(StrEnum):
    """What owns a key."""

    USER = "user"
    GROUP = "group"
    SERVICE_ACCOUNT = "service_account"


class KeyKind(StrEnum):
    """What a key is for. Each person has one personal and one playground key at most."""

    STANDARD = "standard"
    PERSONAL = "personal"
    PLAYGROUND = "playground"


NO_ISSUER = {OwnerKind.GROUP: "group", OwnerKind.SERVICE_ACCOUNT: "service-account"}
"""Stands where an issuer stands, for owners that nobody vouches for: they are names of the tenant's own."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose a key is. Identity is (kind, issuer, subject), never the name."""

    issuer: str
    subject: str
    username: str
    kind: OwnerKind = OwnerKind.USER
    groups: tuple[str, ...] = ()
    """As they are known now: read with the key, kept with the user."""
    groups_at: int = 0
    """When they were last vouched for, Unix seconds; 0: they do not age."""

    @property
    def user(self) -> str:
        """Whose counters: `<issuer>|<subject>`."""
        return f"{self.issuer}|{self.subject}"


@dataclass(frozen=True, slots=True)
class KeyHash:
    """What a presented key must hash to, 32 bytes: HMAC-SHA256 under the pepper of that id, or plain SHA-256 when that is empty.

    `until`: when it stops matching, Unix seconds; None: with the key.
    """

    pepper_id: str
    digest: bytes = field(repr=False)
    until: int | None = None


@dataclass(frozen=True, slots=True)
class Scope:
    """Ids of what a key may be used for, by kind of asset. All of them empty: whatever the tier allows."""

    models: tuple[str, ...] = ()
    mcp_servers: tuple[str, ...] = ()
    vector_databases: tuple[str, ...] = ()
    agents: tuple[str, ...] = ()


ANYTHING = Scope()


@dataclass(frozen=True, slots=True)
class ApiKey:
    """One key. Times are Unix seconds; revisions are 0 until it is stored."""

    id: str
    prefix: str
    """What it begins with, up to the id; of one that another system made, what may be shown of it."""
    tenant: str
    name: str
    description: str
    owner: Owner
    created_by: str
    """Who made it, `<issuer>|<subject>`: the owner, or an administrator."""
    request_id: str
    """What makes the creator's retries safe; empty when they gave none."""
    hashes: tuple[KeyHash, ...]
    """The newest first."""
    created_at: int
    expires_at: int
    updated_at: int = 0
    kind: KeyKind = KeyKind.STANDARD
    is_ephemeral: bool = False
    team: str = ""
    scope: Scope = ANYTHING
    subscription: str = ""
    limits: tuple[Limit, ...] = ()
    budget: Budget | None = None
    labels: Mapping[str, str] = field(default_factory=lambda: NO_LABELS)
    allowed_ips: tuple[str, ...] = ()
    """Networks as `ipaddress` writes them, sorted."""
    pending_reasons: tuple[str, ...] = ()
    """Why it waits for an approver; none when it does not."""
    approved_by: str = ""
    is_disabled: bool = False
    revoked_at: int | None = None
    last_used_at: int = 0
    """0: never."""
    created_revision: int = 0
    """The log's revision that made it: what lists are ordered by."""
    revision: int = 0
    """The log's revision of its last change."""

    @property
    def is_foreign(self) -> bool:
        """Whether another system made it."""
        return not self.hashes[0].pepper_id

    @property
    def shown(self) -> str:
        """The part that may be shown."""
        return self.prefix if self.is_foreign else f"{self.prefix}{self.id}"

    @property
    def masked(self) -> str:
        """How it begins."""
        return f"{self.prefix}…" if self.is_foreign else f"{self.prefix}{self.id[:3]}…"

    @property
    def etag(self) -> str:
        """Version of this key."""
        return str(self.revision)

    def state(self) -> Status:
        """What it is good for before it expires."""
        if self.revoked_at is not None:
            return Status.REVOKED
        if self.is_disabled:
            return Status.DISABLED
        return Status.PENDING if self.pending_reasons else Status.ACTIVE

    def status(self, now: float) -> Status:
        """What it is good for at that time. Revoked stays revoked past the expiry."""
        state = self.state()
        return Status.EXPIRED if now >= self.expires_at and state is not Status.REVOKED else state


def is_key_id(text: str) -> bool:
    """Whether a key could have this id. What could not is never shown back: it may be a whole key, given by mistake."""
    return _ID.fullmatch(text) is not None
