"""Where a client shows its API key."""

from __future__ import annotations

from collections.abc import Mapping

_BEARER = "bearer "
CREDENTIAL_HEADERS = ("authorization", "x-api-key", "api-key")
"""OpenAI's, Anthropic's and Azure's way."""


def presented_key(headers: Mapping[str, str]) -> str | None:
    """The key that a request shows, None when it shows none. The first way that is used counts.

    `headers` has lower-case names. An `authorization` of another scheme is no key.
    """
    authorization = headers.get("authorization")
    if authorization is not None and authorization[: len(_BEARER)].lower() == _BEARER:
        return authorization[len(_BEARER) :].strip()
    return headers.get("x-api-key") or headers.get("api-key") or None
