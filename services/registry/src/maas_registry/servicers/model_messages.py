"""Models between messages and values."""

from __future__ import annotations

from maas.registry.v1 import models_pb2
from maas_common.watch import Enforced

from maas_registry.core.endpoint import Endpoint
from maas_registry.core.model import Model, Pricing
from maas_registry.core.model_changes import ModelDraft, ModelPatch
from maas_registry.core.route import RouteState, State
from maas_registry.servicers.enforcement_messages import pack_enforcement
from maas_registry.servicers.patches import Presence


def unpack_draft(request: models_pb2.CreateModelRequest) -> ModelDraft:
    """A model to register. InvalidArgumentError when its URL can't be taken."""
    return ModelDraft(
        id=request.id,
        endpoint=Endpoint.parse(request.url),
        display_name=request.display_name,
        description=request.description,
        upstream_name=request.upstream_name,
        owned_by=request.owned_by,
        published_to=request.published_to,
        tiers=tuple(request.tiers),
        pricing=_unpack_pricing(request.pricing) if request.HasField("pricing") else None,
    )


def unpack_patch(request: models_pb2.UpdateModelRequest) -> ModelPatch:
    """What to change of a model. InvalidArgumentError when its URL can't be taken."""
    fields = Presence(request, request.update_mask.paths)
    url = fields.given("url", request.url)
    return ModelPatch(
        endpoint=None if url is None else Endpoint.parse(url),
        display_name=fields.given("display_name", request.display_name),
        description=fields.given("description", request.description),
        upstream_name=fields.given("upstream_name", request.upstream_name),
        owned_by=fields.given("owned_by", request.owned_by),
        published_to=fields.given("published_to", request.published_to),
        tiers=fields.given("tiers", tuple(request.tiers)),
        pricing=_unpack_pricing(request.pricing) if request.HasField("pricing") else None,
        is_free=fields.given("pricing", not request.HasField("pricing")) or False,
        etag=request.etag,
    )


def pack_model(model: Model, state: RouteState | None = None, enforced: Enforced | None = None) -> models_pb2.Model:
    """A model; `enforced` in answers to changes. Without `state` where states would go stale: they change without a revision."""
    return models_pb2.Model(
        id=model.id,
        display_name=model.display_name,
        description=model.description,
        url=model.url,
        upstream_name=model.upstream_name,
        owned_by=model.owned_by,
        published_to=model.published_to.value,
        tiers=model.tiers,
        state=state.state.value if state else "",
        state_reason=state.reason if state else "",
        created=model.created,
        updated=model.updated,
        etag=model.etag,
        owner=model.owner,
        pricing=_pack_pricing(model.pricing) if model.pricing else None,
        enforcement=pack_enforcement(enforced) if enforced else None,
    )


def pack_available(model: Model, state: RouteState) -> models_pb2.AvailableModel:
    """A model as applications see it."""
    return models_pb2.AvailableModel(
        id=model.id,
        object="model",
        created=model.created,
        owned_by=model.owned_by,
        ready=state.state is State.READY,
        display_name=model.display_name,
    )


def _unpack_pricing(pricing: models_pb2.Pricing) -> Pricing:
    return Pricing(pricing.input, pricing.output, pricing.cached if pricing.HasField("cached") else None)


def _pack_pricing(pricing: Pricing) -> models_pb2.Pricing:
    return models_pb2.Pricing(input=pricing.input, output=pricing.output, cached=pricing.cached)
