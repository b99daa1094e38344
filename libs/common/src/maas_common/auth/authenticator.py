"""Who a bearer token belongs to: one way of finding out behind a Protocol, several side by side."""

from __future__ import annotations

from typing import Protocol

from maas_common.auth.principal import Principal


class Authenticator(Protocol):
    """Knows whose a token is."""

    async def authenticate(self, token: str) -> Principal:
        """Whom the token belongs to, without roles.

        UnauthenticatedError for anything wrong with it, in one text whatever that is; UnavailableError when it can't be told just now.
        """
        ...
