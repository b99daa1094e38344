"""ratelimit spoken to by another implementation of everything: envoy-data-plane's messages (betterproto2) over grpclib's HTTP/2."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

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


@asynccontextmanager
async def asking(folder: Path, engine: str = "native") -> AsyncIterator[Callable[[RateLimitRequest], Awaitable[RateLimitResponse]]]:
    (folder / "workload").write_text(WORKLOAD_SECRET)
    settings = RatelimitSettings(port=0, metrics_port=0, engine=engine, workload_secret_file=folder / "workload", state_dir=folder)
    service = build(settings, FakeClock(1_800_000_030.0), CollectorRegistry())
    async with serve(service) as running, Channel("127.0.0.1", running.port) as channel:
        yield RateLimitServiceAsyncStub(channel, metadata=dict(WORKLOAD)).should_rate_limit


@pytest.mark.parametrize("engine", ["native", "grpcio"])
def test_admissions_refusals_and_settles_are_understood(engine, tmp_path):
    async def scenario() -> None:
        async with asking(tmp_path, engine) as answer:
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


def test_what_is_said_beyond_yes_and_no_is_understood(tmp_path):
    soft = "1;tier/free/requests-1m:requests:2:1m:user:soft 50"
    strict = "1 strict;tier/free/tokens-1m:total_tokens:1000:1m:user"

    async def scenario() -> None:
        async with asking(tmp_path) as answer:
            throttled = [await answer(request("admit", number, plan=soft)) for number in range(3)]
            told = [[(header.key, header.value) for header in response.request_headers_to_add] for response in throttled]
            assert told == [[], [], [("x-maas-throttled", "tier/free/requests-1m")]]
            assert [response.overall_code for response in throttled] == [RateLimitResponseCode.OK] * 3

            capped = await answer(request("admit", 4, plan=strict, user="https://issuer.example|bob"))
            assert capped.overall_code == RateLimitResponseCode.OK
            assert capped.dynamic_metadata.to_dict() == {"max_output": "600"}  # of 1000, less a token for each of 400 bytes

            too_large = await answer(request("admit", 5, plan=strict, bytes="1000"))
            assert too_large.overall_code == RateLimitResponseCode.OVER_LIMIT
            assert too_large.dynamic_metadata.to_dict() == {"status": "400"}
            assert json.loads(too_large.raw_body)["error"]["type"] == "invalid_request_error"
            assert headers(too_large) == {"content-type": "application/json"}

    asyncio.run(scenario())
