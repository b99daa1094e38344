"""Raw usage in SQLite or PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence

from maas_common.sql import writing
from sqlalchemy import CursorResult, Engine, case
from sqlalchemy.dialects.postgresql import Insert as PostgresInsert
from sqlalchemy.dialects.sqlite import Insert as SqliteInsert
from sqlmodel import Session

from maas_keys.adapters.off_the_loop import off_the_loop
from maas_keys.adapters.usage_tables import BUDGETS_PASSED, USAGE_RECORDS
from maas_keys.core.usage import EXPIRED, BudgetPassed, UsageRecord

Insert = PostgresInsert | SqliteInsert


class SqlUsageStore:
    """A UsageStore on a migrated database."""

    def __init__(self, engine: Engine) -> None:
        """Connect to nothing yet."""
        insert = PostgresInsert if engine.dialect.name == "postgresql" else SqliteInsert
        self._engine = engine
        self._put_record = _or_instead_of_expired(insert(USAGE_RECORDS))
        self._put_budget = insert(BUDGETS_PASSED).on_conflict_do_nothing()

    @off_the_loop
    def record(self, records: Sequence[UsageRecord], budgets: Sequence[BudgetPassed]) -> int:
        """See UsageStore. Ordered by their keys: of two transactions that share some, one could lock the other out else."""
        with writing(self._engine) as session:
            _insert(session, self._put_budget, sorted(budgets))
            return _insert(session, self._put_record, sorted(records, key=lambda record: record.request_id))


def _insert(session: Session, statement: Insert, rows: Sequence[UsageRecord] | Sequence[BudgetPassed]) -> int:
    """How many rows came in or changed."""
    if not rows:
        return 0
    counted = {"preserve_rowcount": True}  # of many rows by one statement some drivers' counts are thrown away else
    result: CursorResult[tuple[()]] = session.connection().execute(statement, [row._asdict() for row in rows], execution_options=counted)
    return result.rowcount


def _or_instead_of_expired(insert: Insert) -> Insert:
    """A late end does not know when it was admitted; what expired did."""
    known, new = USAGE_RECORDS.c, insert.excluded
    admitted = case((new.admitted_ms == 0, known.admitted_ms), else_=new.admitted_ms)
    others = {column.name: new[column.name] for column in known if column.name not in {"request_id", "admitted_ms"}}
    return insert.on_conflict_do_update(
        index_elements=[known.request_id],
        set_=others | {"admitted_ms": admitted},
        where=(known.outcome == EXPIRED) & (new.outcome != EXPIRED),
    )
