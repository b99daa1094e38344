"""The gateway and the real rate limiter: however a request ends, counters, usage events and what went over the wire agree to the token."""

from __future__ import annotations

import asyncio
import json
import math
import secrets
import socket
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from maas.ratelimit.v1 import limits_pb2, limits_pb2_grpc
from maas_common.server import serve
from maas_common.testing import FakeClock
from maas_ratelimit.app import build
from maas_ratelimit.core.events import Usage, read_line
from maas_ratelimit.settings import RatelimitSettings
from prometheus_client import CollectorRegistry

pytestmark = pytest.mark.envoy

LIMITS = "cost:cost:9000000:1h:user;input:input_tokens:90000:1h:user;now:concurrency:9:-:user;output:output_tokens:90000:1h:user"
PLAN = f"1;{LIMITS};requests:requests:100:1h:user;total:total_tokens:90000:1h:user"
PRICE = "1000000/2000000/500000"
USAGE = {"prompt_tokens": 30, "completion_tokens": 5, "total_tokens": 35, "prompt_tokens_details": {"cached_tokens": 10}}
MEASURED = {"requests": 1, "input": 30, "output": 5, "total": 35, "cost": 20 + 5 + 10, "now": 0}
NOTHING = {"requests": 1, "input": 0, "output": 0, "total": 0, "cost": 0, "now": 0}
UNTOUCHED = NOTHING | {"requests": 0}
CHUNK = b'data: {"choices":[{"delta":{"content":"hi"}}]}\n\n'
REPORT = b'data: {"choices":[],"usage":' + json.dumps(USAGE).encode() + b"}\n\n"


class HeldClock(FakeClock):
    """Stands still; while it is held, the thread that answers Envoy waits for the time."""

    def __init__(self) -> None:
        super().__init__()
        self.goes_on = threading.Event()
        self.goes_on.set()
        self.is_asked = threading.Event()

    def hold(self) -> None:
        self.is_asked.clear()
        self.goes_on.clear()

    def now(self) -> float:
        if threading.current_thread().name == "hot-path":
            self.is_asked.set()
            self.goes_on.wait()
        return super().now()


@dataclass
class Customer:
    """Somebody with counters of their own, who is the only one to call."""

    limiter: Limiter
    plan: str
    name: str = field(default_factory=lambda: f"iss|{secrets.token_hex(8)}")
    rids: list[str] = field(default_factory=list)

    def decide(self, request: Any, _context: Any) -> Any:
        """What authz says of a request."""
        read = request.attributes.metadata_context.filter_metadata["maas.request"]
        facts = {name: read[name] for name in read}
        cap = facts.get("max_completion_tokens") or facts.get("max_tokens")
        max_out = str(int(cap) * int(facts.get("n", "1"))) if cap else "-"
        rid = secrets.token_hex(16)
        self.rids.append(rid)
        told = {"user": self.name, "model": self.name, "plan": self.plan, "price": PRICE, "bytes": facts["bytes"], "max_out": max_out}
        headers = {"x-maas-cluster": f"asset.{facts.get('model', 'm')}"}
        return self.limiter.gateway.services.allow(headers, rid=rid, **told)

    def ask(self, **fields: Any) -> httpx.Response:
        return self.limiter.gateway.data.post("/v1/chat/completions", json={"model": "m"} | fields)

    def counters(self) -> dict[str, tuple[int, int]]:
        """Of each limit what is used, and what is reserved."""
        asked = limits_pb2.PeekRequest(plan=self.plan, user=self.name)
        told = self.limiter.limits.Peek(asked, metadata=[("x-maas-workload", self.limiter.gateway.secret)])
        return {limit.id: (limit.used, limit.reserved) for limit in told.limits}

    def settled(self) -> dict[str, int]:
        """What is used once nothing is reserved any more."""
        while True:  # until this test's time is over
            now = self.counters()
            if not any(reserved for _, reserved in now.values()):
                return {name: used for name, (used, _) in now.items()}

    def event(self) -> Usage:
        """The one usage event of the last request."""
        while not (events := [usage for usage in self.limiter.events() if usage.rid == self.rids[-1]]):
            pass  # as above
        assert len(events) == 1
        return events[0]


