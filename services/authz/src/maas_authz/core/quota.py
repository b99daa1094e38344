"""Whose limits a quota shows, and which: those that a request of theirs would meet."""

from __future__ import annotations

from dataclasses import dataclass

from maas_common.limits import Limit, Scope

from maas_authz.core.catalogue import Catalogue, Tier
from maas_authz.core.keys import Caller
from maas_authz.core.refusals import CATALOGUE_STALE, MODEL_NOT_FOUND, NO_ACCESS, OUT_OF_SCOPE, Refusal
from maas_authz.core.standing import plan_of, tier_of


@dataclass(frozen=True, slots=True)
class Quota:
    """The limits, in a plan's order, are counted for that caller, who has the tier by that group; `model` is empty for none."""

    caller: Caller
    tier: Tier
    group: str
    model: str
    limits: tuple[Limit, ...]


def quota_of(caller: Caller, model: str, catalogue: Catalogue | None, now: float) -> Quota | Refusal:  # noqa: PLR0911 - as many refusals
    """The caller's limits for a model; for none, those that are not counted per model. Refused as a request of theirs would be."""
    if catalogue is None:
        return CATALOGUE_STALE
    wanted = catalogue.models.get(model)
    if model and (wanted is None or not wanted.is_published):
        return MODEL_NOT_FOUND
    if model and caller.models is not None and model not in caller.models:
        return OUT_OF_SCOPE
    found = tier_of(caller, catalogue, now)
    if isinstance(found, Refusal):
        return found
    tier, group = found
    if wanted is not None and wanted.tiers is not None and tier.name not in wanted.tiers:
        return NO_ACCESS
    plan = plan_of(caller, tier)
    if isinstance(plan, Refusal):
        return plan
    shown = (limit for limit in caller.limits(tier) if model or Scope.MODEL not in limit.per.scopes)
    return Quota(caller, tier, group, model, tuple(shown))
