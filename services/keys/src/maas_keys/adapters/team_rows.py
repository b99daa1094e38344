"""Teams to and from rows."""

from __future__ import annotations

from typing import Any

from maas_keys.adapters.limit_json import budget_of, limits_of_json, limits_to_json
from maas_keys.adapters.people_tables import TeamRow
from maas_keys.core.team import Team


def team_values(team: Team, revision: int) -> dict[str, Any]:
    """The row's columns."""
    return {
        "tenant": team.tenant,
        "id": team.id,
        "name": team.name,
        "description": team.description,
        "limits": limits_to_json(team.limits),
        "budget_amount": team.budget and team.budget.amount,
        "budget_period": team.budget and team.budget.period.text,
        "created_at": team.created_at,
        "updated_at": team.updated_at,
        "revision": revision,
    }


def team_of(row: TeamRow) -> Team:
    """The team that a row keeps."""
    return Team(
        tenant=row.tenant,
        id=row.id,
        name=row.name,
        description=row.description,
        limits=limits_of_json(row.limits),
        budget=budget_of(row.budget_amount, row.budget_period),
        created_at=row.created_at,
        updated_at=row.updated_at,
        revision=row.revision,
    )
