"""The decision: who may call what, under which limits. Order of refusals: 400, 405, 415, 404, 403, 503.

Whoever calls `decide` has found the caller already (401, or 503 when that can't be told). Before everything else comes the 403 of a key
that is shown from where it may not be used: who took it learns nothing by it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from maas_authz.core.address import Networks
from maas_authz.core.body import Body, read_body
from maas_authz.core.catalogue import NO_PRICE, Catalogue, Model, Tier, Upstream
from maas_authz.core.keys import Caller
from maas_authz.core.refusals import (
    CATALOGUE_STALE,
    MODEL_NOT_FOUND,
    MODEL_UNUSABLE,
    NO_ACCESS,
    OUT_OF_SCOPE,
    WRONG_ADDRESS,
    Refusal,
    invalid_request,
)
from maas_authz.core.standing import plan_of, tier_of
from maas_authz.core.steps import Steps, passed, refused
from maas_authz.core.target import Inference, ModelList, read_target


class Request(NamedTuple):
    """A request as the gateway tells of it: `path` with its query, `facts` of the body by name.

    `address`: the client's, asked for only when the caller's key may not be used from anywhere; None: nobody sends it, it is imagined.
    """

    method: str
    path: str
    facts: Mapping[str, str]
    address: str | None = ""


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

    @property
    def price(self) -> str:
        """What is charged: see Model."""
        return NO_PRICE if self.caller.is_playground else self.model.price


@dataclass(frozen=True, slots=True)
class Listed:
    """May read the models of the tier. Spends nothing."""

    caller: Caller
    tier: Tier
    group: str


Decision = Admitted | Listed | Refusal


def decide(caller: Caller, request: Request, catalogue: Catalogue | None, now: float, steps: Steps | None = None) -> Decision:
    """Decide one request at a Unix time, by a catalogue, None when there is none that can be relied on.

    What was looked at is appended to `steps` when given: explaining is deciding with a pencil.
    """
    if caller.networks is not None and (wrong := _wrong_address(caller.networks, request.address, steps)):
        return wrong
    target = read_target(request.method, request.path)
    if isinstance(target, Refusal):
        return refused(steps, "request", target)
    if isinstance(target, ModelList):
        passed(steps, "request", "asks for the caller's models; spends nothing")
        return _list(caller, catalogue, now, steps)
    body = read_body(request.facts, target.endpoint)
    if isinstance(body, Refusal):
        return refused(steps, "request", body)
    name = target.model or body.model
    if name is None:
        return refused(steps, "request", invalid_request("model is missing; name one of those that GET /v1/models lists"))
    if steps is not None:
        passed(steps, "request", f"asks {name} for {target.endpoint.path}; the model is named by the {'path' if target.model else 'body'}")
    return _infer(caller, target, body, name, catalogue=catalogue, now=now, steps=steps)


def _infer(  # noqa: PLR0913, PLR0911 - the order of refusals in one place
    caller: Caller, target: Inference, body: Body, name: str, *, catalogue: Catalogue | None, now: float, steps: Steps | None
) -> Decision:
    if catalogue is None:
        return refused(steps, "model", CATALOGUE_STALE)
    model = catalogue.models.get(name)
    if model is None or not model.is_published:
        return refused(steps, "model", MODEL_NOT_FOUND, "no model has this id" if model is None else "published to nobody")
    if steps is not None:
        passed(steps, "model", f"published to {'all tiers' if model.tiers is None else ', '.join(sorted(model.tiers)) or 'no tier'}")
    if caller.models is not None:
        if name not in caller.models:
            return refused(steps, "scope", OUT_OF_SCOPE, f"the key is for {', '.join(sorted(caller.models)) or 'no model'}")
        passed(steps, "scope", "the key is for this model")
    found = tier_of(caller, catalogue, now, steps)
    if isinstance(found, Refusal):
        return found
    tier, group = found
    if model.tiers is not None and tier.name not in model.tiers:
        return refused(steps, "access", NO_ACCESS, f'not published to tier "{tier.name}"')
    passed(steps, "access", "the tier may use the model")
    if model.upstream is None:
        return refused(steps, "access", MODEL_UNUSABLE)
    plan = plan_of(caller, tier, steps)
    if isinstance(plan, Refusal):
        return plan
    return Admitted(caller, tier, group, plan, model, model.upstream, target, body)


def _list(caller: Caller, catalogue: Catalogue | None, now: float, steps: Steps | None) -> Decision:
    if catalogue is None:
        return refused(steps, "tier", CATALOGUE_STALE)
    found = tier_of(caller, catalogue, now, steps)
    return found if isinstance(found, Refusal) else Listed(caller, *found)


def _wrong_address(networks: Networks, address: str | None, steps: Steps | None) -> Refusal | None:
    if address is None:
        passed(steps, "address", f"an explanation comes from nowhere; requests are let through from {networks}")
        return None
    return None if networks.hold(address) else refused(steps, "address", WRONG_ADDRESS, f'"{address[:64]}" is not in {networks}')
