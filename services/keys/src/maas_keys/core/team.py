"""Teams, and who is in them."""

from __future__ import annotations

from dataclasses import dataclass

from maas_common.auth.roles import TeamRole
from maas_common.limits import Limit

from maas_keys.core.budget import Budget


@dataclass(frozen=True, slots=True)
class Team:
    """People who share keys, limits and a budget. Times are Unix seconds; `revision` is 0 until it is stored."""

    tenant: str
    id: str
    name: str
    description: str
    limits: tuple[Limit, ...]
    budget: Budget | None
    created_at: int
    updated_at: int
    revision: int = 0

    @property
    def etag(self) -> str:
        """Version of this team."""
        return str(self.revision)


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody in a team."""

    user_id: str
    username: str
    email: str
    role: TeamRole
    since: int
