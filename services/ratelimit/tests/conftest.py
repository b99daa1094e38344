"""The whole service, served in this process on either engine, and requests as Envoy sends them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

import grpc
import pytest
from envoy.service.ratelimit.v3 import rls_pb2
from hypothesis import HealthCheck, settings
from maas.ratelimit.v1.limits_pb2 import PeekRequest
from maas.ratelimit.v1.limits_pb2_grpc import LimitsServiceStub
from maas_common.server import serve
from maas_common.testing import WORKLOAD, WORKLOAD_SECRET, FakeClock, Issuer, issuer
from maas_ratelimit.adapters.envoy_rls import METHOD
from maas_ratelimit.app import build
from maas_ratelimit.settings import RatelimitSettings
from prometheus_client import CollectorRegistry

settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])  # no assertions on time
settings.load_profile("suite")

ANN = "https://issuer.example|ann"
NOW = 1_800_000_030.0


@pytest.fixture(scope="session")
def people() -> Iterator[Issuer]:
    with issuer() as running:
        yield running


@pytest.fixture
def files(tmp_path) -> dict[str, str]:
    """Settings of a service that keeps everything in this test's folder."""
    (tmp_path / "workload").write_text(WORKLOAD_SECRET)
    return {"state_dir": str(tmp_path / "state"), "workload_secret_file": str(tmp_path / "workload")}


class Answer:
    """A RateLimitResponse as a client of the gateway would feel it."""

    def __init__(self, packed: bytes) -> None:
        response = rls_pb2.RateLimitResponse.FromString(packed)
        self.is_ok = response.overall_code == rls_pb2.RateLimitResponse.OK
        self.headers = {header.key: header.value for header in response.response_headers_to_add}
        self.error = json.loads(response.raw_body)["error"] if response.raw_body else None
        self.codes = [status.code for status in response.statuses]
        self.limits = [
            (status.current_limit.name, status.current_limit.requests_per_unit, status.limit_remaining, status.duration_until_reset.seconds)
            for status in response.statuses
        ]
        """What Envoy is told of each descriptor's limit: its id, amount, what is left, and seconds until it is whole."""
        self.upstream = {header.key: header.value for header in response.request_headers_to_add}
        """Headers that the model's server gets."""
        self.metadata = dict(response.dynamic_metadata)
        """What the gateway is told."""


class World:
    """A running ratelimit service and who talks to it."""

    def __init__(self, channel, people, clock, registry) -> None:
        self.channel = channel
        self.call = channel.unary_unary(METHOD)
        self.limits = LimitsServiceStub(channel)
        self.people = people
        self.clock = clock
        self._registry = registry

    def metric(self, name: str, **labels: str) -> float | None:
        return self._registry.get_sample_value(f"maas_ratelimit_{name}", labels)

    async def send(self, *descriptors: dict[str, str], domain: str = "maas", metadata=WORKLOAD) -> Answer:
        return Answer(await self.call(packed(*descriptors, domain=domain), metadata=metadata))

    async def admit(self, number: int, plan: str, /, **entries: str) -> Answer:
        return await self.send(admit(number, plan, **entries))

    async def settle(self, number: int, plan: str, /, **entries: str) -> Answer:
        return await self.send(settle(number, plan, **entries))

    async def used(self, plan: str, user: str = ANN, **who: str) -> list[tuple[int, int]]:
        """Used and reserved of each limit, as Peek shows them."""
        peeked = await self.limits.Peek(PeekRequest(plan=plan, user=user, **who), metadata=WORKLOAD)
        return [(limit.used, limit.reserved) for limit in peeked.limits]


def rid(number: int) -> str:
    return f"{number:032x}"


def admit(number: int, plan: str, /, **entries: str) -> dict[str, str]:
    """What Envoy sends for a request of 400 bytes (100 tokens by a fresh estimate) that asks for at most 100 tokens of output."""
    who = {"tenant": "default", "key": "k", "user": ANN, "team": "-", "tier": "free", "group": "system:authenticated"}
    return (
        {"kind": "admit", "rid": rid(number), "plan": plan, "price": "-", "model": "small", "bytes": "400", "max_out": "100"}
        | who
        | entries
    )


def settle(number: int, plan: str, /, **entries: str) -> dict[str, str]:
    """What Envoy sends at the end of a stream of which it saw a whole answer without usage."""
    seen = {"input": "-", "output": "-", "total": "-", "cached": "-", "events": "0", "response_bytes": "0", "code": "200", "flags": "0"}
    return admit(number, plan) | {"kind": "settle"} | seen | entries


def packed(*descriptors: dict[str, str], domain: str = "maas") -> bytes:
    request = rls_pb2.RateLimitRequest(domain=domain)
    for entries in descriptors:
        descriptor = request.descriptors.add()
        for key, value in entries.items():
            descriptor.entries.add(key=key, value=value)
    return request.SerializeToString()


@pytest.fixture(params=["native", "grpcio"])
def run(request, people, files):
    """Runs a scenario against a service on each engine; settings may be given."""

    def run(scenario, **settings) -> None:
        async def main() -> None:
            clock, registry = FakeClock(NOW), CollectorRegistry()
            given = {"port": 0, "metrics_port": 0, "engine": request.param, "oidc_issuer": people.url} | files | settings
            service = build(RatelimitSettings(**given), clock, registry)
            async with serve(service) as running, grpc.aio.insecure_channel(f"127.0.0.1:{running.port}") as channel:
                await scenario(World(channel, people, clock, registry))

        asyncio.run(main())

    return run


@pytest.fixture
def wire():
    """Builders of requests, for tests that send them by other means."""
    return {"admit": admit, "settle": settle, "packed": packed, "user": ANN}
