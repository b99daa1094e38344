"""An issuer's signing keys (OpenID Connect Discovery 1.0, RFC 7517)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import structlog

from maas_common.clock import Clock
from maas_common.errors import UnavailableError

log = structlog.get_logger(__name__)

JWKS_LIFETIME_S = 600.0
JWKS_RETRY_S = 5.0
FIRST_RETRY_S = 1.0
"""Until keys were fetched once: nobody can sign in meanwhile."""

Jwk = dict[str, Any]
FetchJson = Callable[[str], Any]
"""GETs a JSON document; OSError or ValueError when there is none."""


class JwksCache:
    """An issuer's public keys, fetched by discovery, kept for a while, fetched again for an unknown key id."""

    def __init__(self, issuer: str, clock: Clock, fetch: FetchJson) -> None:
        """Fetch nothing yet: the issuer may start after the service."""
        self._issuer = issuer
        self._clock = clock
        self._fetch = fetch
        self._keys: dict[str, Jwk] = {}
        self._fetched_at = float("-inf")
        self._tried_at = float("-inf")
        self._lock = asyncio.Lock()

    async def key(self, key_id: str) -> Jwk | None:
        """The key of that id; None when the issuer has none. UnavailableError when the issuer can't be asked."""
        found = self._keys.get(key_id)
        if found is not None and self._clock.now() - self._fetched_at < JWKS_LIFETIME_S:
            return found
        async with self._lock:
            now = self._clock.now()
            stale = now - self._fetched_at >= JWKS_LIFETIME_S or key_id not in self._keys
            if stale and now - self._tried_at >= (JWKS_RETRY_S if self._keys else FIRST_RETRY_S):
                self._tried_at = now
                await self._refresh(now)
            if not self._keys:
                raise UnavailableError(f"the issuer {self._issuer} can't be reached to check the token")
            return self._keys.get(key_id)

    async def _refresh(self, now: float) -> None:
        try:
            discovery = await asyncio.to_thread(self._fetch, self._issuer.rstrip("/") + "/.well-known/openid-configuration")
            document = await asyncio.to_thread(self._fetch, _jwks_uri(discovery, self._issuer))
            keys = {key["kid"]: key for key in document["keys"] if _signs(key)}
        except (OSError, ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
            log.warning("signing keys not fetched", issuer=self._issuer, error=str(error))
            return
        self._keys = keys
        self._fetched_at = now


def _jwks_uri(discovery: dict[str, Any], issuer: str) -> str:
    if discovery.get("issuer") != issuer:
        raise ValueError(f'discovery names issuer "{discovery.get("issuer")}"')
    uri = str(discovery["jwks_uri"])
    if issuer.startswith("https:") and not uri.startswith("https:"):
        raise ValueError(f"jwks_uri {uri}: want https, as the issuer has it")
    return uri


def _signs(key: Any) -> bool:
    """A secret one would be no signing key, and anybody's who can read it here."""
    return isinstance(key, dict) and isinstance(key.get("kid"), str) and key.get("use") in {None, "sig"} and key.get("kty") != "oct"
