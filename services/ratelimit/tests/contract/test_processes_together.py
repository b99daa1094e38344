"""Two ratelimit processes that count in one Redis give out exactly what there is, and settle what the other has admitted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack

import grpc
import pytest
from envoy.service.ratelimit.v3 import rls_pb2
from maas.ratelimit.v1.limits_pb2 import PeekRequest
from maas.ratelimit.v1.limits_pb2_grpc import LimitsServiceStub
from maas_common.testing import WORKLOAD
from maas_ratelimit.adapters.envoy_rls import METHOD

from services.ratelimit.tests.redis_servers import redis_server
from services.ratelimit.tests.test_process import running

CLIENTS, REQUESTS = 200, 2000
PLAN = ";".join(  # noqa: FLY002 - a limit to a line
    [
        "1",
        "tier/free/concurrency:concurrency:1000:-:user",
        "tier/free/requests:requests:1000:366d:user",
        "tier/free/slide:requests:5000:sliding 366d:user",
        "tier/free/tokens:total_tokens:10000000:366d:user",
    ]
)


async def each(ports: Sequence[int], call: Callable[[int], bytes], numbers: Sequence[int]) -> list[rls_pb2.RateLimitResponse]:
    """Sends all, by many clients at once, each of which talks to one of the processes."""
    async with AsyncExitStack() as stack:
        channels = [await stack.enter_async_context(grpc.aio.insecure_channel(f"127.0.0.1:{port}")) for port in ports]
        methods = [channel.unary_unary(METHOD) for channel in channels]

        async def client(series: int) -> list[bytes]:
            method = methods[series % len(methods)]
            return [await method(call(number), metadata=WORKLOAD) for number in numbers[series::CLIENTS]]

        answers = await asyncio.gather(*map(client, range(CLIENTS)))
    return [rls_pb2.RateLimitResponse.FromString(answer) for those in answers for answer in those]


async def peeked(port: int, user: str) -> list[tuple[int, int]]:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        answer = await LimitsServiceStub(channel).Peek(PeekRequest(plan=PLAN, user=user), metadata=WORKLOAD)
    return [(limit.used, limit.reserved) for limit in answer.limits]


@pytest.mark.parametrize("engine", ["native", "grpcio"])
def test_200_clients_of_two_processes_get_exactly_the_1000_requests_of_a_limit(files, wire, engine):
    def admit(number: int) -> bytes:
        return wire["packed"](wire["admit"](number, PLAN))

    def settle(number: int) -> bytes:
        return wire["packed"](wire["settle"](number, PLAN, input="3", output="4", total="7"))

    user = wire["admit"](0, PLAN)["user"]
    with redis_server() as redis:
        settings = {"engine": engine, "redis_url": redis.url, "redis_timeout_s": "10"}
        with running(files, **settings) as (_, _, one), running(files, **settings) as (_, _, other):
            ports = [one["port"], other["port"]]
            answers = asyncio.run(each(ports, admit, range(REQUESTS)))
            codes = [answer.overall_code for answer in answers]
            assert (codes.count(rls_pb2.RateLimitResponse.OK), codes.count(rls_pb2.RateLimitResponse.OVER_LIMIT)) == (1000, 1000)
            expected = [(0, 1000), (1000, 0), (1000, 0), (0, 200_000)]
            assert [asyncio.run(peeked(port, user)) for port in ports] == [expected, expected]

            admitted = [number for number, code in zip(order(REQUESTS), codes, strict=True) if code == rls_pb2.RateLimitResponse.OK]
            asyncio.run(each(ports[::-1], settle, admitted))
            asyncio.run(each(ports, settle, admitted))
            expected = [(0, 0), (1000, 0), (1000, 0), (7000, 0)]
            assert [asyncio.run(peeked(port, user)) for port in ports] == [expected, expected]


def order(many: int) -> list[int]:
    """In which `each` answers."""
    return [number for series in range(CLIENTS) for number in range(many)[series::CLIENTS]]
