"""Talks to the services as a signed-in person."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import grpc
import httpx

from maas_local.issuer.http import CLIENT_ID, TOKEN

_TIMEOUT_S = 10.0


def sign_in(issuer: str, name: str, password: str) -> str:
    """A person's access token; PermissionError when the issuer refuses."""
    form = {"grant_type": "password", "client_id": CLIENT_ID, "username": name, "password": password}
    answer = httpx.post(f"{issuer}{TOKEN}", data=form, timeout=_TIMEOUT_S, trust_env=False)
    if answer.status_code != httpx.codes.OK:
        raise PermissionError(f"{issuer} does not let {name} sign in: {answer.json()['error_description']}")
    return str(answer.json()["access_token"])


def bearer(token: str) -> tuple[tuple[str, str], ...]:
    """Call metadata that shows a token."""
    return (("authorization", f"Bearer {token}"),)


@contextmanager
def channel(address: str) -> Iterator[grpc.Channel]:
    """A plain connection on loopback."""
    with grpc.insecure_channel(address, options=[("grpc.enable_http_proxy", 0)]) as opened:
        yield opened
