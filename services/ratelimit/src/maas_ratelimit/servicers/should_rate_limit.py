"""ShouldRateLimit (envoy.service.ratelimit.v3): admits requests that arrive, settles those that have ended."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import structlog
from maas_common.clock import Clock
from maas_common.errors import InvalidArgumentError
from maas_common.hot import BatchMethod

from maas_ratelimit.adapters import envoy_rls
from maas_ratelimit.adapters.descriptor_wire import DescriptorReader
from maas_ratelimit.core.claims import claim, output_cap
from maas_ratelimit.core.counting import Admission, Claim, Operation, Outcome, Settled, Settlement
from maas_ratelimit.core.descriptors import Admit, Settle
from maas_ratelimit.core.estimates import Estimates
from maas_ratelimit.core.headers import HeaderWriter, refusing_longest, tightest
from maas_ratelimit.core.plans import Plans
from maas_ratelimit.core.refusals import too_large_body
from maas_ratelimit.core.usage import HOLDS_NOTHING, Usage, settlement, used
from maas_ratelimit.metrics import Metrics
from maas_ratelimit.ports import CounterStore

log = structlog.get_logger(__name__)

_Unfinished: TypeAlias = tuple[int, Admit | Settle, Usage | None]
"""Its place among the answers, what was asked, and of a settle what was used."""
_GO_ON = envoy_rls.pack_ok()
_LATE, _REPEATED, _UNKNOWN = Settled.LATE, Settled.REPEATED, Settled.UNKNOWN
"""Asking the enumeration for a member takes as long as a call."""


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
        self._read = DescriptorReader(plans)
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
        unfinished: list[_Unfinished] = []
        read = self._read.read
        for place, payload in enumerate(payloads):
            try:
                asked = read(payload)
                begun = asked if type(asked) is bytes else self._admit(asked) if type(asked) is Admit else self._settle(asked)  # type: ignore[arg-type] # what is left
            except InvalidArgumentError as error:
                answers[place] = self._reported(error)
                continue
            if type(begun) is bytes:
                answers[place] = begun
            else:
                operations.append(begun[0])  # type: ignore[arg-type] # as above
                unfinished.append((place, asked, begun[1]))  # type: ignore[arg-type] # as above
        if operations:
            self._finish(answers, unfinished, self._store.run(operations, now=self._clock.now()))
        return answers

    def undelivered(self, payload: bytes) -> None:
        """Undo an admission that Envoy did not hear of: no request follows it, and no settle."""
        admission = self._read.undelivered(payload)
        if admission is not None:
            rid, caller = admission
            self._metrics.undelivered += 1
            self._store.run([Settlement.undoing(rid, caller.account)], now=self._clock.now())

    def _finish(self, answers: list[bytes | Exception], unfinished: list[_Unfinished], outcomes: Sequence[Outcome]) -> None:
        for (place, asked, usage), outcome in zip(unfinished, outcomes, strict=True):
            try:
                answers[place] = self._admitted(outcome, asked) if type(asked) is Admit else self._settled(outcome, asked, usage)  # type: ignore[arg-type] # a settle has its usage
            except InvalidArgumentError as error:
                answers[place] = self._reported(error)
            except Exception as error:  # noqa: BLE001 - one call's trouble is not that of those it came with
                answers[place] = error

    def _reported(self, error: InvalidArgumentError) -> InvalidArgumentError:
        self._metrics.invalid += 1
        log.warning("rate limit request refused", error=error.message)
        return error

    def _admit(self, admit: Admit) -> bytes | tuple[Operation, None]:
        account = admit.caller.account
        if account is None:
            raise admit.caller.refusal or InvalidArgumentError("the descriptor has no account")
        claimed = claim(admit, account, self._estimates.of(admit.caller.model), self._strict_output)
        if type(claimed) is Claim:
            return claimed, None
        self._metrics.too_large += 1
        return envoy_rls.pack_too_large(too_large_body(claimed.limit.limit, claimed.least))  # type: ignore[union-attr] # what is left

    def _admitted(self, outcome: Outcome, admit: Admit) -> bytes:
        if type(outcome) is not Admission:
            raise _unexpected(outcome)
        account = admit.caller.account
        assert account is not None  # noqa: S101 - it was claimed for
        plan = account.plan
        if outcome.exceeded:
            self._metrics.count_exceeded([plan.limits[place].limit.id for place in outcome.exceeded])
        if outcome.refusing:
            self._metrics.refused += 1
            place = refusing_longest(outcome)
            limit = plan.limits[place]
            log.debug("request is over its limits", rid=admit.rid, limit=limit.limit.id)
            resets_in_s = outcome.resets[place] - int(outcome.now)
            return envoy_rls.pack_over_limit_by(limit, outcome.left[place], resets_in_s, self._headers.refused(plan, outcome))
        if not outcome.is_counted:
            self._metrics.uncounted += 1
            return _GO_ON
        if outcome.is_repeat:
            self._metrics.repeated += 1
        else:
            self._metrics.admitted += 1
        requests = tightest(plan.requests, outcome)
        told = tightest(plan.tokens, outcome) if requests is None else requests
        if told is None:
            answer = _GO_ON
        else:
            answer = envoy_rls.pack_ok_by(plan.limits[told], outcome.left[told], outcome.resets[told] - int(outcome.now))
        answer += self._headers.admitted(plan, outcome, requests)
        if outcome.throttled:
            self._metrics.throttled += 1
            answer += envoy_rls.pack_throttled(plan.limits[outcome.throttled[0]].limit.id)
        if plan.is_strict and (cap := output_cap(admit, plan, outcome)) is not None:
            answer += envoy_rls.pack_output_cap(cap)
        return answer

    def _settle(self, settle: Settle) -> tuple[Operation, Usage]:
        usage = used(settle, self._estimates.of(settle.caller.model))
        return settlement(settle, usage), usage

    def _settled(self, outcome: Outcome, settle: Settle, usage: Usage) -> bytes:
        if type(outcome) is not Settled:
            raise _unexpected(outcome)
        if outcome is _REPEATED:
            self._metrics.duplicate += 1
            return _GO_ON
        if (outcome is _UNKNOWN or settle.caller.account is None) and usage.verdict not in HOLDS_NOTHING:
            raise InvalidArgumentError(f"settle of request {settle.rid}: its descriptor has no account to charge")
        self._metrics.count_settled(usage, is_late=outcome is _LATE)
        if usage.verdict == "measured":
            self._estimates.of(settle.caller.model).learn(settle.bytes, settle.input, settle.output)
        return _GO_ON


def _unexpected(outcome: Outcome) -> Exception:
    return outcome if isinstance(outcome, Exception) else TypeError(f"the store answered {outcome!r}")
