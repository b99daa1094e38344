"""The real Envoy, fed by the registry under test, with real model servers behind it."""

from __future__ import annotations

import asyncio
import http.client
import json
import ssl
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
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
        config, admin = folder / "envoy.json", folder / "admin"
        config.write_text(json.dumps(bootstrap(world.port) | extra))
        command = [str(BINARY), "-c", str(config), "--use-dynamic-base-id", "--admin-address-path", str(admin), "--concurrency", "1"]
        process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
        seen: list[str] = []
        try:
            async for line in process.stderr:
                seen.append(line.decode())
                if "starting workers" in seen[-1]:  # what Envoy says once it has its first clusters
                    break
            else:
                pytest.fail("".join(seen))
            draining = asyncio.create_task(process.stderr.read())
            admin_port = int(admin.read_text().rpartition(":")[2])
            _, listeners = await asyncio.to_thread(get, admin_port, "/listeners?format=json")
            yield Gateway(json.loads(listeners)["listener_statuses"][0]["local_address"]["socket_address"]["port_value"], admin_port)
            process.terminate()
            await draining
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()

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


class Certificates:
    """An authority of its own and the servers it vouches for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test authority")])
        self.authority = folder / "authority.pem"
        certificate = self._sign(self._name, self._key.public_key(), x509.BasicConstraints(ca=True, path_length=None))
        self.authority.write_bytes(certificate.public_bytes(Encoding.PEM))

    def of(self, host: str) -> Path:
        """File with certificate and key of a server of that name or address."""
        key = ec.generate_private_key(ec.SECP256R1())
        try:
            alternative: x509.GeneralName = x509.IPAddress(ip_address(host))
        except ValueError:
            alternative = x509.DNSName(host)
        certificate = self._sign(x509.Name([]), key.public_key(), x509.SubjectAlternativeName([alternative]))
        file = self._folder / f"{host}.pem"
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        file.write_bytes(certificate.public_bytes(Encoding.PEM) + private)
        return file

    def _sign(self, subject: x509.Name, key: ec.EllipticCurvePublicKey, extension: x509.ExtensionType) -> x509.Certificate:
        now = datetime.now(UTC)
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(self._name).public_key(key)
        builder = builder.serial_number(x509.random_serial_number()).add_extension(extension, critical=True)
        builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        return builder.sign(self._key, hashes.SHA256())


@pytest.fixture
def certificates(tmp_path) -> Certificates:
    """Certificates for model servers."""
    return Certificates(tmp_path)
