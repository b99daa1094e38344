"""Models and tiers as of one revision, compiled so that a decision only looks things up."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from maas_common.limits import Limit
from maas_common.plan import format_plan

NO_PRICE = "-"
TIER_LIMITS = "tier/"
"""What the ids of tiers' limits begin with in a plan."""
_URL = re.compile(r"https?://((?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?)((?:/[A-Za-z0-9._~!$&'()*+,;=:@%-]*)*)")


@dataclass(frozen=True, slots=True, eq=False)
class Upstream:
    """Where a model is served: `authority` for `:authority`, `base_path` what its API's paths begin with."""

    authority: str
    base_path: str

    @classmethod
    def parse(cls, url: str) -> Upstream:
        """Read a base URL such as `https://models.example.org/v1`; ValueError says what is wrong with it."""
        match = _URL.fullmatch(url)
        if not match:
            raise ValueError("want http://host/path or https://host/path, without credentials, query or fragment")
        return cls(match[1], match[2].rstrip("/"))


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """A model that may be called. `upstream` is None when its address can't be used."""

    id: str
    upstream_name: str
    upstream: Upstream | None
    is_published: bool
    tiers: frozenset[str] | None
    """The tiers it is published to; None: all."""
    price: str = NO_PRICE
    """Micro-dollars for a million tokens: `<input>/<output>/<cached input>`, or NO_PRICE."""


@dataclass(frozen=True, slots=True, eq=False)
class Tier:
    """A tier. `limits` and `plan` carry the limits' ids as ratelimit knows them; `plan` is None when they can't be applied."""

    name: str
    level: int
    groups: tuple[str, ...]
    limits: tuple[Limit, ...]
    plan: str | None
    is_strict: bool = False

    @classmethod
    def compile(cls, name: str, level: int, groups: Iterable[str], limits: Iterable[Limit], *, is_strict: bool = False) -> Tier:
        """A tier with its plan; PlanError when the limits make none. The tier is part of their ids: changing tier starts fresh.

        Strict: no limit on tokens or cost may be overshot.
        """
        named = tuple(sorted((replace(limit, id=f"{TIER_LIMITS}{name}/{limit.id}") for limit in limits), key=lambda each: each.id))
        return cls(name, level, tuple(groups), named, format_plan(named, is_strict=is_strict), is_strict)

    @classmethod
    def unusable(cls, name: str, level: int, groups: Iterable[str]) -> Tier:
        """A tier whose limits can't be applied: its members are refused rather than let through without limits."""
        return cls(name, level, tuple(groups), (), None)


@dataclass(frozen=True, slots=True, eq=False)
class Catalogue:
    """Everything that decisions look up."""

    models: Mapping[str, Model]
    tiers: Mapping[str, Tier]
    _by_group: Mapping[str, Tier]

    @classmethod
    def compile(cls, models: Iterable[Model], tiers: Iterable[Tier]) -> Catalogue:
        """A catalogue of these."""
        by_name = {tier.name: tier for tier in tiers}
        ascending = sorted(by_name.values(), key=lambda tier: (tier.level, tier.name))
        return cls({model.id: model for model in models}, by_name, {group: tier for tier in ascending for group in tier.groups})

    def changed(
        self, *, models: Iterable[Model], deleted_models: Iterable[str], tiers: Iterable[Tier], deleted_tiers: Iterable[str]
    ) -> Catalogue:
        """The catalogue after some resources were made, changed or deleted."""
        kept_models = dict(self.models) | {model.id: model for model in models}
        kept_tiers = dict(self.tiers) | {tier.name: tier for tier in tiers}
        for model_id in deleted_models:
            kept_models.pop(model_id, None)
        for name in deleted_tiers:
            kept_tiers.pop(name, None)
        return Catalogue.compile(kept_models.values(), kept_tiers.values())

    def bound_tier(self, name: str, groups: Iterable[str]) -> tuple[Tier, str] | None:
        """The tier of that name and the first of the groups that gives it; None when none does."""
        tier = self.tiers.get(name)
        group = next((each for each in groups if each in tier.groups), None) if tier is not None else None
        return None if tier is None or group is None else (tier, group)

    def tier_of(self, groups: Iterable[str]) -> tuple[Tier, str] | None:
        """The tier of the highest level among those of these groups, and the first group that gives it."""
        best: tuple[Tier, str] | None = None
        for group in groups:
            tier = self._by_group.get(group)
            if tier is not None and (best is None or tier.level > best[0].level):
                best = (tier, group)
        return best
