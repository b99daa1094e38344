"""What people say about a key, when it is made and when it is changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from maas_common.errors import InvalidArgumentError
from maas_common.limit_drafts import LimitDraft
from maas_common.limits import HARD, Limit
from maas_common.limits import Scope as PerScope

from maas_keys.core.api_key import ApiKey, KeyKind, Scope
from maas_keys.core.budget import BudgetPatch
from maas_keys.core.labels import checked_labels
from maas_keys.core.lifetime import ends_at
from maas_keys.core.limit_drafts import limits_of
from maas_keys.core.networks import networks
from maas_keys.core.terms import Terms
from maas_keys.core.text import check_line, check_name
from maas_keys.core.violations import Violations


@dataclass(frozen=True, slots=True)
class Details:
    """None where nothing is said: what is there stays."""

    name: str | None = None
    description: str | None = None
    expires_in: str | None = None
    labels: Mapping[str, str] | None = None
    subscription: str | None = None
    scope: Scope | None = None
    limits: Sequence[LimitDraft] | None = None
    budget: BudgetPatch | None = None
    allowed_ips: Sequence[str] | None = None


@dataclass(frozen=True, slots=True)
class Ground:
    """What decides whether that can be said."""

    terms: Terms
    tiers: Sequence[str]
    """Those that the owner has; asked about only with a subscription."""
    tenant_limits: Sequence[Limit]
    is_admin: bool
    """Whether who says it is an administrator."""
    now: float


def with_details(key: ApiKey, said: Details, ground: Ground) -> ApiKey:
    """The key as it is said to be; InvalidArgumentError with all that is wrong."""
    wrong, new = Violations(), dict[str, Any]()
    if said.name is not None:
        with wrong:
            new["name"] = _name(said.name, key)
    if said.description is not None:
        with wrong:
            check_line("description", said.description, allowed="\t\r\n")
            new["description"] = said.description
    if said.expires_in is not None:
        with wrong:
            new["expires_at"] = ends_at(said.expires_in, ground.terms.lives(is_ephemeral=key.is_ephemeral), ground.now)
    if said.labels is not None:
        with wrong:
            new["labels"] = checked_labels("labels", said.labels)
    if said.subscription is not None:
        with wrong:
            new["subscription"] = checked_subscription(said.subscription, ground.tiers)
    if said.scope is not None:
        with wrong:
            new["scope"] = _scope(said.scope)
    if said.limits is not None:
        with wrong:
            new["limits"] = _limits(said.limits, key, ground)
    if said.budget is not None:
        with wrong:
            new["budget"] = _budget(said.budget, key)
    if said.allowed_ips is not None:
        with wrong:
            new["allowed_ips"] = networks("allowed_ips", said.allowed_ips)
    wrong.refuse()
    return replace(key, **new)


def checked_subscription(tier: str, tiers: Sequence[str]) -> str:
    """The tier, or none; InvalidArgumentError when the owner does not have it."""
    if tier and tier not in tiers:
        check_line("subscription", tier)
        has = f"those are {', '.join(tiers)}" if tiers else "they have none"
        raise InvalidArgumentError.of("subscription", f'"{tier}" is no tier that the key\'s owner has; {has}')
    return tier


def _name(name: str, key: ApiKey) -> str:
    if name or not key.is_ephemeral:
        check_name("name", name)
    return name


def _scope(scope: Scope) -> Scope:
    for kind in fields(scope):
        for position, name in enumerate(getattr(scope, kind.name)):
            place = f"scope.{kind.name}[{position}]"
            check_line(place, name)
            if "*" in name:
                raise InvalidArgumentError.of(place, f'"{name}": patterns are not understood; name each one, or leave the scope empty')
    return scope


def _limits(drafts: Sequence[LimitDraft], key: ApiKey, ground: Ground) -> tuple[Limit, ...]:
    if key.kind is KeyKind.PLAYGROUND:
        raise InvalidArgumentError.of("limits", "a playground key has those that are set for all of them; leave them out")
    limits = limits_of("limits", drafts, per=PerScope.KEY)
    if not ground.is_admin:
        _check_no_looser(limits, {limit.id: limit for limit in ground.tenant_limits})
    return limits


def _check_no_looser(limits: Sequence[Limit], defaults: Mapping[str, Limit]) -> None:
    """A limit takes the place of the tenant's of the same id: who is no administrator may only tighten that."""
    for position, limit in enumerate(limits):
        default = defaults.get(limit.id)
        if default is None:
            continue
        measured = (limit.metric, limit.window, limit.per) == (default.metric, default.window, default.per)
        if not (measured and limit.amount <= default.amount and limit.over in {default.over, HARD}):
            raise InvalidArgumentError.of(
                f"limits[{position}]",
                f'the tenant has a limit "{limit.id}" of {default.amount} {default.metric} in {default.window.text} '
                f"per {default.per.text}: "
                "want the same, of that amount or less, and hard; or give this one another id",
            )


def _budget(patch: BudgetPatch, key: ApiKey) -> Any:
    if key.kind is KeyKind.PLAYGROUND:
        raise InvalidArgumentError.of("budget", "a playground key is free of charge; leave it out")
    return patch.of(key.budget)
