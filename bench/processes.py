"""Services of the suite as processes of their own, in a folder that ends with the run."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from maas_common.testing import Issuer


@dataclass(frozen=True, slots=True)
class Running:
    """A service that is ready."""

    port: int
    pid: int

    @property
    def address(self) -> str:
        """host:port."""
        return f"127.0.0.1:{self.port}"


def write_secrets(folder: Path) -> str:
    """What the services share; returns the workload credential."""
    (folder / "workload").write_text(secret := secrets.token_urlsafe(32))
    (folder / "pepper").write_text(f"bench:{secrets.token_hex(32)}")
    return secret


@contextmanager
def service(name: str, folder: Path, people: Issuer, **settings: str) -> Iterator[Running]:
    """A service on free ports, until the end of the block."""
    usual = {"PORT": "0", "METRICS_PORT": "0", "LOG_FORMAT": "json", "OIDC_ISSUER": people.url, "PEPPER_FILE": str(folder / "pepper")}
    usual |= {"WORKLOAD_SECRET_FILE": str(folder / "workload"), "DATABASE_URL": f"sqlite:///{folder}/{name}.db"}
    environment = os.environ | {f"MAAS_{name.upper()}_{setting}": value for setting, value in (usual | settings).items()}
    program = Path(sys.executable).with_name(f"maas-{name}")
    with (folder / f"{name}.log").open("w+") as log, subprocess.Popen([program], env=environment, stderr=log) as process:
        try:
            port = _port(process, folder / f"{name}.log")
            _wait_until_ready(port)
            yield Running(port, process.pid)
        finally:
            process.terminate()


def _port(process: subprocess.Popen[bytes], log: Path) -> int:
    while process.poll() is None:
        for line in log.read_text().splitlines():
            if line.startswith("{") and line.endswith("}") and (event := json.loads(line))["event"] == "service started":
                return int(event["port"])
    raise RuntimeError(f"{process.args!r} did not start: {log.read_text()}")


def _wait_until_ready(port: int) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        for answer in health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(), timeout=60):
            if answer.status == health_pb2.HealthCheckResponse.SERVING:
                return
