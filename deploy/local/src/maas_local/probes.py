"""Asks each kind of process whether it is ready."""

from __future__ import annotations

from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from maas_local.keeper import Probe

_TIMEOUT_S = 1.0
# A proxy from the environment has no business between us and loopback.
_NO_PROXY = (("grpc.enable_http_proxy", 0),)


def grpc_health(address: str) -> Probe:
    """Ready when grpc.health.v1 says of the whole server that it serves: then every condition that the service named is met."""

    def ask() -> str:
        with grpc.insecure_channel(address, options=_NO_PROXY) as channel:
            try:
                answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=_TIMEOUT_S)
            except grpc.RpcError as error:
                code = error.code()
                return "not listening yet" if code is grpc.StatusCode.UNAVAILABLE else f"health check: {code.name}"
        return "" if answer.status == health_pb2.HealthCheckResponse.SERVING else "listening, not serving yet"

    return ask


def http_ok(url: str) -> Probe:
    """Ready when a GET of that http URL is answered 200."""
    parts = urlsplit(url)

    def ask() -> str:
        # Asked ten times a second while all else starts: a client with TLS and proxies would cost more than what it waits for.
        connection = HTTPConnection(parts.netloc, timeout=_TIMEOUT_S)
        try:
            connection.request("GET", parts.path)
            status = connection.getresponse().status
        except (OSError, HTTPException):
            return "not listening yet"
        finally:
            connection.close()
        return "" if status == HTTPStatus.OK else f"{url} answers {status}"

    return ask