@dataclass
class Limiter:
    """A running rate limiter and the gateway that asks it."""

    gateway: Any
    clock: HeldClock
    registry: CollectorRegistry
    journal: Path
    limits: limits_pb2_grpc.LimitsServiceStub

    def customer(self, plan: str = PLAN) -> Customer:
        customer = Customer(self, plan)
        self.gateway.services.check = customer.decide
        return customer

    def events(self) -> list[Usage]:
        connection = sqlite3.connect(self.journal)
        try:
            rows = connection.execute("SELECT lines FROM events ORDER BY last").fetchall()
            lines = [read_line(line) for (together,) in rows for line in together.split("\x1e")]
        finally:
            connection.close()
        return [line for line in lines if isinstance(line, Usage)]

    def count(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(f"maas_ratelimit_{name}_total", labels) or 0.0

    def stat(self, name: str) -> int:
        """One of Envoy's own."""
        text = self.gateway.admin.get("/stats", params={"filter": f"^{name}$"}).text
        return int(text.rpartition(":")[2] or 0)


@pytest.fixture(scope="module")
def serving(start, tmp_path_factory) -> Iterator[Limiter]:
    """The service on a loop and thread of its own."""
    folder = tmp_path_factory.mktemp("ratelimit")
    clock, registry, ports, stop = HeldClock(), CollectorRegistry(), [], asyncio.Event()
    loop, is_up = asyncio.new_event_loop(), threading.Event()
    (folder / "workload").write_text("%REQ(x)%-no-format-here")
    settings = RatelimitSettings(port=0, metrics_port=0, workload_secret_file=folder / "workload", state_dir=folder, shutdown_grace_s=1.0)

    async def run() -> None:
        service = build(settings, clock, registry)
        async with serve(service) as running:
            work = [asyncio.ensure_future(task()) for task in service.background]
            ports.append(running.port)
            is_up.set()
            await stop.wait()
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)

    thread = threading.Thread(target=loop.run_until_complete, args=[run()])
    thread.start()
    assert is_up.wait(30)
    with grpc.insecure_channel(f"127.0.0.1:{ports[0]}") as channel:
        limits = limits_pb2_grpc.LimitsServiceStub(channel)
        yield Limiter(start(ports[0]), clock, registry, folder / "journal.sqlite", limits)
    loop.call_soon_threadsafe(stop.set)
    thread.join(30)


@pytest.fixture
def limiter(serving: Limiter) -> Iterator[Limiter]:
    serving.gateway.model.reset()
    serving.gateway.services.reset()
    yield serving
    serving.clock.goes_on.set()


def estimated(body: bytes, outputs: int) -> dict[str, int]:
    """What is charged when nothing was reported: a quarter of a token for each byte of a model that is new, and what was streamed."""
    inputs = math.ceil(len(body) / 4)
    return {"requests": 1, "input": inputs, "output": outputs, "total": inputs + outputs, "cost": inputs + 2 * outputs, "now": 0}


def test_a_whole_answer_is_charged_what_the_model_reported(limiter):
    ann = limiter.customer()
    limiter.gateway.model.pieces = [json.dumps({"choices": [], "usage": USAGE}).encode()]
    assert ann.ask().status_code == 200
    assert ann.settled() == MEASURED
    event = ann.event()
    assert (event.outcome, event.input, event.output, event.cached, event.total, event.cost) == ("measured", 30, 5, 10, 35, 35)
    assert (event.user, event.model, event.price, event.code, event.admitted_ms) == (ann.name, ann.name, PRICE, 200, 1_800_000_000_000)


