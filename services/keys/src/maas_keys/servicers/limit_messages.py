"""Limits, budgets and enforcement between messages and values."""

from __future__ import annotations

from collections.abc import Iterable

from google.protobuf.timestamp_pb2 import Timestamp
from maas.common.v1 import budget_pb2, limit_pb2
from maas.common.v1.enforcement_pb2 import Enforcement
from maas_common.limit_drafts import LimitDraft
from maas_common.watch import Enforced

from maas_keys.core.budget import Budget


def unpack_limits(limits: Iterable[limit_pb2.Limit]) -> tuple[LimitDraft, ...]:
    """Limits as somebody asks for them."""
    return tuple(
        LimitDraft(
            id=limit.id,
            metric=limit.metric,
            amount=limit.amount,
            window=limit.window,
            per=limit.per,
            over=limit.over,
            notify=tuple(limit.notify),
        )
        for limit in limits
    )


def pack_budget(budget: Budget | None) -> budget_pb2.Budget | None:
    """A budget as a message."""
    return budget_pb2.Budget(amount=budget.amount, period=budget.period.text) if budget else None


def pack_enforcement(enforced: Enforced | None) -> Enforcement | None:
    """How far a change has reached."""
    return Enforcement(enforced=enforced.enforced, revision=enforced.revision, lagging=enforced.lagging) if enforced else None


def pack_time(seconds: int | None) -> Timestamp | None:
    """A time; absent when it is none or 0."""
    return Timestamp(seconds=seconds) if seconds else None
