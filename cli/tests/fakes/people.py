"""An OpenID issuer for two people. Its tokens have an unsigned JWT's shape: the management fake knows them by heart."""

from __future__ import annotations

import base64
import json
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from cli.tests.fakes.web import Request, Response, json_response

PASSWORDS = {"admin": "correct-horse-7Yq", "alice": "battery-staple-9Zk"}
GROUPS = {"admin": ["maas-admins"], "alice": []}


@dataclass(slots=True)
class Issuer:
    """`url` is set once the server has one; `fixed` and `discovery` replace members of what the two endpoints answer."""

    url: str = ""
    lifetime_s: int = 3600
    fixed: dict[str, Any] = field(default_factory=dict)
    discovery: dict[str, Any] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)

    def __call__(self, request: Request) -> Response:
        if request.path == "/.well-known/openid-configuration":
            return json_response({"issuer": self.url, "token_endpoint": f"{self.url}/token"} | self.discovery)
        if request.path == "/token":
            return self._token({name: values[0] for name, values in parse_qs(request.body.decode()).items()})
        return json_response({"error": "not_found"}, 404)

    def token(self, name: str) -> str:
        claims = {
            "iss": self.url,
            "sub": name,
            "preferred_username": name,
            "groups": GROUPS[name],
            "exp": int(time.time()) + self.lifetime_s,
        }
        token = ".".join([_base64({"alg": "none"}), _base64(claims), f"signature-of-{name}"])
        self.names[token] = name
        return token

    def _token(self, form: dict[str, str]) -> Response:
        if (form.get("grant_type"), form.get("client_id")) != ("password", "maas"):
            return json_response({"error": "unsupported_grant_type"}, 400)
        if form.get("password") != PASSWORDS.get(form["username"]):
            return json_response({"error": "invalid_grant", "error_description": "the user name or the password is wrong"}, 400)
        return json_response({"access_token": self.token(form["username"]), "token_type": "Bearer"} | self.fixed)


def _base64(document: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).rstrip(b"=").decode()
