"""LimitsService (maas.ratelimit.v1): what a plan has left for somebody."""

from __future__ import annotations

from typing import TypeAlias

import grpc
from maas.ratelimit.v1 import limits_pb2, limits_pb2_grpc
from maas_common.auth.principal import current_principal
from maas_common.clock import Clock
from maas_common.errors import InvalidArgumentError, PermissionDeniedError
from maas_common.plan import PlanError

from maas_ratelimit.core.counting import Account, CounterState
from maas_ratelimit.core.plans import Plan, PlannedLimit
from maas_ratelimit.ports import CounterStore

Context: TypeAlias = grpc.aio.ServicerContext[limits_pb2.PeekRequest, limits_pb2.PeekResponse]
_DEFAULT_TENANT = "default"


class LimitsServicer(limits_pb2_grpc.LimitsServiceServicer):
    """For administrators and the suite's services."""

    def __init__(self, store: CounterStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def Peek(self, request: limits_pb2.PeekRequest, _context: Context) -> limits_pb2.PeekResponse:
        """Every limit of the plan as it stands."""
        principal = current_principal()
        if not (principal.is_admin or principal.is_workload):
            raise PermissionDeniedError(f"{principal.username} is not an administrator")
        try:
            plan = Plan.parse(request.plan)
        except PlanError as error:
            raise InvalidArgumentError.of("plan", str(error)) from error
        read = self._store.read(Account(plan, request.tenant or _DEFAULT_TENANT, request.user), now=self._clock.now())
        states = read if isinstance(read, tuple) else await read
        return limits_pb2.PeekResponse(limits=[_pack(limit, state) for limit, state in zip(plan.limits, states, strict=True)])


def _pack(planned: PlannedLimit, state: CounterState) -> limits_pb2.LimitState:
    return limits_pb2.LimitState(
        id=planned.limit.id,
        metric=planned.limit.metric,
        window=planned.limit.window.text,
        amount=planned.amount,
        used=state.used,
        reserved=state.reserved,
        remaining=max(0, planned.amount - state.used - state.reserved),
        reset=state.end,
    )
