"""Whose limits a quota shows, and which: those that a request of theirs would meet."""

from __future__ import annotations

from dataclasses import dataclass

from maas_common.limits import Scope
from maas_common.plan import format_plan

from maas_authz.core.catalogue import Catalogue, Tier
from maas_authz.core.keys import Caller
from maas_authz.core.refusals import CATALOGUE_STALE, MODEL_NOT_FOUND, NO_ACCESS, NO_TIER, TIER_UNUSABLE, Refusal


@dataclass(frozen=True, slots=True)
class Quota:
    """The limits in `plan` are counted for that caller, who has the tier by that group; `model` is empty when none is asked about."""

    caller: Caller
    tier: Tier
    group: str
    model: str
    plan: str


def quota_of(caller: Caller, model: str, catalogue: Catalogue | None) -> Quota | Refusal:
    """The caller's limits for a model; for none, those that are not counted per model. Refused as a request of theirs would be."""
    if catalogue is None:
        return CATALOGUE_STALE
    wanted = catalogue.models.get(model)
    if model and (wanted is None or not wanted.is_published):
        return MODEL_NOT_FOUND
    found = catalogue.tier_of(caller.groups)
    if found is None:
        return NO_TIER
    tier, group = found
    if wanted is not None and wanted.tiers is not None and tier.name not in wanted.tiers:
        return NO_ACCESS
    if tier.plan is None:
        return TIER_UNUSABLE
    shown = [limit for limit in tier.limits if model or Scope.MODEL not in limit.per.scopes]
    return Quota(caller, tier, group, model, format_plan(shown))
