"""What the whole policy path adds to a request's latency: the suite's Envoy against a plain one, request by request in turn.

    .venv/bin/python bench/gateway.py [--requests 300]

Both stand before the same model server, a small one that answers at once, so that all that differs is the path: Lua, authz,
ratelimit, usage, settle. One request at a time; the two ways alternate, so drift of a shared machine hits both.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import secrets
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path

import httpx
import yaml
from maas_local.settings import LocalSettings, free_ports
from maas_local.stack import Stack
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[1]
USAGE = {"prompt_tokens": 250, "completion_tokens": 32, "total_tokens": 282}
WHOLE = json.dumps({"object": "chat.completion", "choices": [{"message": {"content": "word " * 100}}], "usage": USAGE}).encode()
CHUNK = json.dumps({"object": "chat.completion.chunk", "choices": [{"delta": {"content": "word "}}], "usage": None})
STREAM = [f"data: {c}\n\n".encode() for c in (*[CHUNK] * 32, json.dumps({"choices": [], "usage": USAGE}), "[DONE]")]
MEBIBYTE = 1024 * 1024
SIZES = {"1 KiB": 1024, "1 MiB": MEBIBYTE}
KINDS = {"whole": "", "streamed": ',"stream_options":{"include_usage":true},"stream":true'}


async def model_server() -> asyncio.Server:
    """An HTTP/1.1 server that answers every request at once, streamed when its path says so."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                lines = head.decode().lower().split("\r\n")
                length = next((int(line.split(":")[1]) for line in lines if line.startswith("content-length:")), 0)
                body = await reader.readexactly(length)
                if b'"stream":true' in body[-64:]:
                    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
                    for event in STREAM:
                        writer.write(b"%x\r\n%s\r\n" % (len(event), event))
                        await writer.drain()
                    writer.write(b"0\r\n\r\n")
                else:
                    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(WHOLE), WHOLE))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):  # the last: the loop ends
            writer.close()

    return await asyncio.start_server(serve, "127.0.0.1", 0, limit=2**21)


def plain_envoy(port: int, admin_port: int, upstream_port: int) -> dict[str, object]:
    """An Envoy that only routes."""
    address = {"socket_address": {"address": "127.0.0.1", "port_value": upstream_port}}
    manager = {
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "plain",
        "route_config": {
            "virtual_hosts": [
                {"name": "all", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "model", "timeout": "0s"}}]}
            ]
        },
        "http_filters": [
            {
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"},
            }
        ],
    }
    return {
        "admin": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": admin_port}}},
        "static_resources": {
            "listeners": [
                {
                    "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
                    "filter_chains": [{"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}],
                }
            ],
            "clusters": [
                {
                    "name": "model",
                    "type": "STATIC",
                    "load_assignment": {
                        "cluster_name": "model",
                        "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
                    },
                }
            ],
        },
    }


async def timed(client: httpx.AsyncClient, url: str, body: bytes, headers: dict[str, str]) -> float:
    """Seconds from sending a request to the last byte of its answer."""
    began = time.perf_counter()
    answer = await client.post(url, content=body, headers=headers)
    took = time.perf_counter() - began
    if answer.status_code != 200:
        raise SystemExit(f"{url} answered {answer.status_code}: {answer.text[:300]}")
    return took


async def compare(ways: Mapping[str, Callable[[], Awaitable[float]]], requests: int) -> dict[str, list[float]]:
    """Milliseconds of each way, one request of each in turn, after a warm-up."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(requests + requests // 10):
        for name, way in ways.items():
            took = await way()
            if number >= requests // 10:
                taken[name].append(took * 1000)
    return taken


def row(what: str, plain: list[float], suite: list[float]) -> list[str]:
    """One line of the table: p50 and p99 of both, and what is added."""

    def at(percent: int, values: list[float]) -> float:
        return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]

    cells = [what]
    for percent in (50, 99):
        without, with_policy = at(percent, plain), at(percent, suite)
        cells += [f"{without:.2f}", f"{with_policy:.2f}", f"+{with_policy - without:.2f}"]
    return cells


def register(stack: Stack, upstream_port: int) -> tuple[str, str]:
    """A model, a tier of four generous limits and a key for it; the model's id and the key."""
    name = f"bench-{secrets.token_hex(3)}"
    limits = [{"metric": metric, "amount": 10**9, "window": window} for metric in ("requests", "total_tokens") for window in ("1m", "1d")]
    with httpx.Client(base_url=stack.settings.rest_url, headers={"authorization": f"Bearer {stack.token('admin')}"}) as rest:

        def create(path: str, **body: object) -> dict[str, str]:
            made: dict[str, str] = rest.post(path, json=body).raise_for_status().json()
            return made

        create("/v1/assets/models", id=name, url=f"http://127.0.0.1:{upstream_port}/v1", publishedTo="all")
        create("/v1/tiers", name=name, level=999, groups=[name], limits=limits)
        return name, create("/v1/api-keys", name=name, username=name, groups=[name])["key"]


async def measure(stack: Stack, requests: int, table: Table) -> None:
    """Start the model server and the plain Envoy before it, and fill the table."""
    server = await model_server()
    upstream_port = server.sockets[0].getsockname()[1]
    model, key = await asyncio.to_thread(register, stack, upstream_port)
    headers = {"content-type": "application/json", "authorization": f"Bearer {key}"}
    port, admin_port = free_ports(2)
    urls = {"plain": f"http://127.0.0.1:{port}/v1/chat/completions", "suite": f"{stack.settings.gateway_url}/v1/chat/completions"}
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "plain.yaml"
        config.write_text(yaml.safe_dump(plain_envoy(port, admin_port, upstream_port)))
        envoy = await asyncio.create_subprocess_exec(
            str(stack.settings.envoy), "-c", str(config), "--base-id", str(port), "--concurrency", "1", "-l", "error"
        )
        try:
            async with httpx.AsyncClient(timeout=30, transport=httpx.AsyncHTTPTransport(retries=50)) as client:
                for size, length in SIZES.items():
                    for kind, tail in KINDS.items():
                        body = question(model, length, tail)
                        ways = {name: partial(timed, client, url, body, headers) for name, url in urls.items()}
                        taken = await compare(ways, requests if length < MEBIBYTE else max(20, requests // 3))
                        table.add_row(*row(f"{size}, {kind}", taken["plain"], taken["suite"]))
        finally:
            envoy.terminate()
            await envoy.wait()
            server.close()


def question(model: str, length: int, tail: str) -> bytes:
    """A chat request of about that many bytes."""
    return f'{{"model":"{model}","messages":[{{"role":"user","content":"{"x" * (length - 120)}"}}],"max_tokens":32{tail}}}'.encode()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=300, help="requests of 1 KiB each way; a third of it for 1 MiB")
    options = parser.parse_args()
    table = Table("request", title="Latency through Envoy, one request at a time, in ms", title_justify="left")
    for percent in ("p50", "p99"):
        for column in ("plain", "suite", "added"):
            table.add_column(f"{percent} {column}", justify="right")
    with tempfile.TemporaryDirectory() as folder:
        settings = LocalSettings.on_free_ports(state=Path(folder) / "maas", config=ROOT / "config", envoy=ROOT / ".tools/envoy/bin/envoy")
        with Stack(settings) as stack:
            asyncio.run(measure(stack, options.requests, table))
    Console(width=120).print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
