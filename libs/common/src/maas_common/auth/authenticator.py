"""Who a bearer token belongs to: one way of finding out behind a Protocol, several side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import jwt
import structlog

from maas_common.auth.principal import Principal
from maas_common.errors import UnauthenticatedError

log = structlog.get_logger(__name__)

INVALID_TOKEN = "Invalid or expired token"  # noqa: S105 - what everybody is told whose token is refused, whatever is wrong with it


_SHOWN = 200
"""Characters of what anybody may send."""


class Authenticator(Protocol):
    """Knows whose a token is."""

    async def authenticate(self, token: str) -> Principal:
        """Whom the token belongs to, without roles.

        UnauthenticatedError for anything wrong with it, in one text whatever that is; UnavailableError when it can't be told just now.
        """
        ...


class ByIssuer:
    """An Authenticator that leaves a token to the one who knows its issuer, and those of no known issuer to `others`."""

    def __init__(self, known: Mapping[str, Authenticator], others: Authenticator | None = None) -> None:
        """Who knows which issuer, as tokens spell it."""
        self._known = known
        self._others = others

    async def authenticate(self, token: str) -> Principal:
        """See Authenticator."""
        issuer = _claimed_issuer(token)
        chosen = self._known.get(issuer, self._others)
        if chosen is None:
            log.info("token refused", error="its issuer is no identity provider here", issuer=issuer[:_SHOWN], known=sorted(self._known))
            raise UnauthenticatedError(INVALID_TOKEN)
        return await chosen.authenticate(token)


def _claimed_issuer(token: str) -> str:
    """What the token says, nothing of it checked; empty when it says nothing."""
    try:
        return str(jwt.decode(token, options={"verify_signature": False}).get("iss", ""))
    except (jwt.PyJWTError, ValueError, RecursionError):
        return ""
