"""The bytes that a real Envoy sends are those that the rate limiter reads quickly."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from concurrent import futures
from dataclasses import dataclass
from typing import Any

import grpc
import httpx
import pytest
from maas_ratelimit.adapters import envoy_rls
from maas_ratelimit.adapters.descriptor_wire import DescriptorReader
from maas_ratelimit.core.descriptors import Admit, Settle
from maas_ratelimit.core.plans import Plans

pytestmark = pytest.mark.envoy

PLAN = ";".join(["1", *(f"tier/free/limit-{number}:total_tokens:90000:1h:user" for number in range(40))])
"""Longer than what one byte can say."""
USAGE = b'{"choices":[],"usage":{"prompt_tokens":30,"completion_tokens":5,"total_tokens":35,"prompt_tokens_details":{"cached_tokens":10}}}'


@dataclass
class Listener:
    """A gateway, and the bytes that its rate limit filter sent."""

    gateway: Any
    payloads: queue.Queue[bytes]

    def heard(self) -> tuple[bytes, bytes]:
        """An admission and its settle."""
        return self.payloads.get(timeout=10), self.payloads.get(timeout=10)


@pytest.fixture(scope="module")
def listening(start) -> Iterator[Listener]:
    payloads: queue.Queue[bytes] = queue.Queue()

    def answer(payload: bytes, _context: Any) -> bytes:
        payloads.put(payload)
        return envoy_rls.pack_ok()

    _, service, method = envoy_rls.METHOD.split("/")
    server = grpc.server(futures.ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(service, {method: grpc.unary_unary_rpc_method_handler(answer)})])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield Listener(start(port), payloads)
    server.stop(0)


@pytest.fixture
def listener(listening: Listener) -> Listener:
    listening.gateway.model.reset()
    listening.gateway.services.reset()
    return listening


def read(monkeypatch, *payloads: bytes) -> list[Any]:
    """What they say, read by nobody who reads entry by entry."""
    reader = DescriptorReader(Plans())

    def is_slow(payload: bytes) -> None:
        pytest.fail(f"was read entry by entry: {payload!r}")

    monkeypatch.setattr(reader, "_read_every_entry", is_slow)
    return [reader.read(payload) for payload in payloads]


@pytest.mark.parametrize("plan", ["1", PLAN])
@pytest.mark.parametrize("max_out", ["-", "64"])
def test_a_whole_answer(listener, monkeypatch, plan, max_out):
    services = listener.gateway.services
    services.check = lambda *_: services.allow(plan=plan, bytes="13", max_out=max_out, price="1/2/3")
    listener.gateway.model.pieces = [USAGE]
    assert listener.gateway.post().status_code == 200
    cap = None if max_out == "-" else 64
    admit, settle = read(monkeypatch, *listener.heard())
    assert admit == Admit(services.rid, settle.caller, 13, cap)
    assert settle == Settle(services.rid, admit.caller, 13, cap, 30, 5, 35, 10, 0, len(USAGE), 200, 0)
    assert admit.caller.account.plan.text == plan


def test_a_stream_that_breaks_off(listener, monkeypatch):
    chunk = b'data: {"choices":[{"delta":{"content":"hi"}}]}\n\n'
    listener.gateway.model.stream(chunk, chunk, None)
    with pytest.raises(httpx.RemoteProtocolError):
        listener.gateway.post()
    admit, settle = read(monkeypatch, *listener.heard())
    assert isinstance(admit, Admit)
    assert (settle.input, settle.total, settle.events, settle.response_bytes, settle.code) == (None, None, 2, 2 * len(chunk), 200)
    assert settle.flags


def test_a_model_that_can_not_be_reached(listener, monkeypatch):
    services = listener.gateway.services
    services.check = lambda *_: services.allow({"x-maas-cluster": "asset.dead"})
    assert listener.gateway.post().status_code == 503
    admit, settle = read(monkeypatch, *listener.heard())
    assert (admit.rid, settle.rid, settle.code, settle.events) == (services.rid, services.rid, 503, 0)
    assert settle.caller is admit.caller
