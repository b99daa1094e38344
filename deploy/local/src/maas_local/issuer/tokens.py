"""Checks passwords and signs tokens."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from jwt.algorithms import RSAAlgorithm
from maas_common.clock import Clock

from maas_local.people import Person

AUDIENCE = "maas"
LIFETIME_S = 3600
ALGORITHM = "RS256"


class SigningKey:
    """The issuer's private key, and its public half as a JWKS (RFC 7517)."""

    def __init__(self, pem: bytes) -> None:
        """TypeError unless it is an RSA key; ValueError unless it is PEM."""
        key = serialization.load_pem_private_key(pem, password=None)
        if not isinstance(key, RSAPrivateKey):
            raise TypeError("the issuer's key is not an RSA key")
        self._key = key
        public = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
        self._id = _thumbprint(public)
        self.jwks = {"keys": [public | {"kid": self._id, "use": "sig", "alg": ALGORITHM}]}

    def sign(self, claims: Mapping[str, object]) -> str:
        """A JWT (RFC 7519) with these claims."""
        return jwt.encode(dict(claims), self._key, ALGORITHM, headers={"kid": self._id})


@dataclass(frozen=True, slots=True)
class Account:
    """A person and the digest of their password."""

    person: Person
    password_digest: bytes

    @classmethod
    def of(cls, person: Person, password: str) -> Account:
        """Keep the digest only."""
        return cls(person, _digest(password))


class PasswordGrant:
    """RFC 6749, 4.3: a name and a password for a token."""

    def __init__(self, *, issuer: str, key: SigningKey, accounts: Mapping[str, Account], clock: Clock) -> None:
        """`accounts` by name."""
        self._issuer = issuer
        self._key = key
        self._accounts = accounts
        self._clock = clock
        self._nobody = secrets.token_bytes(hashlib.sha256().digest_size)

    def sign_in(self, name: str, password: str) -> str | None:
        """A token, or None. An unknown name takes as long as a wrong password."""
        account = self._accounts.get(name)
        is_right = hmac.compare_digest(_digest(password), account.password_digest if account else self._nobody)
        return self._token(account.person) if account and is_right else None

    def _token(self, person: Person) -> str:
        now = int(self._clock.now())
        return self._key.sign(
            {
                "iss": self._issuer,
                "sub": person.name,
                "aud": AUDIENCE,
                "iat": now,
                "exp": now + LIFETIME_S,
                "jti": secrets.token_urlsafe(12),
                "preferred_username": person.name,
                "email": person.email,
                "groups": list(person.groups),
            }
        )


def _digest(password: str) -> bytes:
    return hashlib.sha256(password.encode()).digest()


def _thumbprint(public: Mapping[str, object]) -> str:
    """RFC 7638."""
    required = json.dumps({name: public[name] for name in ("e", "kty", "n")}, separators=(",", ":"), sort_keys=True)
    return base64.urlsafe_b64encode(hashlib.sha256(required.encode()).digest()).rstrip(b"=").decode()
