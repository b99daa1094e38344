"""ShouldRateLimit (envoy.service.ratelimit.v3): admits requests that arrive, settles those that have ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import structlog
from maas_common.clock import Clock
from maas_common.errors import InvalidArgumentError
from maas_common.hot import BatchMethod
from maas_common.plan import PlanError

from maas_ratelimit.adapters import envoy_rls
from maas_ratelimit.core.claims import TooLarge, claim, output_cap
from maas_ratelimit.core.counting import Account, Admission, Operation, Outcome, Settled, Settlement
from maas_ratelimit.core.descriptors import DOMAIN, Admit, Settle, read_admit, read_settle
from maas_ratelimit.core.estimates import Estimates
from maas_ratelimit.core.headers import HeaderWriter, refusing_longest
from maas_ratelimit.core.plans import Plan, Plans
from maas_ratelimit.core.refusals import too_large_body
from maas_ratelimit.core.usage import HOLDS_NOTHING, Usage, settlement, used
from maas_ratelimit.metrics import Metrics
from maas_ratelimit.ports import CounterStore

log = structlog.get_logger(__name__)

_GO_ON = envoy_rls.pack_ok()
Finish: TypeAlias = Callable[[Outcome], bytes]
"""Makes the answer of what the store said."""


class ShouldRateLimit:
    """The hot method. What can't be read is refused, never let through: Envoy answers 503 then."""

    def __init__(  # noqa: PLR0913 - one for each part
        self,
        *,
        store: CounterStore,
        clock: Clock,
        plans: Plans,
        estimates: Estimates,
        headers: HeaderWriter,
        metrics: Metrics,
        strict_output: int,
    ) -> None:
        """`strict_output`: see core.claims."""
        self._store = store
        self._clock = clock
        self._plans = plans
        self._estimates = estimates
        self._headers = headers
        self._metrics = metrics
        self._strict_output = strict_output

    def method(self) -> BatchMethod:
        """To be served by either engine."""
        return BatchMethod(envoy_rls.METHOD, self.handle, self.undelivered, waits=self._store.waits)

    def handle(self, payloads: Sequence[bytes]) -> list[bytes | Exception]:
        """Answer the requests that are in hand together. Only domain `maas` has limits; all others go on."""
        answers: list[bytes | Exception] = [_GO_ON] * len(payloads)
        operations: list[Operation] = []
        unfinished: list[tuple[int, Finish]] = []
        for place, payload in enumerate(payloads):
            try:
                begun = self._begin(envoy_rls.unpack(payload))
            except InvalidArgumentError as error:
                answers[place] = self._reported(error)
                continue
            if isinstance(begun, bytes):
                answers[place] = begun
            else:
                operations.append(begun[0])
                unfinished.append((place, begun[1]))
        if operations:
            outcomes = self._store.run(operations, now=self._clock.now())
            for (place, finish), outcome in zip(unfinished, outcomes, strict=True):
                try:
                    answers[place] = finish(outcome)
                except InvalidArgumentError as error:
                    answers[place] = self._reported(error)
                except Exception as error:  # noqa: BLE001 - one call's trouble is not that of those it came with
                    answers[place] = error
        return answers

    def undelivered(self, payload: bytes) -> None:
        """Undo an admission that Envoy did not hear of: no request follows it, and no settle."""
        request = envoy_rls.unpack(payload)
        if request.domain != DOMAIN:
            return
        entries = envoy_rls.only_descriptor(request)
        if entries["kind"] == "admit":
            self._metrics.undelivered += 1
            undo = Settlement(entries["rid"], self._account(read_settle(entries)), (), "", is_undone=True, may_charge=False)
            self._store.run([undo], now=self._clock.now())

    def _reported(self, error: InvalidArgumentError) -> InvalidArgumentError:
        self._metrics.invalid += 1
        log.warning("rate limit request refused", error=error.message)
        return error

    def _begin(self, request: envoy_rls.Request) -> bytes | tuple[Operation, Finish]:
        if request.domain != DOMAIN:
            return envoy_rls.pack_ok(descriptors=len(request.descriptors))
        entries = envoy_rls.only_descriptor(request)
        kind = entries["kind"]
        if kind == "admit":
            return self._begin_admit(entries)
        if kind == "settle":
            return self._begin_settle(entries)
        raise InvalidArgumentError(f'descriptor entry "kind" is "{kind[:64]}"; want admit or settle')

    def _begin_admit(self, entries: Mapping[str, str]) -> bytes | tuple[Operation, Finish]:
        admit = read_admit(entries)
        try:
            plan = self._plans.get(admit.plan)
        except PlanError as error:
            raise InvalidArgumentError(f'descriptor entry "plan": {error}') from error
        claimed = claim(admit, plan, self._estimates.of(admit.model), self._strict_output)
        if isinstance(claimed, TooLarge):
            self._metrics.too_large += 1
            return envoy_rls.pack_too_large(too_large_body(claimed.limit.limit, claimed.least))
        return claimed, lambda outcome: self._admitted(outcome, admit, plan)

    def _admitted(self, outcome: Outcome, admit: Admit, plan: Plan) -> bytes:
        if not isinstance(outcome, Admission):
            raise _unexpected(outcome)
        if outcome.exceeded:
            self._metrics.count_exceeded([plan.limits[place].limit.id for place in outcome.exceeded])
        if outcome.refusing:
            self._metrics.refused += 1
            limit = plan.limits[refusing_longest(outcome)]
            log.debug("request is over its limits", rid=admit.rid, limit=limit.limit.id)
            return envoy_rls.pack_over_limit(self._headers.refused(plan, outcome), limit.refusal)
        if not outcome.is_counted:
            self._metrics.uncounted += 1
            return _GO_ON
        if outcome.is_repeat:
            self._metrics.repeated += 1
        else:
            self._metrics.admitted += 1
        answer = envoy_rls.pack_ok(self._headers.admitted(plan, outcome))
        if outcome.throttled:
            self._metrics.throttled += 1
            answer += envoy_rls.pack_throttled(plan.limits[outcome.throttled[0]].limit.id)
        if plan.is_strict and (cap := output_cap(admit, plan, outcome)) is not None:
            answer += envoy_rls.pack_output_cap(cap)
        return answer

    def _begin_settle(self, entries: Mapping[str, str]) -> tuple[Operation, Finish]:
        settle = read_settle(entries)
        usage = used(settle, self._estimates.of(settle.model))
        operation = settlement(settle, usage, self._account(settle))
        return operation, lambda outcome: self._settled(outcome, settle, usage, is_charged=operation.account is not None)

    def _settled(self, outcome: Outcome, settle: Settle, usage: Usage, *, is_charged: bool) -> bytes:
        if not isinstance(outcome, Settled):
            raise _unexpected(outcome)
        if outcome is Settled.REPEATED:
            self._metrics.duplicate += 1
            return _GO_ON
        if usage.verdict not in HOLDS_NOTHING and (outcome is Settled.UNKNOWN or not is_charged):
            raise InvalidArgumentError(f"settle of request {settle.rid}: its descriptor has no account to charge")
        self._metrics.count_settled(usage, is_late=outcome is Settled.LATE)
        if usage.verdict == "measured":
            self._estimates.of(settle.model).learn(settle.bytes, settle.input, settle.output)
        return _GO_ON

    def _account(self, descriptor: Settle) -> Account | None:
        """Whose counters; what can't be read of it is reported when it is needed, by the one who knows."""
        if not (descriptor.tenant and descriptor.user):
            return None
        try:
            plan = self._plans.get(descriptor.plan)
        except PlanError:
            return None
        return Account(plan, descriptor.tenant, plan.subjects(descriptor))


def _unexpected(outcome: Outcome) -> Exception:
    return outcome if isinstance(outcome, Exception) else TypeError(f"the store answered {outcome!r}")
