"""LimitsService (maas.ratelimit.v1): counters and estimates as administrators see them."""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple, TypeAlias

import grpc
import structlog
from maas.ratelimit.v1 import limits_pb2 as pb
from maas.ratelimit.v1.limits_pb2_grpc import LimitsServiceServicer
from maas_common.auth.principal import Principal, current_principal
from maas_common.clock import Clock
from maas_common.errors import DomainError, FieldViolation, InvalidArgumentError
from maas_common.paging import after_token, page_token
from maas_common.plan import PlanError
from maas_common.windows import FOREVER

from maas_ratelimit.core.counting import Account, CounterFilter, CounterInfo, CounterState, shown
from maas_ratelimit.core.estimates import Estimates
from maas_ratelimit.core.plans import NONE, CounterName, Plan, PlannedLimit
from maas_ratelimit.ports import CounterAdmin, CounterStore

log = structlog.get_logger(__name__)

Context: TypeAlias = grpc.aio.ServicerContext[Any, Any]
_DEFAULT_TENANT = "default"
_PAGE_SIZE = 100
_LAST_SECOND = 2**32 - 1
"""Of the proto's field, in 2106: what was far overshot may be whole again only after it."""


class _Caller(NamedTuple):
    key: str
    user: str
    team: str
    tier: str
    model: str


class LimitsServicer(LimitsServiceServicer):
    """For administrators; the suite's services may Peek."""

    def __init__(self, store: CounterStore, admin: CounterAdmin, estimates: Estimates, clock: Clock) -> None:
        self._store = store
        self._admin = admin
        self._estimates = estimates
        self._clock = clock

    async def Peek(self, request: pb.PeekRequest, _context: Context) -> pb.PeekResponse:
        """Every limit of the plan as it stands."""
        try:
            plan = Plan.parse(request.plan)
        except PlanError as error:
            raise InvalidArgumentError.of("plan", str(error)) from error
        account = Account(plan, request.tenant or _DEFAULT_TENANT, plan.subjects(_caller(request)))
        now = self._clock.now()
        if self._store.waits:
            states = await asyncio.to_thread(self._store.read, account, now=now)
        else:
            states = self._store.read(account, now=now)
        return pb.PeekResponse(limits=[_pack_limit(limit, state) for limit, state in zip(plan.limits, states, strict=True)])

    async def ListCounters(self, request: pb.ListCountersRequest, _context: Context) -> pb.ListCountersResponse:
        """See the proto. In a thread: there may be a million of them."""
        after = after_token(request.page_token, (str,))
        counters, following = await asyncio.to_thread(
            self._admin.list_counters,
            _filter(request),
            page_size=request.page_size or _PAGE_SIZE,
            page_token=str(after[0]) if after else "",
            now=self._clock.now(),
        )
        return pb.ListCountersResponse(counters=map(_pack_counter, counters), next_page_token=page_token(following) if following else "")

    async def ResetCounters(self, request: pb.ResetCountersRequest, _context: Context) -> pb.ResetCountersResponse:
        """See the proto."""
        if not (request.limit_id or request.subject):
            wanted = "name a limit, a subject or both: everybody's counters are not reset at once"
            violations = [FieldViolation(field, wanted) for field in ("limit_id", "subject")]
            raise InvalidArgumentError(f"limit_id, subject: {wanted}", violations=violations)
        return pb.ResetCountersResponse(counters=await asyncio.to_thread(self._reset, request, current_principal()))

    def _reset(self, request: pb.ResetCountersRequest, principal: Principal) -> int:
        """In one thread with its audit: a caller who hangs up ends neither."""
        which = _filter(request)
        audit = log.bind(actor=principal.user, **which._asdict(), reason=request.reason)
        try:
            counters = self._admin.reset_counters(which, now=self._clock.now())
        except DomainError as error:
            audit.warning("counters not reset, or not all", error=error.message)
            raise
        audit.info("counters reset", counters=counters)
        return counters

    async def ListEstimates(self, request: pb.ListEstimatesRequest, _context: Context) -> pb.ListEstimatesResponse:
        """See the proto."""
        after = after_token(request.page_token, (str,))
        size = request.page_size or _PAGE_SIZE
        found = self._estimates.listed(str(after[0]) if after else "", size + 1)
        page = found[:size]
        return pb.ListEstimatesResponse(
            estimates=[
                pb.ModelEstimate(model=model, tokens_per_byte=each.tokens_per_byte, output_mean=each.output_mean, samples=each.samples)
                for model, each in page
            ],
            next_page_token=page_token(page[-1][0]) if len(found) > size else "",
        )


def _caller(request: pb.PeekRequest) -> _Caller:
    return _Caller(request.key or NONE, request.user, request.team or NONE, request.tier or NONE, request.model or NONE)


def _filter(request: pb.ListCountersRequest | pb.ResetCountersRequest) -> CounterFilter:
    """Always of one tenant."""
    return CounterFilter(request.tenant or _DEFAULT_TENANT, request.limit_id, request.subject)


def _pack_limit(planned: PlannedLimit, state: CounterState) -> pb.LimitState:
    limit = planned.limit
    return pb.LimitState(
        id=limit.id,
        metric=limit.metric,
        window=limit.window.text,
        amount=planned.amount,
        used=state.used,
        reserved=state.reserved,
        remaining=max(0, state.left),
        reset=_reset(state.reset),
        per=limit.per.text,
        over=limit.over.text,
    )


def _reset(second: int) -> int:
    """0 when waiting gives nothing back."""
    return 0 if second == FOREVER else min(second, _LAST_SECOND)


def _pack_counter(info: CounterInfo) -> pb.Counter:
    name = CounterName.parse(info.counter)
    return pb.Counter(
        limit_id=name.limit_id,
        metric=name.metric,
        window=name.window.text,
        per=name.per.text,
        subject=shown(info.subject),
        used=info.used,
        reserved=info.reserved,
        reset=_reset(info.reset),
        throttled=name.is_second,
    )
