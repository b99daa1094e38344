"""One suite for all end-to-end tests: real Envoy, real services, real model, in a folder and on ports of its own."""

from __future__ import annotations

import itertools
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from maas_local.settings import LocalSettings
from maas_local.stack import Stack

ROOT = Path(__file__).parents[2]
LEVELS = itertools.count(100)
GENEROUS = [{"metric": "requests", "amount": 1000, "window": "1h"}, {"metric": "total_tokens", "amount": 1_000_000, "window": "1h"}]


def pytest_collection_modifyitems(items):
    """Everything here needs Envoy and the model."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.envoy)
            item.add_marker(pytest.mark.model)


@pytest.fixture(scope="session")
def stack(tmp_path_factory) -> Iterator[Stack]:
    settings = LocalSettings.on_free_ports(
        state=tmp_path_factory.mktemp("maas"), config=ROOT / "config", envoy=ROOT / ".tools/envoy/bin/envoy"
    )
    with Stack(settings) as running:
        yield running


@dataclass
class Customer:
    """Somebody with a key, in a tier of their own."""

    tier: str
    group: str
    username: str
    key: str
    key_id: str
    user: str
    world: World

    @property
    def headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.key}"}

    def chat(self, model: str = "smollm2", **body: Any) -> httpx.Response:
        asked = {"model": model, "messages": [{"role": "user", "content": "Say hi."}], "max_tokens": 8, "temperature": 0} | body
        return self.world.gateway.post("/v1/chat/completions", json=asked, headers=self.headers)

    def explain(self, model: str = "smollm2") -> dict[str, Any]:
        return self.world.admin("POST", "/v1/explain", {"keyId": self.key_id, "model": model})

    def used(self) -> dict[str, int]:
        """What was counted, by metric (the first limit of each)."""
        return {s["metric"]: int(s["used"]) for s in reversed(self._states())}

    def settled(self) -> dict[str, int]:
        """What was counted once nothing is reserved any more: the settle follows the stream's end."""
        deadline = time.monotonic() + 20
        while any(int(s["reserved"]) for s in self._states()):
            assert time.monotonic() < deadline, "a reservation was never settled"
        return self.used()

    def _states(self) -> list[dict[str, Any]]:
        return self.world.admin("POST", "/v1/limits/peek", {"plan": self.explain()["plan"], "user": self.user})["limits"]


class World:
    """The running suite, as a platform team and its customers see it."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.gateway = httpx.Client(base_url=stack.settings.gateway_url, timeout=60)
        self.rest = httpx.Client(base_url=stack.settings.rest_url, timeout=30)
        self._token = stack.token("admin")

    def admin(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        answer = self.manage(method, path, body)
        assert answer.status_code < 300, answer.text
        return answer.json()

    def manage(self, method: str, path: str, body: Any = None, token: str | None = None) -> httpx.Response:
        return self.rest.request(method, path, json=body, headers={"authorization": f"Bearer {token or self._token}"})

    def customer(self, limits: list[dict[str, Any]] | None = None) -> Customer:
        name = f"e2e-{secrets.token_hex(4)}"
        self.admin("POST", "/v1/tiers", {"name": name, "level": next(LEVELS), "groups": [name], "limits": limits or GENEROUS})
        made = self.admin("POST", "/v1/api-keys", {"name": name, "username": name, "groups": [name, "system:authenticated"]})
        explained = self.admin("POST", "/v1/explain", {"keyId": made["id"], "model": "smollm2"})
        return Customer(name, name, name, made["key"], made["id"], explained["user"], self)


@pytest.fixture(scope="session")
def world(stack) -> World:
    return World(stack)


@pytest.fixture
def customer(world) -> Callable[..., Customer]:
    return world.customer


@dataclass
class Upstream:
    """A model server that keeps what it was sent and answers what it is told."""

    url: str
    requests: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    answer: Callable[[BaseHTTPRequestHandler, bytes], None] | None = None

    @staticmethod
    def send_json(handler: BaseHTTPRequestHandler, body: bytes, status: int = 200) -> None:
        handler.send_response(status)
        handler.send_header("content-type", "application/json")
        handler.send_header("content-length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    @property
    def last(self) -> tuple[str, dict[str, str], bytes]:
        return self.requests[-1]


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            running.requests.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
            if running.answer:
                running.answer(self, body)
            else:
                running.send_json(
                    self, b'{"object":"chat.completion","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}}'
                )

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    running = Upstream(f"http://127.0.0.1:{server.server_port}/v1")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield running
    server.shutdown()
    server.server_close()


@pytest.fixture
def model(world, upstream) -> Iterator[str]:
    """A model of its own for one test, published to all tiers, served by `upstream`."""
    name = f"recorded-{secrets.token_hex(4)}"
    world.admin("POST", "/v1/assets/models", {"id": name, "url": upstream.url, "upstreamName": "real-name", "publishedTo": "all"})
    yield name
    world.admin("DELETE", f"/v1/assets/models/{name}")
