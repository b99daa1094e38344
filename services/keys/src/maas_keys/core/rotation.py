"""A new secret for a key."""

from __future__ import annotations

from dataclasses import replace

from maas_common.apikey import Minted

from maas_keys.core.api_key import ApiKey, KeyHash
from maas_keys.core.key_states import check_rotatable
from maas_keys.core.terms import Terms


def rotated(key: ApiKey, minted: Minted, grace_s: int, terms: Terms, now: float) -> ApiKey:
    """The key under its new secret; the last one works for `grace_s` more, those before it no longer.

    FailedPreconditionError when the key is revoked or expired.
    """
    check_rotatable(key, now)
    fresh = KeyHash(*terms.peppers.hash(minted.text))
    old = replace(key.hashes[0], until=min(int(now) + grace_s, key.expires_at))
    return replace(key, prefix=terms.prefix, hashes=(fresh, old) if grace_s else (fresh,))
