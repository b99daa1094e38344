"""API keys as decisions know them."""

from __future__ import annotations

from dataclasses import dataclass, field

from maas_common.apikey import ALPHABET
from maas_common.auth.principal import EVERYBODY_SIGNED_IN
from maas_common.limits import Limit

from maas_authz.core.address import Networks
from maas_authz.core.catalogue import Tier
from maas_authz.core.own_limits import OwnLimits
from maas_authz.core.refusals import INVALID_KEY, Refusal

_ID_LENGTH = 12
_ID_CHARACTERS = frozenset(ALPHABET)
AGED = (EVERYBODY_SIGNED_IN,)
"""The groups of whose own are remembered for too long."""

NONE = "-"
"""Stands for "none" in what Envoy is told: an empty string counts as absent there."""
ACTIVE = "active"
REVOKED = "revoked"
FOREVER = float("inf")


@dataclass(frozen=True, slots=True, eq=False)
class Caller:
    """Who is counted, by which groups, and what their key allows: `user` is `<issuer>|<subject>`, `key_id` NONE for somebody without one.

    The same only if it is the same object: one per record that was looked up.
    """

    tenant: str
    user: str
    groups: tuple[str, ...]
    key_id: str = NONE
    team: str = NONE
    subscription: str = ""
    """The tier that the key is bound to; empty: the highest that the groups have."""
    models: frozenset[str] | None = None
    """The models that it may be used for; None: all that the tier allows."""
    networks: Networks | None = None
    """Where it may be used from; None: from anywhere."""
    own: OwnLimits | None = None
    """Limits that come with the key; None: only the tier's apply."""
    is_playground: bool = False
    """Nothing is charged."""
    groups_until: float = FOREVER
    """Until when, in Unix time, the groups may be relied on; then AGED takes their place."""

    def limits(self, tier: Tier) -> tuple[Limit, ...]:
        """All limits that apply in that tier, in the order of the plan."""
        return tier.limits if self.own is None else self.own.limits_with(tier)


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """A key without its secret.

    `hashes` are triples of pepper id, HMAC under it, and the Unix time until which it counts; one of them a presented key must match. Where
    the pepper id is empty the hash is plain SHA-256: another system made the key.
    """

    caller: Caller
    username: str
    name: str
    status: str
    """`active`, `pending`, `disabled`, `revoked`, or what later versions may say: only the first is good for anything."""
    expires_at: int
    hashes: tuple[tuple[str, bytes, float], ...] = field(repr=False)


def is_key_id(text: str) -> bool:
    """Whether this is the part of a key that may be shown, and not more of it."""
    return len(text) == _ID_LENGTH and _ID_CHARACTERS.issuperset(text)


def refusal_of(record: KeyRecord, now: float) -> Refusal | None:
    """Why the key is not good at that Unix time; None when it is."""
    return None if record.status == ACTIVE and now < record.expires_at else INVALID_KEY
