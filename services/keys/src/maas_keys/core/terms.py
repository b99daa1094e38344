"""What keys are made by here."""

from __future__ import annotations

from dataclasses import dataclass

from maas_common.apikey import Peppers
from maas_common.limits import Limit

from maas_keys.core.approval import Approval
from maas_keys.core.lifetime import Lifetimes


@dataclass(frozen=True, slots=True)
class Terms:
    """As the settings say."""

    prefix: str
    peppers: Peppers
    lifetimes: Lifetimes
    ephemeral: Lifetimes
    """Of keys for a short while."""
    grace: Lifetimes
    """How long the old secret works after a rotation."""
    approval: Approval
    playground_limits: tuple[Limit, ...]
    creation_roles: frozenset[str]
    """Who may make keys, of those that the table of roles lets: names of its columns."""
    groups_max_age_s: int
    """For so long groups are relied on without a new sign-in."""

    def lives(self, *, is_ephemeral: bool) -> Lifetimes:
        """How long a key of that kind lives."""
        return self.ephemeral if is_ephemeral else self.lifetimes
