"""ShouldRateLimit (envoy.service.ratelimit.v3): admits requests that arrive, settles those that have ended."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import structlog
from maas_common.clock import Clock
from maas_common.errors import InvalidArgumentError
from maas_common.hot import HotMethod
from maas_common.plan import PlanError

from maas_ratelimit.adapters import envoy_rls
from maas_ratelimit.core.counting import Account, Admission, Claim, Settled, Settlement
from maas_ratelimit.core.descriptors import DOMAIN, Settle, read_admit, read_settle
from maas_ratelimit.core.estimates import Estimates, ModelEstimate
from maas_ratelimit.core.headers import HeaderWriter, refusing_longest
from maas_ratelimit.core.plans import Plan, Plans
from maas_ratelimit.core.usage import Usage, used
from maas_ratelimit.metrics import Metrics
from maas_ratelimit.ports import CounterStore, Eventually

log = structlog.get_logger(__name__)

_GO_ON = envoy_rls.pack_ok()
_HOLDS_NOTHING = {"refused", "undelivered"}


class ShouldRateLimit:
    """The hot method. What can't be read is refused, never let through: Envoy answers 503 then."""

    def __init__(  # noqa: PLR0913 - one for each part
        self,
        *,
        store: CounterStore,
        clock: Clock,
        plans: Plans,
        headers: HeaderWriter,
        metrics: Metrics,
        spawn: Callable[[Coroutine[Any, Any, object]], object],
    ) -> None:
        """`spawn` has a coroutine run on the event loop; any thread may call it."""
        self._store = store
        self._clock = clock
        self._plans = plans
        self._headers = headers
        self._metrics = metrics
        self._spawn = spawn
        self._estimates = Estimates()

    def method(self) -> HotMethod:
        """To be served by either engine."""
        return HotMethod(envoy_rls.METHOD, self.handle, self.undelivered)

    def handle(self, payload: bytes) -> Eventually[bytes]:
        """Answer one request. Only domain `maas` has limits; all others go on."""
        try:
            answer = self._answer(envoy_rls.unpack(payload))
        except InvalidArgumentError as error:
            self._report(error)
            raise
        return answer if isinstance(answer, bytes) else self._answer_later(answer)

    async def _answer_later(self, answer: Coroutine[Any, Any, bytes]) -> bytes:
        try:
            return await answer
        except InvalidArgumentError as error:
            self._report(error)
            raise

    def _report(self, error: InvalidArgumentError) -> None:
        self._metrics.invalid.inc()
        log.warning("rate limit request refused", error=error.message)

    def undelivered(self, payload: bytes) -> None:
        """Undo an admission that Envoy did not hear of: no request follows it, and no settle."""
        request = envoy_rls.unpack(payload)
        if request.domain != DOMAIN:
            return
        entries = envoy_rls.only_descriptor(request)
        if entries["kind"] != "admit":
            return
        self._metrics.undelivered.inc()
        undoing = self._store.settle(Settlement(entries["rid"], 0, None, is_undone=True), now=self._clock.now())
        if not isinstance(undoing, Settled):
            self._spawn(undoing)

    def _answer(self, request: envoy_rls.Request) -> Eventually[bytes]:
        if request.domain != DOMAIN:
            return envoy_rls.pack_ok(descriptors=len(request.descriptors))
        entries = envoy_rls.only_descriptor(request)
        kind = entries["kind"]
        if kind == "admit":
            return self._admit(entries)
        if kind == "settle":
            return self._settle(entries)
        raise InvalidArgumentError(f'descriptor entry "kind" is "{kind[:64]}"; want admit or settle')

    def _admit(self, entries: Mapping[str, str]) -> Eventually[bytes]:
        admit = read_admit(entries)
        try:
            plan = self._plans.get(admit.plan)
        except PlanError as error:
            raise InvalidArgumentError(f'descriptor entry "plan": {error}') from error
        tokens = self._estimates.of(admit.model).total(admit.bytes, admit.max_out)
        now = self._clock.now()
        admission = self._store.admit(Claim(admit.rid, Account(plan, admit.tenant, admit.user), tokens), now=now)
        if isinstance(admission, Admission):
            return self._admitted(admission, admit.rid, plan, now)
        return self._admit_later(admission, admit.rid, plan, now)

    async def _admit_later(self, admission: Coroutine[Any, Any, Admission], rid: str, plan: Plan, now: float) -> bytes:
        return self._admitted(await admission, rid, plan, now)

    def _admitted(self, admission: Admission, rid: str, plan: Plan, now: float) -> bytes:
        if admission.refusing:
            self._metrics.refused.inc()
            limit = plan.limits[refusing_longest(admission)]
            log.debug("request is over its limits", rid=rid, limit=limit.limit.id)
            return envoy_rls.pack_over_limit(self._headers.refused(plan, admission, now), limit.refusal)
        (self._metrics.repeated if admission.is_repeat else self._metrics.admitted).inc()
        return envoy_rls.pack_ok(self._headers.admitted(plan, admission, now))

    def _settle(self, entries: Mapping[str, str]) -> Eventually[bytes]:
        settle = read_settle(entries)
        estimate = self._estimates.of(settle.model)
        usage = used(settle, estimate)
        account = None if usage.verdict in _HOLDS_NOTHING else self._account(settle)
        settlement = Settlement(settle.rid, usage.tokens, account, is_undone=usage.verdict == "undelivered")
        settled = self._store.settle(settlement, now=self._clock.now())
        if isinstance(settled, Settled):
            return self._settled(settled, settle, usage, estimate)
        return self._settle_later(settled, settle, usage, estimate)

    async def _settle_later(self, settled: Coroutine[Any, Any, Settled], settle: Settle, usage: Usage, estimate: ModelEstimate) -> bytes:
        return self._settled(await settled, settle, usage, estimate)

    def _settled(self, settled: Settled, settle: Settle, usage: Usage, estimate: ModelEstimate) -> bytes:
        if settled is Settled.REPEATED:
            self._metrics.duplicate.inc()
            return _GO_ON
        if settled is Settled.UNKNOWN and usage.verdict not in _HOLDS_NOTHING:
            raise InvalidArgumentError(f"settle of request {settle.rid}: nothing is reserved, and its descriptor has no account to charge")
        (self._metrics.late if settled is Settled.LATE else self._metrics.settled[usage.verdict]).inc()
        if usage.tokens:
            self._metrics.tokens[usage.verdict].inc(usage.tokens)
        if usage.verdict == "measured":
            estimate.learn(settle.bytes, settle.input, settle.output)
        return _GO_ON

    def _account(self, settle: Settle) -> Account | None:
        """Needed when nothing is reserved; what can't be read of it is reported then, by the one who knows."""
        if not (settle.tenant and settle.user):
            return None
        try:
            return Account(self._plans.get(settle.plan), settle.tenant, settle.user)
        except PlanError:
            return None
