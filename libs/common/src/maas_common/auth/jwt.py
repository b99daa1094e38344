"""OIDC tokens (OpenID Connect Core 1.0, RFC 7519): issuer, audience, times, pinned algorithms."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import jwt
import structlog

from maas_common.auth.authenticator import INVALID_TOKEN
from maas_common.auth.claims import principal_of
from maas_common.auth.jwks import FetchJson, JwksCache
from maas_common.auth.principal import Principal
from maas_common.auth.providers import IdentityProvider
from maas_common.clock import Clock
from maas_common.errors import UnauthenticatedError

log = structlog.get_logger(__name__)

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Asymmetric only: a public key must never be taken for an HMAC secret."""
SKEW_S = 30.0


class TokenVerifier:
    """An Authenticator of one provider's tokens."""

    def __init__(self, provider: IdentityProvider, clock: Clock, fetch: FetchJson) -> None:
        """`fetch` reaches the issuer."""
        self._provider = provider
        self._clock = clock
        self._jwks = JwksCache(provider.issuer, clock, fetch)

    async def authenticate(self, token: str) -> Principal:
        """See Authenticator."""
        try:
            claims = await self._verified(token)
            now = self._clock.now()
            _check_times(claims, now)
            return principal_of(self._provider, claims, now=now)
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
            log.info("token refused", provider=self._provider.name, error=f"{type(error).__name__}: {error}")
            raise UnauthenticatedError(INVALID_TOKEN) from None

    async def _verified(self, token: str) -> Mapping[str, Any]:
        header = jwt.get_unverified_header(token)
        algorithm = header.get("alg")
        if algorithm not in ALGORITHMS:
            raise jwt.InvalidAlgorithmError("not an algorithm that is taken")
        found = await self._jwks.key(str(header.get("kid", "")))
        if found is None:
            raise jwt.InvalidKeyError("the issuer has no such key")
        claims: Mapping[str, Any] = jwt.decode(
            token,
            jwt.PyJWK(found, None if found.get("alg") else algorithm),
            algorithms=list(ALGORITHMS),
            audience=self._provider.audiences,
            issuer=self._provider.issuer,
            # Time is ours: the library would read the machine's clock.
            options={"require": ["exp", "iss", "aud", "sub"], "verify_exp": False, "verify_nbf": False, "verify_iat": False},
        )
        return claims


def _check_times(claims: Mapping[str, Any], now: float) -> None:
    """A token issued in the future would outlive those that come after it: the newest word on somebody's groups counts."""
    if _second(claims["exp"]) <= now - SKEW_S:
        raise jwt.ExpiredSignatureError("expired")
    for name in ("nbf", "iat"):
        if name in claims and _second(claims[name]) > now + SKEW_S:
            raise jwt.ImmatureSignatureError(f"{name} is in the future")


def _second(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError("a time is no number")
    return value
