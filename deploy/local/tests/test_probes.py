from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer

import grpc
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from maas_local.probes import grpc_health, http_ok


@pytest.fixture
def url() -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/ready" else 503)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_what_answers_200_is_ready(url):
    assert http_ok(f"{url}/ready")() == ""


def test_what_answers_otherwise_is_not_ready_and_the_answer_is_told(url):
    assert http_ok(f"{url}/health")() == f"{url}/health answers 503"


def test_where_nothing_listens_is_not_ready(free_port):
    assert http_ok(f"http://127.0.0.1:{free_port()}/ready")() == "not listening yet"
    assert grpc_health(f"127.0.0.1:{free_port()}")() == "not listening yet"


def test_what_speaks_something_else_is_not_ready():
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(b"SSH-2.0-server\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        assert http_ok(f"http://127.0.0.1:{server.getsockname()[1]}/ready")() == "not listening yet"
        thread.join()


@pytest.mark.parametrize(("status", "missing"), [("SERVING", ""), ("NOT_SERVING", "listening, not serving yet")])
def test_a_service_is_ready_when_its_health_says_so(status, missing):
    servicer = health.HealthServicer()
    servicer.set("", health_pb2.HealthCheckResponse.ServingStatus.Value(status))
    server = grpc.server(ThreadPoolExecutor(1))
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        assert grpc_health(f"127.0.0.1:{port}")() == missing
    finally:
        server.stop(None).wait()


def test_a_server_without_health_says_what_is_wrong():
    server = grpc.server(ThreadPoolExecutor(1))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        assert grpc_health(f"127.0.0.1:{port}")() == "health check: UNIMPLEMENTED"
    finally:
        server.stop(None).wait()
