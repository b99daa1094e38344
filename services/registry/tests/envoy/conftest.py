"""The real Envoy, fed by the registry under test, with real model servers behind it."""

from __future__ import annotations

import asyncio
import http.client
import json
import ssl
import subprocess
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from maas_common.testing import WORKLOAD

BINARY = next(folder for folder in Path(__file__).parents if (folder / "uv.lock").exists()) / ".tools/envoy/bin/envoy"
TYPES = "type.googleapis.com/envoy.extensions"


def bootstrap(registry_port: int) -> dict:
    """Any request goes to the cluster that its x-maas-cluster header names; clusters come from the registry."""
    h2 = {
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
            "@type": f"{TYPES}.upstreams.http.v3.HttpProtocolOptions",
            "explicit_http_config": {"http2_protocol_options": {}},
        }
    }
    loopback = {"address": "127.0.0.1"}
    return {
        "node": {"id": "gw-real", "cluster": "maas"},
        "admin": {"address": {"socket_address": loopback | {"port_value": 0}}},
        "dynamic_resources": {
            "ads_config": {
                "api_type": "DELTA_GRPC",
                "transport_api_version": "V3",
                "grpc_services": [
                    {
                        "envoy_grpc": {"cluster_name": "registry"},
                        "initial_metadata": [{"key": key, "value": value} for key, value in WORKLOAD],
                    }
                ],
            },
            "cds_config": {"ads": {}, "resource_api_version": "V3"},
        },
        "static_resources": {
            "listeners": [
                {
                    "name": "gateway",
                    "address": {"socket_address": loopback | {"port_value": 0}},
                    "filter_chains": [
                        {
                            "filters": [
                                {
                                    "name": "http",
                                    "typed_config": {
                                        "@type": f"{TYPES}.filters.network.http_connection_manager.v3.HttpConnectionManager",
                                        "stat_prefix": "gateway",
                                        "route_config": {
                                            "virtual_hosts": [
                                                {
                                                    "name": "all",
                                                    "domains": ["*"],
                                                    "routes": [{"match": {"prefix": "/"}, "route": {"cluster_header": "x-maas-cluster"}}],
                                                }
                                            ]
                                        },
                                        "http_filters": [
                                            {"name": "router", "typed_config": {"@type": f"{TYPES}.filters.http.router.v3.Router"}}
                                        ],
                                    },
                                }
                            ]
                        }
                    ],
                }
            ],
            "clusters": [
                {
                    "name": "registry",
                    "type": "STATIC",
                    "typed_extension_protocol_options": h2,
                    "load_assignment": {
                        "cluster_name": "registry",
                        "endpoints": [
                            {"lb_endpoints": [{"endpoint": {"address": {"socket_address": loopback | {"port_value": registry_port}}}}]}
                        ],
                    },
                }
            ],
        },
    }


class Gateway:
    """A running Envoy."""

    def __init__(self, port: int, admin_port: int) -> None:
        self._port = port
        self.admin_port = admin_port

    async def ask(self, model: str) -> tuple[int, str]:
        """Status and body of a request to that model's cluster."""
        return await asyncio.to_thread(get, self._port, "/v1/ping", {"x-maas-cluster": f"asset.{model}"})

    async def admin(self, path: str) -> str:
        """What Envoy says of itself."""
        return (await asyncio.to_thread(get, self.admin_port, path))[1]


def get(port: int, path: str, headers: dict[str, str] | None = None) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", path, headers=headers or {})
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


@pytest.fixture
def gateway(tmp_path) -> Callable[..., AsyncIterator[Gateway]]:
    """Run Envoy inside the block, from when the registry knows it."""

    @asynccontextmanager
    async def running(world, **extra) -> AsyncIterator[Gateway]:
        folder = Path(tempfile.mkdtemp(dir=tmp_path))
        config, admin, output = folder / "envoy.json", folder / "admin", folder / "envoy.log"
        config.write_text(json.dumps(bootstrap(world.port) | extra))
        log = output.open("w")
        command = [str(BINARY), "-c", str(config), "--use-dynamic-base-id", "--admin-address-path", str(admin), "--concurrency", "1"]
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            async with asyncio.timeout(60):
                while not (admin.exists() and (address := admin.read_text())):
                    assert process.poll() is None, output.read_text()
                    await asyncio.sleep(0.05)
                admin_port = int(address.rpartition(":")[2])
                while "LIVE" not in await asyncio.to_thread(lambda: get(admin_port, "/ready")[1]):
                    await asyncio.sleep(0.05)
            listeners = json.loads((await asyncio.to_thread(get, admin_port, "/listeners?format=json"))[1])
            port = listeners["listener_statuses"][0]["local_address"]["socket_address"]["port_value"]
            yield Gateway(port, admin_port)
        finally:
            process.terminate()
            process.wait(30)
            log.close()

    return running


@pytest.fixture
def model_server() -> Callable[..., Iterator[int]]:
    """Run a server that answers with its name inside the block; its port. With `certificate` (certificate and key file) over TLS."""

    @contextmanager
    def running(name: str, certificate: Path | None = None) -> Iterator[int]:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("content-length", str(len(name)))
                self.end_headers()
                self.wfile.write(name.encode())

            def log_message(self, *_: object) -> None:
                """Tests print what they assert, nothing else."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            server.server_close()
            thread.join()

    return running
