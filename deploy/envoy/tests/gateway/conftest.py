"""A real Envoy on the rendered configuration, between a scripted model server and scripted services."""

from __future__ import annotations

import json
import queue
import secrets
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeAlias

import grpc
import httpx
import pytest
from envoy.config.cluster.v3 import cluster_pb2
from envoy.config.core.v3 import base_pb2
from envoy.service.auth.v3 import external_auth_pb2, external_auth_pb2_grpc
from envoy.service.discovery.v3 import ads_pb2_grpc, discovery_pb2
from envoy.service.ratelimit.v3 import rls_pb2, rls_pb2_grpc
from google.protobuf import json_format
from maas.authz.v1 import authz_pb2_grpc
from maas.ratelimit.v1 import limits_pb2_grpc
from maas.registry.v1 import models_pb2_grpc
from maas_local.gateway import GatewayOptions, render
from maas_local.settings import free_ports

ENVOY = Path(__file__).resolve().parents[4] / ".tools/envoy/bin/envoy"
SECRET = "%REQ(x)%-no-format-here"
BODY_LIMIT = 256 * 1024


Piece: TypeAlias = bytes | threading.Event | None


@dataclass
class Call:
    """One request as the model server saw it."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Model:
    """An upstream that answers every request with `pieces`, each written by itself; waits where a piece is an event, breaks off where
    one is None. `pieces` may be a function of the request's body.
    """

    def __init__(self) -> None:
        self.reset()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (ModelHandler,), {"model": self}))
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def reset(self) -> None:
        self.status = 200
        self.headers = {"content-type": "application/json"}
        self.pieces: list[Piece] | Callable[[bytes], list[Piece]] = [b"{}"]
        self.calls: queue.Queue[Call] = queue.Queue()

    def stream(self, *pieces: Piece) -> None:
        self.headers = {"content-type": "text/event-stream"}
        self.pieces = list(pieces)

    def call(self) -> Call:
        """The next request that arrived."""
        return self.calls.get(timeout=10)


class ModelHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    model: Model

    def handle(self) -> None:
        with suppress(ConnectionError):  # the gateway may leave whenever it likes
            super().handle()

    def do_POST(self) -> None:
        body = self._chunked() if "transfer-encoding" in self.headers else self.rfile.read(int(self.headers.get("content-length", 0)))
        self.model.calls.put(Call(self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body))
        self.send_response(self.model.status)
        for name, value in self.model.headers.items():
            self.send_header(name, value)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for piece in self.model.pieces(body) if callable(self.model.pieces) else self.model.pieces:
            if piece is None:
                raise ConnectionAbortedError
            if isinstance(piece, threading.Event):
                piece.wait(30)
            else:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        self.wfile.write(b"0\r\n\r\n")

    def _chunked(self) -> bytes:
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size + 2)[:size]
        self.rfile.readline()
        return body

    do_GET = do_POST  # noqa: N815 - the base class names it

    def log_message(self, *_: object) -> None:
        """Tests print what they assert, nothing else."""


class Services:
    """Every service that Envoy asks, scripted by functions; what they were asked is written down."""

    def __init__(self) -> None:
        self.clusters: list[cluster_pb2.Cluster] = []
        self.credentials: dict[str, str | None] = {}  # method -> the workload credential it was called with
        self.reset()

    def reset(self) -> None:
        self.rid = secrets.token_hex(16)
        self.check: Callable[[Any, Any], Any] = lambda *_: self.allow()
        self.limit: Callable[[Any, Any], Any] = lambda *_: rls_pb2.RateLimitResponse(overall_code=rls_pb2.RateLimitResponse.OK)
        self.call: Callable[[str, Any, Any], Any] = lambda method, _request, context: context.abort(grpc.StatusCode.UNIMPLEMENTED, method)
        self.checks: queue.Queue[Any] = queue.Queue()
        self.metadata: dict[str, str] = {}  # of the last call that a person's request became
        self.descriptors: queue.Queue[dict[str, str]] = queue.Queue()

    def allow(self, headers: dict[str, str] | None = None, **facts: str) -> external_auth_pb2.CheckResponse:
        """What authz answers to a request that it lets through to a model."""
        known = {"decided": "1", "rid": self.rid, "tenant": "default", "key": "k1", "user": "iss|sub", "team": "-", "tier": "free"}
        known |= {"group": "g", "model": "m", "plan": "1", "price": "-", "bytes": "7", "max_out": "-"}
        answer = external_auth_pb2.CheckResponse()
        for name, value in (headers or {"x-maas-cluster": "asset.m"}).items():
            answer.ok_response.headers.add().header.CopyFrom(base_pb2.HeaderValue(key=name, value=value))
        answer.ok_response.headers_to_remove.extend(["authorization", "x-api-key", "api-key", "accept-encoding"])
        json_format.ParseDict({name: value for name, value in (known | facts).items() if value}, answer.dynamic_metadata)
        return answer

    def refuse(self, status: int, body: str) -> external_auth_pb2.CheckResponse:
        """What authz answers to a request that it refuses."""
        answer = external_auth_pb2.CheckResponse()
        answer.status.code = 7
        answer.denied_response.status.code = status
        answer.denied_response.headers.add().header.CopyFrom(base_pb2.HeaderValue(key="content-type", value="application/json"))
        answer.denied_response.body = body
        json_format.ParseDict({"decided": "1"}, answer.dynamic_metadata)
        return answer

    def is_counted(self) -> bool:
        """Whether a request was admitted. A settle alone is a late one, of a request from before."""
        return any(entries["kind"] == "admit" for entries in list(self.descriptors.queue))

    def told(self, kind: str) -> dict[str, str]:
        """The next descriptor of that kind for this test's request."""
        while True:
            entries = self.descriptors.get(timeout=10)
            if entries["kind"] == kind and entries["rid"] == self.rid:
                return entries


