"""The decision: who may call what, under which limits. Order of refusals: 400, 405, 415, 404, 403, 503.

Whoever calls `decide` has found the caller already (401, or 503 when that can't be told).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from maas_authz.core.body import Body, read_body
from maas_authz.core.catalogue import Catalogue, Model, Tier, Upstream
from maas_authz.core.keys import Caller
from maas_authz.core.refusals import (
    CATALOGUE_STALE,
    MODEL_NOT_FOUND,
    MODEL_UNUSABLE,
    NO_ACCESS,
    NO_TIER,
    TIER_UNUSABLE,
    Refusal,
    invalid_request,
)
from maas_authz.core.target import Inference, ModelList, read_target


class Request(NamedTuple):
    """A request as the gateway tells of it: `path` with its query, `facts` of the body by name."""

    method: str
    path: str
    facts: Mapping[str, str]


class Admitted(NamedTuple):
    """May go to the model, if the limits of the plan allow."""

    caller: Caller
    tier: Tier
    group: str
    plan: str
    model: Model
    upstream: Upstream
    target: Inference
    body: Body

    @property
    def path(self) -> str:
        """Path and query at the upstream."""
        return self.upstream.base_path + self.target.endpoint.path + self.target.query

    @property
    def set_model(self) -> str | None:
        """What the model is to be called in the body; None when it is called so, or not at all."""
        name = self.model.upstream_name
        return None if self.body.model in {None, name} else name


@dataclass(frozen=True, slots=True)
class Listed:
    """May read the models of the tier. Spends nothing."""

    caller: Caller
    tier: Tier
    group: str


@dataclass(frozen=True, slots=True)
class Step:
    """One thing looked at: `check` names it, `detail` says for people what was found."""

    check: str
    passed: bool
    detail: str


Decision = Admitted | Listed | Refusal
Steps = list[Step]


def decide(caller: Caller, request: Request, catalogue: Catalogue | None, steps: Steps | None = None) -> Decision:
    """Decide one request by a catalogue, None when there is none that can be relied on.

    What was looked at is appended to `steps` when given: explaining is deciding with a pencil.
    """
    target = read_target(request.method, request.path)
    if isinstance(target, Refusal):
        return _refused(steps, "request", target)
    if isinstance(target, ModelList):
        _passed(steps, "request", "asks for the caller's models; spends nothing")
        return _list(caller, catalogue, steps)
    body = read_body(request.facts, target.endpoint)
    if isinstance(body, Refusal):
        return _refused(steps, "request", body)
    name = target.model or body.model
    if name is None:
        return _refused(steps, "request", invalid_request("model is missing; name one of those that GET /v1/models lists"))
    if steps is not None:
        _passed(steps, "request", f"asks {name} for {target.endpoint.path}; the model is named by the {'path' if target.model else 'body'}")
    return _infer(caller, target, body, name, catalogue=catalogue, steps=steps)


def _infer(  # noqa: PLR0913, PLR0911 - the order of refusals in one place
    caller: Caller, target: Inference, body: Body, name: str, *, catalogue: Catalogue | None, steps: Steps | None
) -> Decision:
    if catalogue is None:
        return _refused(steps, "model", CATALOGUE_STALE)
    model = catalogue.models.get(name)
    if model is None or not model.is_published:
        return _refused(steps, "model", MODEL_NOT_FOUND, "no model has this id" if model is None else "published to nobody")
    if steps is not None:
        _passed(steps, "model", f"published to {'all tiers' if model.tiers is None else ', '.join(sorted(model.tiers)) or 'no tier'}")
    found = _tier(caller, catalogue, steps)
    if isinstance(found, Refusal):
        return found
    tier, group = found
    if model.tiers is not None and tier.name not in model.tiers:
        return _refused(steps, "access", NO_ACCESS, f'not published to tier "{tier.name}"')
    _passed(steps, "access", "the tier may use the model")
    if model.upstream is None:
        return _refused(steps, "access", MODEL_UNUSABLE)
    if tier.plan is None:
        return _refused(steps, "plan", TIER_UNUSABLE)
    _passed(steps, "plan", tier.plan)
    return Admitted(caller, tier, group, tier.plan, model, model.upstream, target, body)


def _list(caller: Caller, catalogue: Catalogue | None, steps: Steps | None) -> Decision:
    if catalogue is None:
        return _refused(steps, "tier", CATALOGUE_STALE)
    found = _tier(caller, catalogue, steps)
    return found if isinstance(found, Refusal) else Listed(caller, *found)


def _tier(caller: Caller, catalogue: Catalogue, steps: Steps | None) -> tuple[Tier, str] | Refusal:
    found = catalogue.tier_of(caller.groups)
    if found is None:
        return _refused(steps, "tier", NO_TIER, f"none of the groups has one: {', '.join(caller.groups) or 'no groups'}")
    if steps is not None:
        _passed(steps, "tier", f'"{found[0].name}", level {found[0].level}, by group "{found[1]}"')
    return found


def _refused(steps: Steps | None, check: str, refusal: Refusal, detail: str = "") -> Refusal:
    if steps is not None:
        steps.append(Step(check, passed=False, detail=detail or refusal.message))
    return refusal


def _passed(steps: Steps | None, check: str, detail: str) -> None:
    if steps is not None:
        steps.append(Step(check, passed=True, detail=detail))
