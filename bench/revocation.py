"""How long a revoked key still works: from the moment the call that revokes it is sent until the gateway refuses the key.

    .venv/bin/python bench/revocation.py [--revocations 500] [--cached 100000]

The whole suite as `make run` starts it, with two authz workers, each of which has looked up that many keys before. Each key is used
through Envoy until it works everywhere, then revoked over REST; meanwhile other connections use it, one request after the other. What is
told is when the last request that still passed had been sent, and when the call that revokes returned.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import os
import secrets
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import grpc
import httpx
from envoy.service.auth.v3 import external_auth_pb2, external_auth_pb2_grpc
from maas_local.settings import LocalSettings, free_ports
from maas_local.stack import Stack

ROOT = Path(__file__).parents[1]
_AT_ONCE = 1000
_IN_FLIGHT = 64
_PROBES = 4
"""Connections that use a key while it is revoked."""


@dataclass(frozen=True, slots=True)
class Revoked:
    """Seconds from the sending of the revocation."""

    last_passed: float
    """Until the last request was sent that still passed; 0 when none did."""
    returned: float
    enforced: bool


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--revocations", type=int, default=500)
    parser.add_argument("--cached", type=int, default=100_000, help="how many keys each authz worker has looked up before")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MAAS_AUTHZ_KEY_CACHE_SIZE"] = str(given.cached + 2 * given.revocations)
        settings = LocalSettings.on_free_ports(
            state=Path(folder), config=ROOT / "config", envoy=ROOT / ".tools/envoy/bin/envoy", more_authz_ports=free_ports(1)
        )
        with Stack(settings) as stack:
            asyncio.run(_run(stack, given.revocations, given.cached))


async def _run(stack: Stack, revocations: int, cached: int) -> None:
    settings = stack.settings
    admin = {"authorization": f"Bearer {stack.token('admin')}"}
    async with httpx.AsyncClient(base_url=settings.rest_url, headers=admin, timeout=30) as rest:
        keys = await _import(rest, cached)
        for port in (settings.authz_port, *settings.more_authz_ports):
            await _look_up(port, stack.workload_secret(), keys)
        results = []
        for number in range(revocations):
            key_id, key = await _made(rest, f"revoked {number}")
            results.append(await _revoke(rest, settings.gateway_url, key_id, key))
            _progress("revoked", number + 1, revocations)
    _tell("revoke call returned, ms", [result.returned for result in results])
    _tell("last request that passed was sent, ms", [result.last_passed for result in results])
    print(f"acknowledged as enforced: {sum(result.enforced for result in results)} of {revocations}")
    late = sum(result.last_passed > result.returned for result in results)
    print(f"requests that passed though sent after the call had returned: {late}")


async def _import(rest: httpx.AsyncClient, count: int) -> list[str]:
    """Keys of another system: a thousand come by one call."""
    keys = [f"sk-oai-{secrets.token_urlsafe(32)}" for _ in range(count)]
    for start in range(0, count, _AT_ONCE):
        orders = [
            {"sha256": hashlib.sha256(key.encode()).hexdigest(), "shown": key[:12], "name": "cached", "username": "alice"}
            for key in keys[start : start + _AT_ONCE]
        ]
        (await rest.post("/v1/api-keys/import", json={"keys": orders})).raise_for_status()
        _progress("keys imported", min(start + _AT_ONCE, count), count)
    return keys


async def _made(rest: httpx.AsyncClient, name: str) -> tuple[str, str]:
    answer = await rest.post("/v1/api-keys", json={"name": name})
    answer.raise_for_status()
    return answer.json()["id"], answer.json()["key"]


async def _look_up(port: int, secret: str, keys: Sequence[str]) -> None:
    """Have one authz worker decide about every key."""
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = external_auth_pb2_grpc.AuthorizationStub(channel)

        async def check(key: str) -> None:
            request = external_auth_pb2.CheckRequest()
            http = request.attributes.request.http
            http.method, http.path = "GET", "/v1/models"
            http.headers.update({"authorization": f"Bearer {key}"})
            answer = await stub.Check(request, metadata=(("x-maas-workload", secret),))
            if not answer.HasField("ok_response"):
                raise RuntimeError(f"a key was refused: {answer}")

        for start in range(0, len(keys), _IN_FLIGHT):
            await asyncio.gather(*map(check, keys[start : start + _IN_FLIGHT]))
            _progress(f"looked up by authz at {port}", min(start + _IN_FLIGHT, len(keys)), len(keys))


async def _revoke(rest: httpx.AsyncClient, gateway: str, key_id: str, key: str) -> Revoked:
    passed_at = 0.0
    is_over = False
    is_known = asyncio.Event()

    async def use() -> None:
        nonlocal passed_at
        async with httpx.AsyncClient(base_url=gateway, headers={"authorization": f"Bearer {key}"}, timeout=10) as client:
            refused = 0
            while not (is_over and refused):
                sent = time.perf_counter()
                status = (await client.get("/v1/models")).status_code
                if status == httpx.codes.OK:
                    passed_at, refused = max(passed_at, sent), 0
                    is_known.set()
                else:
                    refused += 1

    users = [asyncio.create_task(use()) for _ in range(_PROBES)]
    await is_known.wait()
    started = time.perf_counter()
    answer = await rest.delete(f"/v1/api-keys/{key_id}")
    returned = time.perf_counter()
    answer.raise_for_status()
    is_over = True
    await asyncio.gather(*users)
    return Revoked(max(0.0, passed_at - started), returned - started, answer.json()["enforcement"]["enforced"])


def _tell(what: str, seconds: list[float]) -> None:
    cuts = statistics.quantiles(seconds, n=100, method="inclusive")
    print(f"{what:40} p50 {cuts[49] * 1000:7.1f}   p99 {cuts[98] * 1000:7.1f}   most {max(seconds) * 1000:7.1f}")


def _progress(what: str, done: int, of: int) -> None:
    if sys.stderr.isatty() or done == of:
        print(f"\r  {what}: {done:,} of {of:,}", end="\n" if done == of else "", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
