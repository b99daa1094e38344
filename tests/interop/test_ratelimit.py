"""ratelimit spoken to by another implementation of everything: envoy-data-plane's messages (betterproto2) over grpclib's HTTP/2."""

from __future__ import annotations

import asyncio
import json

import pytest
from envoy_data_plane.envoy.extensions.common.ratelimit.v3 import RateLimitDescriptor, RateLimitDescriptorEntry
from envoy_data_plane.envoy.service.ratelimit.v3 import (
    RateLimitRequest,
    RateLimitResponse,
    RateLimitResponseCode,
    RateLimitServiceAsyncStub,
)
from grpclib.client import Channel
from maas_common.server import serve
from maas_common.testing import WORKLOAD, WORKLOAD_SECRET, FakeClock
from maas_ratelimit.app import build
from maas_ratelimit.settings import RatelimitSettings
from prometheus_client import CollectorRegistry

PLAN = "1;tier/free/requests-1m:requests:2:1m:user;tier/free/tokens-1m:total_tokens:1000:1m:user"


def request(kind: str, number: int, domain: str = "maas", **entries: str) -> RateLimitRequest:
    who = {"kind": kind, "rid": f"{number:032x}", "tenant": "default", "user": "https://issuer.example|ann", "model": "small", "plan": PLAN}
    told = who | {"bytes": "400", "max_out": "-"} | entries
    descriptor = RateLimitDescriptor(entries=[RateLimitDescriptorEntry(key=key, value=value) for key, value in told.items()])
    return RateLimitRequest(domain=domain, descriptors=[descriptor], hits_addend=1)


def headers(response: RateLimitResponse) -> dict[str, str]:
    return {header.key: header.value for header in response.response_headers_to_add}


@pytest.mark.parametrize("engine", ["native", "grpcio"])
def test_admissions_refusals_and_settles_are_understood(engine, tmp_path):
    (tmp_path / "workload").write_text(WORKLOAD_SECRET)
    settings = RatelimitSettings(port=0, metrics_port=0, engine=engine, workload_secret_file=tmp_path / "workload")

    async def scenario() -> None:
        service = build(settings, FakeClock(1_800_000_030.0), CollectorRegistry())
        async with serve(service) as running, Channel("127.0.0.1", running.port) as channel:
            answer = RateLimitServiceAsyncStub(channel, metadata=dict(WORKLOAD)).should_rate_limit

            first = await answer(request("admit", 1))
            assert (first.overall_code, [status.code for status in first.statuses]) == (
                RateLimitResponseCode.OK,
                [RateLimitResponseCode.OK],
            )
            assert headers(first)["x-ratelimit-remaining"] == "1"
            assert headers(first)["x-ratelimit-remaining-tokens"] == "644"  # of 1000, less 100 for input and 256 for output

            settled = await answer(request("settle", 1, model="other", input="30", output="20", total="50", code="200", flags="0"))
            assert (settled.overall_code, settled.response_headers_to_add) == (RateLimitResponseCode.OK, [])

            second = await answer(request("admit", 2))
            assert headers(second)["x-ratelimit-remaining-tokens"] == "594"  # 50 used, 356 reserved

            third = await answer(request("admit", 3))
            assert (third.overall_code, third.statuses[0].code) == (RateLimitResponseCode.OVER_LIMIT, RateLimitResponseCode.OVER_LIMIT)
            assert headers(third)["retry-after"] == "30"
            assert json.loads(third.raw_body)["error"]["type"] == "rate_limit_error"

            other = await answer(request("admit", 4, domain="edge"))
            assert other.overall_code == RateLimitResponseCode.OK

    asyncio.run(scenario())
