"""`maas-authz` as people run it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.request import urlopen

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from maas_common.testing import WORKLOAD_SECRET

PROGRAM = Path(sys.executable).with_name("maas-authz")
SERVICE = "envoy.service.auth.v3.Authorization"


class Process:
    """A running authz and what it logs."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[dict] = []

    async def logged(self, event: str, **fields) -> dict:
        """The next line with that event and those fields."""
        async for raw in self.process.stderr:
            if not raw.startswith(b"{"):
                continue
            self.lines.append(json.loads(raw))
            if self.lines[-1] | {"event": event} | fields == self.lines[-1]:
                return self.lines[-1]
        raise AssertionError(f'"{event}" was not logged before the process ended: {self.lines}')


@asynccontextmanager
async def started(folder, **settings):
    (folder / "workload").write_text(WORKLOAD_SECRET)
    (folder / "pepper").write_text("2026:" + "ab" * 32)
    given = {
        "PORT": "0",
        "METRICS_PORT": "0",
        "LOG_FORMAT": "json",
        "WORKLOAD_SECRET_FILE": str(folder / "workload"),
        "PEPPER_FILE": str(folder / "pepper"),
    }
    environment = dict(os.environ) | {f"MAAS_AUTHZ_{name}": value for name, value in (given | settings).items()}
    process = await asyncio.create_subprocess_exec(PROGRAM, env=environment, stderr=asyncio.subprocess.PIPE)
    try:
        yield Process(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def test_it_serves_once_both_peers_are_there_and_stops_when_told(people, tmp_path, peers, engine):
    async def main() -> None:
        async with peers(greeted_by=("keys",)) as both:
            addresses = {"KEYS_ADDRESS": both.address("keys"), "REGISTRY_ADDRESS": both.address("registry")}
            async with started(tmp_path, ENGINE=engine, **addresses) as authz:
                at = await authz.logged("service started")
                await authz.logged("readiness changed", condition="keys", met=True, missing=["catalogue"])
                async with grpc.aio.insecure_channel(f"127.0.0.1:{at['port']}") as channel:
                    watching = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(service=SERVICE))
                    assert (await watching.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
                    both.registry.feed.say(1, snapshot={})
                    await authz.logged("readiness changed", condition="catalogue", met=True, missing=[])
                    assert (await watching.read()).status == health_pb2.HealthCheckResponse.SERVING
                    name = both.keys.feed.starts[0][0]
                    assert name == f"authz-{socket.gethostname()[:64]}-0"
                    metrics = await asyncio.to_thread(lambda: urlopen(f"http://127.0.0.1:{at['metrics_port']}/metrics").read().decode())
                    assert 'maas_authz_watch_revision{watch="catalogue"} 1.0' in metrics
                    assert 'maas_authz_watch_staleness_seconds{watch="keys"}' in metrics
                    authz.process.send_signal(signal.SIGTERM)
                    await authz.logged("service stopping", told=True)
                    assert await asyncio.wait_for(authz.process.wait(), 20) == 0
                    assert (both.keys.feed.endings, both.registry.feed.endings) == (["ended"], ["ended"])

    asyncio.run(main())


def test_a_pepper_file_that_is_wrong_is_named_and_not_shown(tmp_path):
    async def main() -> None:
        wrong = tmp_path / "wrong"
        wrong.write_text("2026:abcdef-secret")
        async with started(tmp_path, PEPPER_FILE=str(wrong)) as authz:
            said = await authz.process.stderr.read()
            assert await authz.process.wait() != 0
            assert f"{wrong}: pepper line 1".encode() in said
            assert b"abcdef-secret" not in said

    asyncio.run(main())


@pytest.mark.parametrize("option", ["--keys-address", "--ratelimit-address", "--stale-after-s", "--engine"])
def test_help_explains_every_setting(option):
    async def main() -> bytes:
        process = await asyncio.create_subprocess_exec(PROGRAM, "--help", stdout=asyncio.subprocess.PIPE)
        said, _ = await process.communicate()
        return said

    said = asyncio.run(main()).decode()
    assert option in said
    assert "MAAS_AUTHZ_" in said
