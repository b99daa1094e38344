"""Limits that come with a key, beside its tier's or in their place: its own, its team's and its tenant's."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from maas_common.limits import Limit
from maas_common.plan import format_plan

from maas_authz.core.catalogue import TIER_LIMITS, Tier


class OwnLimits:
    """Composed with a tier's limits once, and remembered: the tier of a key seldom changes.

    Any thread: what is remembered is one assignment.
    """

    __slots__ = ("_composed", "_replace_tiers", "limits")

    def __init__(self, limits: Iterable[Limit], *, replace_tiers: bool = False) -> None:
        """`replace_tiers`: they take the place of the tier's. ValueError when they make no plan."""
        self.limits: tuple[Limit, ...] | None = tuple(sorted(limits, key=lambda each: each.id))
        format_plan(self.limits)
        if taken := next((each.id for each in self.limits if each.id.startswith(TIER_LIMITS)), None):
            raise ValueError(f'limit id "{taken}": ids that begin with {TIER_LIMITS} are those of tiers')
        self._replace_tiers = replace_tiers
        self._composed: tuple[Tier | None, str | None] = (None, None)

    @classmethod
    def unusable(cls) -> OwnLimits:
        """Limits that can't be applied: the key is refused rather than let through without them."""
        own = cls(())
        own.limits = None
        return own

    def limits_with(self, tier: Tier) -> tuple[Limit, ...]:
        """All that apply, in the order of the plan."""
        both = (self.limits or ()) if self._replace_tiers else (*tier.limits, *(self.limits or ()))
        return tuple(sorted(both, key=lambda each: each.id))

    def plan_with(self, tier: Tier) -> str | None:
        """The plan of all that apply, strict when the tier is; None when it can't be made. Equal plans are one object."""
        composed_with, plan = self._composed
        if composed_with is not tier:
            usable = self.limits is not None and tier.plan is not None
            plan = sys.intern(format_plan(self.limits_with(tier), is_strict=tier.is_strict)) if usable else None
            self._composed = (tier, plan)
        return plan
