"""API keys as decisions know them."""

from __future__ import annotations

from dataclasses import dataclass, field

from maas_common.apikey import ALPHABET

from maas_authz.core.refusals import INVALID_KEY, Refusal

_ID_LENGTH = 12
_ID_CHARACTERS = frozenset(ALPHABET)

NONE = "-"
"""Stands for "none" in what Envoy is told: an empty string counts as absent there."""


@dataclass(frozen=True, slots=True, eq=False)
class Caller:
    """Who is counted and by which groups: `user` is `<issuer>|<subject>`, `key_id` NONE for somebody without a key.

    The same only if it is the same object: one per record that was looked up.
    """

    tenant: str
    user: str
    groups: tuple[str, ...]
    key_id: str = NONE


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """A key without its secret. `hashes` are pairs of pepper id and HMAC, any one of which a presented key must match."""

    caller: Caller
    username: str
    name: str
    is_active: bool
    expires_at: int
    hashes: tuple[tuple[str, bytes], ...] = field(repr=False)


def is_key_id(text: str) -> bool:
    """Whether this is the part of a key that may be shown, and not more of it."""
    return len(text) == _ID_LENGTH and _ID_CHARACTERS.issuperset(text)


def refusal_of(record: KeyRecord, now: float) -> Refusal | None:
    """Why the key is not good at that Unix time; None when it is."""
    return None if record.is_active and now < record.expires_at else INVALID_KEY
