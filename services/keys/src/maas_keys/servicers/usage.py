"""maas.keys.v1.UsageService: takes in what was used, from the services that counted it."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Any

import grpc
from maas.keys.v1 import usage_pb2 as api
from maas.keys.v1.usage_pb2_grpc import UsageServiceServicer
from maas_common.errors import InvalidArgumentError

from maas_keys.core.usage import BudgetPassed, UsageRecord
from maas_keys.ports import UsageStore
from maas_keys.servicers.metrics import USAGE_KNOWN, USAGE_RECORDED

Context = grpc.aio.ServicerContext[Any, Any]
_record_fields = attrgetter(*UsageRecord._fields)
_budget_fields = attrgetter(*BudgetPassed._fields)
_LARGEST = 2**63 - 1
"""What databases hold of a number; money and tokens stay far below."""


class UsageServicer(UsageServiceServicer):
    """Needs the workload credential."""

    def __init__(self, store: UsageStore) -> None:
        self._store = store

    async def RecordUsage(self, request: api.RecordUsageRequest, _context: Context) -> api.RecordUsageResponse:
        """Keep records, each once."""
        records = [UsageRecord(*_record_fields(record)) for record in request.records]
        budgets = [BudgetPassed(*_budget_fields(passed)) for passed in request.budgets_passed]
        _check("records", UsageRecord._fields, records)
        _check("budgets_passed", BudgetPassed._fields, budgets)
        recorded = await self._store.record(records, budgets)
        known = len(records) - recorded
        USAGE_RECORDED.inc(recorded)
        USAGE_KNOWN.inc(known)
        return api.RecordUsageResponse(recorded=recorded, known=known)


def _check(name: str, fields: Sequence[str], rows: Sequence[tuple[str | int, ...]]) -> None:
    """InvalidArgumentError for what no database could keep."""
    for place, row in enumerate(rows):
        for field, value in zip(fields, row, strict=True):
            if isinstance(value, str):
                if "\0" in value:
                    raise InvalidArgumentError.of(f"{name}[{place}].{field}", "holds a NUL character")
            elif value > _LARGEST:
                raise InvalidArgumentError.of(f"{name}[{place}].{field}", f"{value} is too much; {_LARGEST} is the largest")
