"""Signing in: OpenID Connect Discovery 1.0, then the password grant of RFC 6749, 4.3."""

from __future__ import annotations

import base64
import json
from typing import Any

import httpx

from maas_cli.errors import CommandError, NotSignedInError, RefusedError, UnreachableError
from maas_cli.session import Session
from maas_cli.settings import is_loopback
from maas_cli.transport import json_or_text, open_client, reaching

CLIENT_ID = "maas"
READ_TIMEOUT_S = 15.0
_ISSUER_SETTING = "--issuer or MAAS_ISSUER"


def sign_in(issuer: str, name: str, password: str) -> Session:
    """A session of this person. NotSignedInError when the issuer does not accept the password."""
    with open_client(issuer, read_timeout_s=READ_TIMEOUT_S) as client, reaching("the issuer", issuer, _ISSUER_SETTING):
        endpoint = _token_endpoint(issuer, client.get("/.well-known/openid-configuration"))
        form = {"grant_type": "password", "client_id": CLIENT_ID, "scope": "openid", "username": name, "password": password}
        response = client.post(endpoint, data=form)
    answer = json_or_text(response)
    if not response.is_success:
        raise _refused(issuer, response.status_code, answer)
    token = answer.get("access_token") if isinstance(answer, dict) else None
    expires_at = claims_of(str(token)).get("exp")
    if not isinstance(expires_at, int | float):
        raise RefusedError(f"{issuer} answered without a JWT that says when it expires; the services take no other token")
    return Session(name=name, issuer=issuer, expires_at=float(expires_at), token=str(token))


def claims_of(token: str) -> dict[str, Any]:
    """What a JWT says about itself, unverified: for showing to its owner only. Empty for a token that is no JWT."""
    try:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (IndexError, ValueError):
        return {}
    return claims if isinstance(claims, dict) else {}


def _token_endpoint(issuer: str, response: httpx.Response) -> str:
    """Where to send the password: never to an issuer other than the one named (Discovery, 4.3), never from https down to http."""
    document = json_or_text(response)
    if not response.is_success or not isinstance(document, dict):
        kind = UnreachableError if response.is_server_error else RefusedError
        raise kind(f"{issuer} is no OpenID issuer: its discovery document answers {response.status_code}", hint=f"see {_ISSUER_SETTING}")
    if str(document.get("issuer")).rstrip("/") != issuer:
        raise RefusedError(f'{issuer} says that it is another issuer, "{document.get("issuer")}"', hint=f"see {_ISSUER_SETTING}")
    endpoint = str(document.get("token_endpoint"))
    if not endpoint.startswith("https://") and not is_loopback(endpoint) and issuer.startswith("https://"):
        raise RefusedError(f'{issuer} wants the password sent to "{endpoint}", which is not https')
    return endpoint


def _refused(issuer: str, status: int, answer: Any) -> CommandError:
    error = answer if isinstance(answer, dict) else {}
    said = error.get("error_description") or error.get("error") or f"answered {status}"
    kind = UnreachableError if status >= httpx.codes.INTERNAL_SERVER_ERROR else NotSignedInError
    return kind(f"not signed in: {issuer} says: {said}")
