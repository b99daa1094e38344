"""Usage events as keys takes them in."""

from __future__ import annotations

from collections.abc import Iterable

from maas.keys.v1.usage_pb2 import BudgetPassed, RecordUsageRequest, UsageRecord

from maas_ratelimit.core import events


def message_of(line: str) -> UsageRecord | BudgetPassed:
    """What a line of core.events says; ValueError when it can't be said."""
    event = events.read_line(line)
    if isinstance(event, events.BudgetPassed):
        return BudgetPassed(
            tenant=event.tenant,
            counter=event.counter,
            subject=event.subject,
            percent=event.percent,
            used=event.used,
            amount=event.amount,
            window_end=event.end,
            at_ms=event.at_ms,
        )
    return UsageRecord(
        request_id=event.rid,
        outcome=event.outcome,
        admitted_ms=event.admitted_ms,
        ended_ms=event.ended_ms,
        tenant=event.tenant,
        key=event.key,
        user=event.user,
        team=event.team,
        tier=event.tier,
        group=event.group,
        model=event.model,
        price=event.price,
        input_tokens=event.input,
        output_tokens=event.output,
        cached_tokens=event.cached,
        total_tokens=event.total,
        cost=event.cost,
        status=event.code,
    )


def request_of(lines: Iterable[str]) -> RecordUsageRequest:
    """One call's worth; ValueError when one of them can't be said."""
    messages = [message_of(line) for line in lines]
    return RecordUsageRequest(
        records=[message for message in messages if isinstance(message, UsageRecord)],
        budgets_passed=[message for message in messages if isinstance(message, BudgetPassed)],
    )
