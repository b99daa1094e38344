"""What a request that arrives claims of its plan's limits, and the cap on its output where no limit may be overshot."""

from __future__ import annotations

from typing import NamedTuple

from maas_common.limits import Metric

from maas_ratelimit.core.counting import Account, Admission, Claim
from maas_ratelimit.core.descriptors import Admit
from maas_ratelimit.core.estimates import ModelEstimate
from maas_ratelimit.core.plans import Amounts, Plan, PlannedLimit


class TooLarge(NamedTuple):
    """A request that no wait would let through: it needs `least` of a limit that is smaller."""

    limit: PlannedLimit
    least: int


def claim(admit: Admit, account: Account, estimate: ModelEstimate, strict_output: int) -> Claim | TooLarge:
    """What the request asks for. `strict_output`: most output tokens in strict mode of a request that names no cap."""
    plan, caller = account.plan, admit.caller
    if plan.is_strict:
        return _strict(admit, account, strict_output)
    inputs, outputs = estimate.input(admit.bytes), estimate.output(admit.max_out)
    takes = plan.capped((1, inputs + outputs or 1, inputs or 1, outputs or 1, caller.price.cost(inputs, outputs), 1))
    return Claim(admit.rid, account, takes, takes, caller.expired_record)


def _strict(admit: Admit, account: Account, strict_output: int) -> Claim | TooLarge:
    """Nothing may be overshot, so the bounds are safe ones: a token of input has at least one byte."""
    outputs = strict_output if admit.max_out is None else max(1, admit.max_out)
    takes = account.plan.capped(_bound(admit, outputs))
    leasts = account.plan.of_each(_bound(admit, 1))
    for limit, least in zip(account.plan.limits, leasts, strict=True):
        if least > limit.capacity:
            return TooLarge(limit, least)
    return Claim(admit.rid, account, takes, leasts, admit.caller.expired_record)


def _bound(admit: Admit, outputs: int) -> Amounts:
    inputs = max(1, admit.bytes)
    return 1, inputs + outputs, inputs, outputs, admit.caller.price.cost(inputs, outputs), 1


def output_cap(admit: Admit, plan: Plan, admission: Admission) -> int | None:
    """The most output tokens that what was granted pays for, in strict mode; None when nothing limits them.

    Told also to a request that asks for less: it may have several caps, and the model may go by another.
    """
    if not plan.is_strict or not admission.granted:
        return None
    inputs, caps = max(1, admit.bytes), []
    for limit, granted in zip(plan.limits, admission.granted, strict=True):
        if limit.metric is Metric.TOTAL_TOKENS:
            caps.append(granted - inputs)
        elif limit.metric is Metric.OUTPUT_TOKENS:
            caps.append(granted)
        elif limit.metric is Metric.COST and (paid := admit.caller.price.outputs_for(granted, inputs)) is not None:
            caps.append(paid)
    return min(caps) if caps else None
