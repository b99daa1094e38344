"""Builders and real parts for the suite's tests: a clock that is set, an issuer that signs, a database server."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from json import dumps, loads
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from maas_common.auth.interceptor import WORKLOAD_HEADER

WORKLOAD_SECRET = "workload-secret-for-tests"  # noqa: S105 - opens nothing real
WORKLOAD = ((WORKLOAD_HEADER, WORKLOAD_SECRET),)
"""gRPC metadata of a program of the suite."""


class FakeClock:
    """A clock that stands still until told otherwise."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.time = now

    def now(self) -> float:
        """Seconds since the Unix epoch."""
        return self.time

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.time += seconds


class Issuer:
    """A real OIDC issuer on loopback: discovery, JWKS, and tokens signed with its key."""

    def __init__(self, url: str, key: rsa.RSAPrivateKey) -> None:
        self.url = url
        self._key = key

    def token(self, subject: str, *, groups: tuple[str, ...] = (), **claims: Any) -> str:
        """A token for an hour; claims given win over the defaults. Without `iat`, whatever clock the service has."""
        defaults = {"iss": self.url, "aud": "maas", "sub": subject, "preferred_username": subject, "groups": list(groups)}
        return jwt.encode(defaults | {"exp": int(time.time()) + 3600} | claims, self._key, algorithm="RS256", headers={"kid": "test"})

    def bearer(self, subject: str, *, groups: tuple[str, ...] = (), **claims: Any) -> tuple[tuple[str, str], ...]:
        """Metadata of somebody signed in."""
        return (("authorization", f"Bearer {self.token(subject, groups=groups, **claims)}"),)

    def admin(self) -> tuple[tuple[str, str], ...]:
        """Metadata of an administrator."""
        return self.bearer("admin", groups=("maas-admins",))


@contextmanager
def issuer() -> Iterator[Issuer]:
    """An issuer that runs inside the block."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key()))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = f"http://127.0.0.1:{server.server_port}"
            documents = {
                "/.well-known/openid-configuration": {"issuer": url, "jwks_uri": url + "/jwks"},
                "/jwks": {"keys": [public | {"kid": "test", "use": "sig", "alg": "RS256"}]},
            }
            body = dumps(documents.get(self.path, {})).encode()
            self.send_response(200 if self.path in documents else 404)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Tests print what they assert, nothing else."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield Issuer(f"http://127.0.0.1:{server.server_port}", key)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
