"""Looking one key up, with all that decisions need of it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, Select, and_, bindparam, select

from maas_keys.adapters.key_rows import IS_OWNER, KEY_COLUMNS, USERS, key_of
from maas_keys.adapters.key_tables import KEYS
from maas_keys.adapters.limit_json import budget_of, limits_of_json
from maas_keys.adapters.people_tables import TeamRow, TenantRow
from maas_keys.adapters.tables import LOG, METADATA, REVISIONS
from maas_keys.core.decided import KeyInContext

TEAMS = METADATA.tables[TeamRow.__tablename__]
_TENANTS = METADATA.tables[TenantRow.__tablename__]
_FOUND = (
    REVISIONS.outerjoin(KEYS, KEYS.c.id == bindparam("key_id"))
    .outerjoin(USERS, IS_OWNER)
    .outerjoin(TEAMS, and_(TEAMS.c.tenant == KEYS.c.tenant, TEAMS.c.id == KEYS.c.team))
    .outerjoin(_TENANTS, _TENANTS.c.name == KEYS.c.tenant)
)
LOOKUP: Select[Any] = (
    select(
        REVISIONS.c.value.label("newest"),
        *KEY_COLUMNS,
        TEAMS.c.limits.label("team_limits"),
        TEAMS.c.budget_amount.label("team_budget_amount"),
        TEAMS.c.budget_period.label("team_budget_period"),
        _TENANTS.c.default_limits.label("tenant_limits"),
    )
    .select_from(_FOUND)
    .where(REVISIONS.c.log == LOG)
)
"""One statement, so one snapshot whatever the isolation level. One row always, its newest revision among it."""


def in_context(row: Row[Any]) -> KeyInContext | None:
    """What LOOKUP found; None when there is no such key."""
    if row.id is None:
        return None
    return KeyInContext(
        key_of(row),
        limits_of_json(row.team_limits or ()),
        budget_of(row.team_budget_amount, row.team_budget_period),
        limits_of_json(row.tenant_limits or ()),
    )
