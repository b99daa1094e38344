"""What applies to a request with a key beside its tier's limits."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from maas_common.limits import Limit, Per, Scope

from maas_keys.core.api_key import KeyKind
from maas_keys.core.budget import Budget
from maas_keys.core.decided import KeyInContext


def effective_limits(decided: KeyInContext) -> tuple[Limit, ...]:
    """The key's own limits, its team's and its tenant's, budgets among them, under the ids that they have in a plan.

    A tenant's limit gives way to one of the key or the team that has the same id. A playground key has its own alone.
    """
    key = decided.key
    own = [*_under("key", key.limits), *_budget("key", key.budget, Scope.KEY)]
    if key.kind is KeyKind.PLAYGROUND:
        return tuple(own)
    team = [*_under("team", decided.team_limits), *_budget("team", decided.team_budget, Scope.TEAM)]
    taken = {limit.id for limit in (*key.limits, *decided.team_limits)}
    return (*own, *team, *_under("tenant", (limit for limit in decided.tenant_limits if limit.id not in taken)))


def _under(whose: str, limits: Iterable[Limit]) -> Iterable[Limit]:
    return (replace(limit, id=f"{whose}/{limit.id}") for limit in limits)


def _budget(whose: str, budget: Budget | None, scope: Scope) -> list[Limit]:
    return [budget.limit(f"{whose}/budget", Per((scope,)))] if budget else []
