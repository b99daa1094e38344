"""What limits do past their amount and when they tell; strict tiers; what models cost."""

import re
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_TIERS = sa.table("tiers", sa.column("name", sa.String), sa.column("limits", sa.JSON))


def upgrade() -> None:
    op.add_column("models", sa.Column("pricing", sa.JSON))
    op.add_column("tiers", sa.Column("strict", sa.Boolean, nullable=False, server_default=sa.false()))
    for name, limits in _limits():
        _write(name, [limit | {"over": "hard", "notify": []} for limit in limits])


def downgrade() -> None:
    for name, limits in _limits():
        if unknown := [limit["id"] for limit in limits if not _is_known_to_0001(limit)]:
            raise RuntimeError(f'tier "{name}": version 0001 has no limits like {", ".join(unknown)}; take them away first')
        _write(name, [{field: limit[field] for field in ("id", "metric", "amount", "window", "per")} for limit in limits])
    op.drop_column("tiers", "strict")
    op.drop_column("models", "pricing")


def _limits() -> list[tuple[str, list[dict[str, Any]]]]:
    return [(name, limits) for name, limits in op.get_bind().execute(sa.select(_TIERS.c.name, _TIERS.c.limits))]


def _write(name: str, limits: list[dict[str, Any]]) -> None:
    op.execute(_TIERS.update().where(_TIERS.c.name == name).values(limits=limits))


def _is_known_to_0001(limit: dict[str, Any]) -> bool:
    plain = limit["per"] == "user" and limit["over"] == "hard" and re.fullmatch(r"[0-9]+[smhd]", limit["window"])
    return bool(plain) and limit["metric"] in {"requests", "total_tokens"}