def test_a_stream_holds_its_estimate_until_it_ends_and_is_then_charged_what_the_model_reported(limiter):
    ann, goes_on = limiter.customer(), threading.Event()
    limiter.gateway.model.stream(CHUNK, goes_on, CHUNK, REPORT[:30], REPORT[30:])
    with limiter.gateway.data.stream("POST", "/v1/chat/completions", json={"model": "m", "max_tokens": 64}) as answer:
        pieces = answer.iter_raw()
        next(pieces)
        held = ann.counters()
        inputs = math.ceil(int(answer.request.headers["content-length"]) / 4)
        assert (held["requests"], held["now"], held["output"], held["total"]) == ((1, 0), (0, 1), (0, 64), (0, inputs + 64))
        goes_on.set()
        list(pieces)
    assert ann.settled() == MEASURED
    assert (ann.event().outcome, ann.event().total) == ("measured", 35)


def test_a_stream_that_its_client_leaves_is_charged_what_was_streamed(limiter):
    ann, left = limiter.customer(), threading.Event()
    limiter.gateway.model.stream(CHUNK, CHUNK, CHUNK, left, CHUNK, REPORT)
    with limiter.gateway.data.stream("POST", "/v1/chat/completions", json={"model": "m"}) as answer:
        received = b""
        for piece in answer.iter_raw():
            received += piece
            if received == 3 * CHUNK:
                break
    assert ann.settled() == estimated(answer.request.content, 3)
    left.set()
    assert (ann.event().outcome, ann.event().output, ann.event().code) == ("estimated", 3, 200)


def test_a_stream_that_breaks_off_is_charged_what_was_streamed(limiter):
    ann = limiter.customer()
    limiter.gateway.model.stream(CHUNK, CHUNK, None)
    with pytest.raises(httpx.RemoteProtocolError):
        ann.ask()
    assert ann.settled() == estimated(b'{"model":"m"}', 2)
    assert (ann.event().outcome, ann.event().output) == ("estimated", 2)


@pytest.mark.parametrize(("status", "asset"), [(500, "m"), (503, "m"), (429, "m"), (503, "dead")])
def test_an_upstream_that_fails_costs_the_request_and_no_tokens(limiter, status, asset):
    ann = limiter.customer()
    limiter.gateway.model.status = status
    assert ann.ask(model=asset).status_code == status
    assert ann.settled() == NOTHING
    assert (ann.event().outcome, ann.event().total, ann.event().cost, ann.event().code) == ("estimated", 0, 0, status)


def test_a_refused_request_takes_nothing_and_leaves_no_event(limiter):
    ann = limiter.customer("1;now:concurrency:9:-:user;requests:requests:1:1h:user;total:total_tokens:90000:1h:user")
    limiter.gateway.model.pieces = [json.dumps({"usage": USAGE}).encode()]
    assert ann.ask().status_code == 200
    settled = ann.settled()
    refused = ann.ask()
    assert (refused.status_code, refused.json()["error"]["type"]) == (429, "rate_limit_error")
    assert refused.headers["retry-after"] == "3600"
    assert ann.counters() == {name: (used, 0) for name, used in settled.items()}
    bob = limiter.customer()
    bob.ask()
    bob.event()  # its settle came after that of the refused one
    assert [event.user for event in limiter.events()].count(ann.name) == 1
    assert ann.settled() == settled


def test_a_client_that_is_gone_before_it_is_admitted_is_charged_nothing(limiter):
    ann = limiter.customer()
    undone, gone = limiter.count("admits", outcome="undelivered"), limiter.stat("cluster.ratelimit.workload.http2.tx_reset")
    limiter.clock.hold()
    url = limiter.gateway.data.base_url
    body = b'{"model":"m"}'
    with socket.create_connection((url.host, url.port)) as client:
        head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        client.sendall(head.encode() + body)
        limiter.gateway.services.checks.get(timeout=30)
        assert limiter.clock.is_asked.wait(30)
    while limiter.stat("cluster.ratelimit.workload.http2.tx_reset") == gone:
        pass
    limiter.clock.goes_on.set()
    while limiter.count("admits", outcome="undelivered") == undone:
        pass
    assert ann.settled() == UNTOUCHED
    assert limiter.gateway.model.calls.empty()
    bob = limiter.customer()
    assert bob.ask().status_code == 200
    bob.event()
    assert ann.name not in {event.user for event in limiter.events()}


