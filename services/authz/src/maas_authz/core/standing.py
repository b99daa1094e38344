"""What somebody has: a tier, by one of their groups, and in it a plan."""

from __future__ import annotations

from datetime import UTC, datetime

from maas_authz.core.catalogue import Catalogue, Tier
from maas_authz.core.keys import AGED, FOREVER, Caller
from maas_authz.core.refusals import KEY_UNUSABLE, NO_SUBSCRIPTION, NO_TIER, TIER_UNUSABLE, Refusal
from maas_authz.core.steps import Steps, passed, refused


def tier_of(caller: Caller, catalogue: Catalogue, now: float, steps: Steps | None = None) -> tuple[Tier, str] | Refusal:
    """The tier that the caller has at that Unix time, and the group that gives it."""
    groups = caller.groups if now < caller.groups_until else AGED
    if steps is not None and caller.groups_until != FOREVER:
        until = datetime.fromtimestamp(caller.groups_until, UTC).isoformat()
        passed(steps, "groups", f"relied on until {until}" + ("" if groups is caller.groups else "; now they count no more"))
    if caller.subscription:
        return _bound_tier(caller.subscription, groups, catalogue, steps)
    found = catalogue.tier_of(groups)
    if found is None:
        return refused(steps, "tier", NO_TIER, f"none of the groups has one: {', '.join(groups) or 'no groups'}")
    if steps is not None:
        passed(steps, "tier", f'"{found[0].name}", level {found[0].level}, by group "{found[1]}"')
    return found


def plan_of(caller: Caller, tier: Tier, steps: Steps | None = None) -> str | Refusal:
    """The plan of all limits that apply to the caller in that tier."""
    plan = tier.plan if caller.own is None else caller.own.plan_with(tier)
    if plan is None:
        return refused(steps, "plan", TIER_UNUSABLE if tier.plan is None else KEY_UNUSABLE)
    passed(steps, "plan", plan)
    return plan


def _bound_tier(name: str, groups: tuple[str, ...], catalogue: Catalogue, steps: Steps | None) -> tuple[Tier, str] | Refusal:
    found = catalogue.bound_tier(name, groups)
    if found is None:
        return refused(steps, "subscription", NO_SUBSCRIPTION, f'none of the groups has tier "{name}": {", ".join(groups) or "no groups"}')
    if steps is not None:
        passed(steps, "subscription", f'the key is bound to tier "{name}", which group "{found[1]}" gives')
    return found
