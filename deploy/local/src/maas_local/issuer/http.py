"""The issuer over HTTP: discovery, JWKS, token endpoint."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar
from urllib.parse import parse_qs, urlsplit

from maas_local.issuer.tokens import ALGORITHM, LIFETIME_S, PasswordGrant, SigningKey
from maas_local.settings import HOST

DISCOVERY = "/.well-known/openid-configuration"
JWKS = "/.well-known/jwks.json"
TOKEN = "/token"  # noqa: S105 - a path
CLIENT_ID = "maas"
_LONGEST_FORM = 8192
_FORM = "application/x-www-form-urlencoded"


class TokenError(Exception):
    """A refusal of the token endpoint, RFC 6749, 5.2."""

    def __init__(self, error: str, description: str, status: HTTPStatus = HTTPStatus.BAD_REQUEST) -> None:
        super().__init__(description)
        self.error = error
        self.description = description
        self.status = status


def issuer_server(port: int, issuer: str, key: SigningKey, grant: PasswordGrant) -> ThreadingHTTPServer:
    """A server bound to loopback, not yet serving. Port 0 picks a free one."""
    documents = {DISCOVERY: discovery(issuer), JWKS: key.jwks}

    class Handler(_Handler):
        _documents = documents
        _grant = grant

    server = ThreadingHTTPServer((HOST, port), Handler)
    server.daemon_threads = True
    return server


def discovery(issuer: str) -> dict[str, object]:
    """OpenID Connect Discovery 1.0, section 3, of what there is: no authorization endpoint, people type their password."""
    return {
        "issuer": issuer,
        "token_endpoint": f"{issuer}{TOKEN}",
        "jwks_uri": f"{issuer}{JWKS}",
        "grant_types_supported": ["password"],
        "response_types_supported": ["token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [ALGORITHM],
        "token_endpoint_auth_methods_supported": ["none"],
        "claims_supported": ["iss", "sub", "aud", "iat", "exp", "preferred_username", "email", "groups"],
    }


class _Handler(BaseHTTPRequestHandler):
    """One connection. `timeout` bounds how long a client may take over a request."""

    protocol_version = "HTTP/1.1"
    server_version = "maas-local-issuer"
    sys_version = ""
    timeout = 10.0
    wbufsize = -1  # head and body leave in one piece
    _documents: ClassVar[Mapping[str, object]]
    _grant: ClassVar[PasswordGrant]

    def do_GET(self) -> None:
        """Discovery and JWKS."""
        path = urlsplit(self.path).path
        if path in self._documents:
            self._answer(HTTPStatus.OK, self._documents[path])
        elif path == TOKEN:
            self._answer(HTTPStatus.METHOD_NOT_ALLOWED, {"error": "invalid_request", "error_description": "use POST"}, allow="POST")
        else:
            self._answer(HTTPStatus.NOT_FOUND, {"error": "not_found", "error_description": f"nothing here; see {DISCOVERY}"})

    def do_POST(self) -> None:
        """The token endpoint."""
        if urlsplit(self.path).path != TOKEN:
            self.close_connection = True  # the body is left unread
            self._answer(HTTPStatus.NOT_FOUND, {"error": "not_found", "error_description": f"tokens are at {TOKEN}"})
            return
        try:
            token = self._token(self._form())
        except TokenError as error:
            self._answer(error.status, {"error": error.error, "error_description": error.description})
        else:
            self._answer(HTTPStatus.OK, {"access_token": token, "token_type": "Bearer", "expires_in": LIFETIME_S})

    def _token(self, form: Mapping[str, str]) -> str:
        if (grant_type := _required(form, "grant_type")) != "password":
            raise TokenError("unsupported_grant_type", f'grant_type "{grant_type}": want password')
        if (client := _required(form, "client_id")) != CLIENT_ID:
            raise TokenError("invalid_client", f'client_id "{client}": want {CLIENT_ID}', HTTPStatus.UNAUTHORIZED)
        token = self._grant.sign_in(_required(form, "username"), _required(form, "password"))
        if token is None:
            raise TokenError("invalid_grant", "the user name or the password is wrong")
        return token

    def _form(self) -> dict[str, str]:
        """The request's body. Whatever can't be read to its end closes the connection."""
        length = self.headers.get("content-length", "")
        if not length.isascii() or not length.isdigit():
            self.close_connection = True
            raise TokenError("invalid_request", "want a body with a content-length", HTTPStatus.LENGTH_REQUIRED)
        if int(length) > _LONGEST_FORM:
            self.close_connection = True
            raise TokenError("invalid_request", f"the body is longer than {_LONGEST_FORM} bytes", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        body = self.rfile.read(int(length))
        if self.headers.get_content_type() != _FORM:
            raise TokenError("invalid_request", f"want content-type {_FORM}")
        try:
            fields = parse_qs(body.decode(), keep_blank_values=True, strict_parsing=True, max_num_fields=32)
        except ValueError:
            raise TokenError("invalid_request", "the body is not a form") from None
        if twice := [name for name, values in fields.items() if len(values) > 1]:
            raise TokenError("invalid_request", f"given more than once: {', '.join(twice)}")
        return {name: values[0] for name, values in fields.items()}

    def _answer(self, status: HTTPStatus, document: object, *, allow: str = "") -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.send_header("cache-control", "no-store")
        if allow:
            self.send_header("allow", allow)
        if self.close_connection:
            self.send_header("connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:  # noqa: ARG002 - the base class's signature
        """Method, path and status: no query, no body, so no secret."""
        status = code.value if isinstance(code, HTTPStatus) else code
        print(f"{self.command} {urlsplit(self.path).path} {status}", file=sys.stderr, flush=True)  # noqa: T201 - the process's log

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's signature
        """Nothing: the base class's messages quote what the client sent."""


def _required(form: Mapping[str, str], name: str) -> str:
    if not form.get(name):
        raise TokenError("invalid_request", f"{name} is missing")
    return form[name]
