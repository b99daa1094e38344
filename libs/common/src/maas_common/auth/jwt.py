"""OIDC tokens (OpenID Connect Discovery 1.0, RFC 7519): issuer, audience, expiry, pinned algorithms, keys by JWKS."""

from __future__ import annotations

import asyncio
import json
import re
import urllib.request
from collections.abc import Callable
from typing import Any

import jwt
import structlog

from maas_common.auth.principal import EVERYBODY_SIGNED_IN, Principal
from maas_common.clock import Clock
from maas_common.errors import UnauthenticatedError, UnavailableError

log = structlog.get_logger(__name__)

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Asymmetric only: a public key must never be taken for an HMAC secret."""
JWKS_LIFETIME_S = 600.0
JWKS_RETRY_S = 5.0
SKEW_S = 30.0
_TIMEOUT_S = 5.0
_SUBJECT = re.compile(r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,255}")
"""As long as OpenID Connect allows. Control characters part fields in what is counted and billed: with them two people could become one."""

FetchJson = Callable[[str], Any]


def fetch_json(url: str) -> Any:
    """GET a JSON document; OSError or ValueError when there is none."""
    if not url.startswith(("https://", "http://")):
        raise ValueError(f"{url}: want an http or https URL")
    with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as answer:  # noqa: S310 - scheme checked above
        return json.load(answer)


class JwksCache:
    """An issuer's public keys, fetched by discovery, kept for a while, fetched again for an unknown key id."""

    def __init__(self, issuer: str, clock: Clock, fetch: FetchJson = fetch_json) -> None:
        """Fetch nothing yet: the issuer may start after the service."""
        self._issuer = issuer
        self._clock = clock
        self._fetch = fetch
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched_at = float("-inf")
        self._tried_at = float("-inf")
        self._lock = asyncio.Lock()

    async def key(self, key_id: str) -> jwt.PyJWK | None:
        """The key of that id; None when the issuer has none. UnavailableError when the issuer can't be asked."""
        found = self._keys.get(key_id)
        if found is not None and self._clock.now() - self._fetched_at < JWKS_LIFETIME_S:
            return found
        async with self._lock:
            now = self._clock.now()
            stale = now - self._fetched_at >= JWKS_LIFETIME_S or key_id not in self._keys
            if stale and now - self._tried_at >= JWKS_RETRY_S:
                self._tried_at = now
                await self._refresh(now)
            return self._keys.get(key_id)

    async def _refresh(self, now: float) -> None:
        try:
            discovery = await asyncio.to_thread(self._fetch, self._issuer.rstrip("/") + "/.well-known/openid-configuration")
            document = await asyncio.to_thread(self._fetch, _jwks_uri(discovery, self._issuer))
            keys = jwt.PyJWKSet.from_dict(document).keys
        except (OSError, ValueError, KeyError, AttributeError, TypeError, jwt.PyJWTError) as error:
            log.warning("signing keys not fetched", issuer=self._issuer, error=str(error))
            if not self._keys:
                self._tried_at = float("-inf")
                raise UnavailableError(f"the issuer {self._issuer} can't be reached to check the token") from None
            return
        self._keys = {key.key_id: key for key in keys if key.key_id and key.public_key_use in {None, "sig"}}
        self._fetched_at = now


def _jwks_uri(discovery: dict[str, Any], issuer: str) -> str:
    if discovery.get("issuer") != issuer:
        raise ValueError(f'discovery names issuer "{discovery.get("issuer")}"')
    return str(discovery["jwks_uri"])


class TokenVerifier:
    """Turns a bearer token into a principal."""

    def __init__(  # noqa: PLR0913 - settings, by name
        self,
        *,
        issuer: str,
        audience: str,
        groups_claim: str,
        username_claim: str,
        clock: Clock,
        fetch: FetchJson = fetch_json,
    ) -> None:
        """An empty issuer verifies nothing: nobody can sign in."""
        self._issuer = issuer
        self._audience = audience
        self._groups_claim = groups_claim
        self._username_claim = username_claim
        self._clock = clock
        self._jwks = JwksCache(issuer, clock, fetch)

    async def authenticate(self, token: str) -> Principal:
        """See Authenticator."""
        try:
            header = jwt.get_unverified_header(token)
            key = await self._jwks.key(str(header.get("kid", ""))) if self._issuer and header.get("alg") in ALGORITHMS else None
            if key is None:
                raise jwt.InvalidKeyError("unknown key or algorithm")
            # Time is ours: the library would read the machine's clock.
            claims = jwt.decode(
                token,
                key,
                algorithms=list(ALGORITHMS),
                audience=self._audience,
                issuer=self._issuer,
                options={"require": ["exp", "iss", "aud", "sub"], "verify_exp": False, "verify_nbf": False, "verify_iat": False},
            )
            self._check_times(claims)
            if not _SUBJECT.fullmatch(claims["sub"]):
                raise jwt.InvalidTokenError("sub is empty, too long, or has control characters")
        except (jwt.PyJWTError, ValueError, TypeError) as error:
            log.info("token refused", error=type(error).__name__)
            raise UnauthenticatedError("Invalid or expired token") from None
        return self._principal(claims)

    def _check_times(self, claims: dict[str, Any]) -> None:
        now = self._clock.now()
        if float(claims["exp"]) <= now - SKEW_S:
            raise jwt.ExpiredSignatureError("expired")
        if float(claims.get("nbf", 0)) > now + SKEW_S:
            raise jwt.ImmatureSignatureError("not yet valid")

    def _principal(self, claims: dict[str, Any]) -> Principal:
        named = claims.get(self._groups_claim) or []
        groups = tuple(dict.fromkeys([*(str(g) for g in named if isinstance(named, list)), EVERYBODY_SIGNED_IN]))
        return Principal(
            issuer=self._issuer,
            subject=str(claims["sub"]),
            username=str(claims.get(self._username_claim) or claims["sub"]),
            groups=groups,
            email=str(claims.get("email") or ""),
            issued_at=int(claims.get("iat") or self._clock.now()),
        )
