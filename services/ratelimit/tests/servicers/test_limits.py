"""Peek: what a plan has left for somebody."""

from __future__ import annotations

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from maas.ratelimit.v1.limits_pb2 import LimitState, PeekRequest
from maas_common.testing import WORKLOAD

PLAN = "1;tier/free/requests-1m:requests:10:1m:user;tier/free/tokens-1d:total_tokens:300:1d:user"
NEVER = 9_999_999_999


def request(**fields) -> PeekRequest:
    return PeekRequest(**({"plan": PLAN, "user": "https://issuer.example|ann"} | fields))


def test_it_shows_every_limit_of_the_plan_and_counts_nothing(run):
    async def scenario(world) -> None:
        await world.admit(1, PLAN)
        await world.settle(1, PLAN, total="250")
        await world.admit(2, PLAN, max_out="0", bytes="160")
        for _ in range(2):
            peeked = await world.limits.Peek(request(), metadata=WORKLOAD)
            requests = {"id": "tier/free/requests-1m", "metric": "requests", "window": "1m", "amount": 10, "used": 2, "remaining": 8}
            tokens = {"id": "tier/free/tokens-1d", "metric": "total_tokens", "window": "1d", "amount": 300, "used": 250, "reserved": 40}
            assert list(peeked.limits) == [
                LimitState(**requests, reset=1_800_000_060),
                LimitState(**tokens, remaining=10, reset=1_800_057_600),
            ]

    run(scenario)


def test_what_was_overdrawn_is_shown_with_nothing_left(run):
    async def scenario(world) -> None:
        await world.settle(1, PLAN, total="5000")
        tokens = (await world.limits.Peek(request(), metadata=WORKLOAD)).limits[1]
        assert (tokens.used, tokens.remaining) == (5000, 0)

    run(scenario)


def test_the_default_tenant_is_meant_when_none_is_named(run):
    async def scenario(world) -> None:
        await world.admit(1, PLAN)
        used = [(await world.limits.Peek(request(tenant=tenant), metadata=WORKLOAD)).limits[0].used for tenant in ("", "default", "acme")]
        assert used == [1, 1, 0]

    run(scenario)


def test_administrators_and_the_workload_may_and_nobody_else(run):
    async def scenario(world) -> None:
        # Time is the clock's here: tokens of the machine's today would have ended.
        await world.limits.Peek(request(), metadata=world.people.bearer("admin", groups=("maas-admins",), exp=NEVER))
        for metadata, code in ((world.people.bearer("ann", exp=NEVER), "PERMISSION_DENIED"), (None, "UNAUTHENTICATED")):
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await world.limits.Peek(request(), metadata=metadata)
            assert refused.value.code().name == code

    run(scenario)


def test_what_is_wrong_with_a_request_is_named(run):
    async def scenario(world) -> None:
        for field, value, said in (("plan", "7", 'version "7" is not known'), ("user", "", "user"), ("plan", "", "plan")):
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await world.limits.Peek(request(**{field: value}), metadata=WORKLOAD)
            assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
            assert said in refused.value.details()
            status = status_pb2.Status.FromString(dict(refused.value.trailing_metadata())["grpc-status-details-bin"])
            wrong = error_details_pb2.BadRequest()
            status.details[1].Unpack(wrong)
            assert [violation.field for violation in wrong.field_violations] == [field]

    run(scenario)