def asset(name: str, port: int) -> cluster_pb2.Cluster:
    """A model's cluster as the registry makes it."""
    cluster = cluster_pb2.Cluster(name=f"asset.{name}", type=cluster_pb2.Cluster.STATIC)
    cluster.load_assignment.cluster_name = cluster.name
    address = cluster.load_assignment.endpoints.add().lb_endpoints.add().endpoint.address.socket_address
    address.address, address.port_value = "127.0.0.1", port
    return cluster


class Servicer:
    def __init__(self, services: Services) -> None:
        self.services = services

    def _note(self, method: str, context: Any) -> None:
        metadata = dict(context.invocation_metadata())
        self.services.credentials[method] = metadata.get("x-maas-workload")
        if method not in {"ADS", "Check", "ShouldRateLimit"}:  # those come at times of their own: a settle after its answer
            self.services.metadata = metadata

    def Check(self, request: Any, context: Any) -> Any:
        self._note("Check", context)
        self.services.checks.put(request)
        return self.services.check(request, context)

    def ShouldRateLimit(self, request: Any, context: Any) -> Any:
        self._note("ShouldRateLimit", context)
        entries = {entry.key: entry.value for entry in request.descriptors[0].entries}
        self.services.descriptors.put(entries)
        return self.services.limit(entries, context)

    def DeltaAggregatedResources(self, requests: Any, context: Any) -> Iterator[Any]:
        self._note("ADS", context)
        for request in requests:
            if not request.response_nonce:
                answer = discovery_pb2.DeltaDiscoveryResponse(type_url=request.type_url, nonce="1")
                for cluster in self.services.clusters:
                    answer.resources.add(name=cluster.name, version="1").resource.Pack(cluster)
                yield answer

    def __getattr__(self, method: str) -> Any:
        def answer(request: Any, context: Any) -> Any:
            self._note(method, context)
            return self.services.call(method, request, context)

        return answer


