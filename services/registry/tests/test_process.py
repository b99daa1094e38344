"""The registry as the process that it is."""

from __future__ import annotations

import asyncio
import json
import os
import re
import stat
import urllib.request
from contextlib import suppress
from pathlib import Path
from sys import executable

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from maas.registry.v1 import catalog_pb2, catalog_pb2_grpc
from maas_common.testing import WORKLOAD, WORKLOAD_SECRET

COMMAND = Path(executable).parent / "maas-registry"


@pytest.fixture
def environment(tmp_path):
    secret = tmp_path / "workload"
    secret.write_text(WORKLOAD_SECRET)
    return dict(os.environ) | {
        "MAAS_REGISTRY_PORT": "0",
        "MAAS_REGISTRY_METRICS_PORT": "0",
        "MAAS_REGISTRY_WORKLOAD_SECRET_FILE": str(secret),
        "MAAS_REGISTRY_LOG_FORMAT": "json",
    }


def test_it_starts_says_when_it_is_ready_and_ends_when_told(environment, tmp_path):
    async def main():
        process = await asyncio.create_subprocess_exec(COMMAND, env=environment, cwd=tmp_path, stderr=asyncio.subprocess.PIPE)
        try:
            lines = []
            async for line in process.stderr:
                lines.append(json.loads(line))
                if lines[-1]["event"] == "service started":
                    break
            assert lines, "ended before it had started"
            async with grpc.aio.insecure_channel(f"127.0.0.1:{lines[-1]['port']}") as channel:
                health = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
                while (await health.read()).status != health_pb2.HealthCheckResponse.SERVING:
                    pass

                asks = iter([reflection_pb2.ServerReflectionRequest(list_services="")])
                listed = await reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo(asks).read()
                names = {service.name for service in listed.list_services_response.service}
                assert {"maas.registry.v1.ModelsService", "envoy.service.discovery.v3.AggregatedDiscoveryService"} <= names

                watch = catalog_pb2_grpc.CatalogServiceStub(channel).WatchCatalog(metadata=WORKLOAD)
                await watch.write(catalog_pb2.WatchCatalogRequest(start={"watcher": "authz"}))
                revision = (await watch.read()).revision
                metrics = await asyncio.to_thread(read, f"http://127.0.0.1:{lines[-1]['metrics_port']}/metrics")
                found = dict(re.findall(r"^maas_registry_(\w+) (\S+)$", metrics, re.MULTILINE))
                assert [float(found[name]) for name in ("watchers", "envoys", "nacks_total", "revision")] == [1, 0, 0, revision]

                process.terminate()
                rest = [json.loads(line) for line in (await process.stderr.read()).splitlines()]
            assert await process.wait() == 0
            assert "service stopping" in [line["event"] for line in rest]
            assert {line["level"] for line in lines + rest} == {"info"}
        finally:
            with suppress(ProcessLookupError):
                process.kill()

    asyncio.run(main())
    database = tmp_path / ".maas" / "registry.db"
    assert (stat.S_IMODE(database.stat().st_mode), stat.S_IMODE(database.parent.stat().st_mode)) == (0o600, 0o700)


def test_help_explains_every_setting(environment):
    async def main():
        process = await asyncio.create_subprocess_exec(COMMAND, "--help", env=environment, stdout=asyncio.subprocess.PIPE)
        text = (await process.communicate())[0].decode()
        assert process.returncode == 0
        for option in ("--database-url", "--enforcement-wait-s", "--heartbeat-s", "--history", "--allowed-endpoint-ranges"):
            assert option in text
        assert "MAAS_REGISTRY_LOG_LEVEL" in text

    asyncio.run(main())


def read(url: str) -> str:
    with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310 - loopback
        return answer.read().decode()