def test_a_soft_limit_lets_the_request_go_on_and_tells_the_model(limiter):
    ann = limiter.customer("1;tier/a/r:requests:2:1h:user:soft 50")
    statuses = [ann.ask().status_code for _ in range(4)]
    assert statuses == [200, 200, 200, 429]
    told = [limiter.gateway.model.call().headers.get("x-maas-throttled") for _ in range(3)]
    assert told == [None, None, "tier/a/r"]


STRICT = "1 strict;total:total_tokens:2000:1h:user"


def most_that_it_writes(body: dict[str, Any]) -> int:
    """What a server may make of the caps in a body: each goes by one of them, and none by one that is 0 or less."""
    caps = [body[name] for name in ("max_tokens", "max_completion_tokens", "n_predict") if body.get(name) is not None]
    endless = 100_000
    return max(cap if cap > 0 else endless for cap in caps or [0]) * max(body.get("n", 1), body.get("n_cmpl", 1))


ASKS = [
    {},
    {"max_tokens": 90},
    {"max_tokens": 5000},
    {"max_tokens": 0},
    {"n": 3},
    {"max_completion_tokens": 7, "n_predict": -1, "max_tokens": 60},
    {"max_tokens": 20, "n_predict": 9000},
    {"max_tokens": 20, "max_completion_tokens": 0},
    {"max_tokens": 20, "n_cmpl": 4},
]


@pytest.mark.parametrize("fields", ASKS)
def test_in_strict_mode_every_cap_in_a_body_is_within_what_was_reserved(limiter, fields):
    ann = limiter.customer(STRICT)
    answer = ann.ask(**fields)
    assert answer.status_code == 200
    written = most_that_it_writes(json.loads(limiter.gateway.model.call().body))
    assert 0 < written <= 2000 - len(answer.request.content)


def test_strict_limits_are_never_overshot(limiter):
    amount = 20_000
    ann, used = limiter.customer(STRICT.replace("2000", str(amount))), []

    def answering(body):
        """Writes as much as it may, and reads as many tokens as there can be."""
        asked = json.loads(body)
        inputs, outputs = len(json.dumps(asked["messages"])), most_that_it_writes(asked)
        used.append(inputs + outputs)
        usage = {"prompt_tokens": inputs, "completion_tokens": outputs, "total_tokens": inputs + outputs}
        return [json.dumps({"choices": [], "usage": usage}).encode()]

    limiter.gateway.model.pieces = answering
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda fields: ann.ask(messages=["x" * 50], **fields).status_code, ASKS * 8))
    assert set(statuses) == {200, 429}
    assert ann.settled() == {"total": sum(used)}
    assert len(used) == statuses.count(200)
    assert sum(used) <= amount


def test_more_choices_than_there_are_tokens_left_are_refused_and_charged_nothing(limiter):
    ann = limiter.customer("1 strict;requests:requests:9:1h:user;total:total_tokens:40:1h:user")
    refused = ann.ask(n=30)
    assert (refused.status_code, refused.json()["error"]["type"]) == (429, "quota_error")
    assert ann.settled() == {"requests": 1, "total": 0}
    assert limiter.gateway.model.calls.empty()


def test_a_request_that_can_never_fit_is_no_429_and_is_not_counted(limiter):
    ann = limiter.customer("1 strict;requests:requests:9:1h:user;total:total_tokens:40:1h:user")
    refused = ann.ask(messages=["x" * 100])
    assert (refused.status_code, refused.json()["error"]["type"]) == (400, "invalid_request_error")
    assert "retry-after" not in refused.headers
    bob = limiter.customer()
    bob.ask()
    bob.event()
    assert ann.settled() == {"requests": 0, "total": 0}
    assert ann.name not in {event.user for event in limiter.events()}
