"""The ratelimit service, asked over gRPC how much is left."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import grpc
import structlog
from maas.ratelimit.v1 import limits_pb2, limits_pb2_grpc
from maas_common.auth.interceptor import WORKLOAD_HEADER
from maas_common.errors import UnavailableError
from maas_common.limits import Limit
from maas_common.plan import format_plan

from maas_authz.core.keys import NONE
from maas_authz.core.quota import Quota

log = structlog.get_logger(__name__)

_AT_ONCE = 16
"""Limits in one question: what a plan may be long there."""
_OUT_OF_REACH = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED}


class GrpcCounters:
    """Counters over a channel, with the workload credential and a deadline."""

    def __init__(self, channel: grpc.aio.Channel, *, workload_secret: str, timeout_s: float) -> None:
        """Ask over that channel, at most `timeout_s` per question."""
        self._stub = limits_pb2_grpc.LimitsServiceStub(channel)
        self._metadata = ((WORKLOAD_HEADER, workload_secret),)
        self._timeout_s = timeout_s

    async def peek(self, quota: Quota) -> Sequence[limits_pb2.LimitState]:
        """How the quota's limits stand; UnavailableError when ratelimit does not say so within the deadline."""
        parts = [quota.limits[start : start + _AT_ONCE] for start in range(0, len(quota.limits), _AT_ONCE)]
        answers = await asyncio.gather(*(self._peek(quota, part) for part in parts))
        return [state for answer in answers for state in answer.limits]

    async def _peek(self, quota: Quota, limits: tuple[Limit, ...]) -> limits_pb2.PeekResponse:
        caller = quota.caller
        request = limits_pb2.PeekRequest(
            plan=format_plan(limits),
            user=caller.user,
            tenant=caller.tenant,
            key=_told(caller.key_id),
            team=_told(caller.team),
            tier=quota.tier.name,
            model=quota.model,
        )
        try:
            return await self._stub.Peek(request, timeout=self._timeout_s, metadata=self._metadata)
        except grpc.aio.AioRpcError as error:
            if error.code() not in _OUT_OF_REACH:
                raise
            log.warning("limits not read", code=error.code().name, error=error.details())
            raise UnavailableError(
                "How much is left can't be read: the ratelimit service, or where it counts, can't be reached. Try again shortly."
            ) from None


def _told(name: str) -> str:
    return "" if name == NONE else name