class Envoy:
    """A running Envoy. Its own log is kept; its access log is read line by line."""

    def __init__(self, config: Path) -> None:
        self.log: list[str] = []
        self._access: queue.Queue[dict[str, Any]] = queue.Queue()
        self._settled = threading.Event()
        # Hot restart would let only one Envoy run on this machine.
        command = [ENVOY, "-c", config, "--disable-hot-restart", "--concurrency", "1", "--file-flush-interval-msec", "10"]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        threading.Thread(target=self._read_access, daemon=True).start()
        threading.Thread(target=self._read_log, daemon=True).start()
        assert self._settled.wait(60), "".join(self.log)
        assert self._process.poll() is None, "".join(self.log)

    def _read_access(self) -> None:
        for line in self._process.stdout or ():
            self._access.put(json.loads(line))

    def _read_log(self) -> None:
        for line in self._process.stderr or ():
            self.log.append(line)
            if "starting workers" in line:
                self._settled.set()
        self._settled.set()

    def access(self, response: httpx.Response) -> dict[str, Any]:
        """The line in the access log about the request that was answered so."""
        while True:
            line = self._access.get(timeout=10)
            if line.get("request_id") == response.headers["x-request-id"]:
                return line

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(30)


@dataclass(frozen=True)
class Gateway:
    """The running gateway and what stands around it."""

    data: httpx.Client
    management: httpx.Client
    admin: httpx.Client
    model: Model
    services: Services
    envoy: Envoy
    secret: str = SECRET
    body_limit: int = BODY_LIMIT

    def post(self, body: bytes = b'{"model":"m"}', path: str = "/v1/chat/completions", **headers: str) -> httpx.Response:
        """A request as applications make it. Underscores in the names of headers stand for hyphens."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.data.post(path, content=body, headers={"content-type": "application/json", "authorization": "Bearer k"} | given)


@contextmanager
def started(folder: Path, ratelimit_port: int | None) -> Iterator[Gateway]:
    """A gateway, and around it scripted services and a model; ratelimit is the scripted one unless a port is given."""
    secret, config = folder / "workload", folder / "gateway.json"
    secret.write_text(SECRET)
    model, services = Model(), Services()
    data, management, admin, closed = free_ports(4)
    services.clusters = [asset("m", model.server.server_port), asset("dead", closed)]
    server = grpc.server(futures.ThreadPoolExecutor(32))
    servicer = Servicer(services)
    external_auth_pb2_grpc.add_AuthorizationServicer_to_server(servicer, server)
    rls_pb2_grpc.add_RateLimitServiceServicer_to_server(servicer, server)
    ads_pb2_grpc.add_AggregatedDiscoveryServiceServicer_to_server(servicer, server)
    models_pb2_grpc.add_ModelsServiceServicer_to_server(servicer, server)
    models_pb2_grpc.add_AvailableModelsServiceServicer_to_server(servicer, server)
    limits_pb2_grpc.add_LimitsServiceServicer_to_server(servicer, server)
    authz_pb2_grpc.add_AuthzServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    options = GatewayOptions(
        workload_secret_file=secret,
        gateway_port=data,
        management_port=management,
        admin_port=admin,
        authz_ports=(port,),
        ratelimit_port=ratelimit_port or port,
        registry_port=port,
        keys_port=closed,
        body_limit_bytes=BODY_LIMIT,
    )
    config.write_text(json.dumps(render(options)))
    envoy = Envoy(config)

    def client(to: int) -> httpx.Client:
        return httpx.Client(base_url=f"http://127.0.0.1:{to}", trust_env=False, timeout=30)

    try:
        yield Gateway(client(data), client(management), client(admin), model, services, envoy)
    finally:
        envoy.stop()
        server.stop(0)
        model.server.shutdown()


@pytest.fixture(scope="session")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[int | None], Gateway]]:
    """Starts a gateway that stops when all tests are done."""
    with ExitStack() as stack:
        yield lambda ratelimit_port: stack.enter_context(started(tmp_path_factory.mktemp("gateway"), ratelimit_port))


@pytest.fixture(scope="session")
def running(start: Callable[[int | None], Gateway]) -> Gateway:
    """Starts everything once."""
    return start(None)


@pytest.fixture
def gateway(running: Gateway) -> Gateway:
    """The running gateway with nothing scripted and nothing written down."""
    running.model.reset()
    running.services.reset()
    return running
