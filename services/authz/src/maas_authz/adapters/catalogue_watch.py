"""The registry's catalogue, followed: compiled once per revision, swapped in whole.

Threads: the event loop assigns a new catalogue, the engine's thread reads whichever is there; none is ever changed.
"""

from __future__ import annotations

from collections.abc import Callable

import grpc
import structlog
from maas.registry.v1 import catalog_pb2, catalog_pb2_grpc, models_pb2, tiers_pb2
from maas_common.clock import Clock
from maas_common.limit_messages import read_limit

from maas_authz import metrics
from maas_authz.adapters.watching import OutOfStepError, Watch
from maas_authz.core.catalogue import NO_PRICE, Catalogue, Model, Tier, Upstream
from maas_authz.core.confirmation import Confirmation

log = structlog.get_logger(__name__)

CatalogueWatch = Watch[catalog_pb2.WatchCatalogRequest, catalog_pb2.WatchCatalogResponse]


class CatalogueMirror:
    """The catalogue as of the last message."""

    def __init__(self, confirmation: Confirmation, clock: Clock) -> None:
        """None yet."""
        self._catalogue: Catalogue | None = None
        self._confirmation = confirmation
        self._clock = clock

    def current(self) -> Catalogue | None:
        """The newest catalogue; None before the first, and when nobody confirmed it for too long. Any thread."""
        return self._catalogue if self._confirmation.is_fresh(self._clock.now()) else None

    def apply(self, message: catalog_pb2.WatchCatalogResponse) -> None:
        """Become the catalogue that a message tells of; OutOfStepError when it can't be told from it."""
        kind = message.WhichOneof("message")
        if kind == "snapshot":
            self._swap(Catalogue.compile(map(_model, message.snapshot.models), map(_tier, message.snapshot.tiers)))
        elif self._catalogue is None or kind is None:
            raise OutOfStepError("want a snapshot first, and then changes and heartbeats only")
        elif kind == "change":
            change = message.change
            self._swap(
                self._catalogue.changed(
                    models=map(_model, change.models),
                    deleted_models=change.deleted_models,
                    tiers=map(_tier, change.tiers),
                    deleted_tiers=change.deleted_tiers,
                )
            )
        self._confirmation.confirm(message.revision, self._clock.now())

    def _swap(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        metrics.CATALOGUE_MODELS.set(len(catalogue.models))
        metrics.CATALOGUE_TIERS.set(len(catalogue.tiers))


def catalogue_watch(
    channel: grpc.aio.Channel, *, watcher: str, mirror: CatalogueMirror, confirmation: Confirmation, applied: Callable[[], None]
) -> CatalogueWatch:
    """Keeps a mirror current; `applied` is told of every message applied."""

    def apply(message: catalog_pb2.WatchCatalogResponse) -> None:
        mirror.apply(message)
        applied()

    return Watch(
        name="catalogue",
        open=catalog_pb2_grpc.CatalogServiceStub(channel).WatchCatalog,
        start=lambda revision: catalog_pb2.WatchCatalogRequest(start={"watcher": watcher, "resume_after": revision}),
        ack=lambda revision: catalog_pb2.WatchCatalogRequest(ack=revision),
        apply=apply,
        confirmation=confirmation,
    )


def _model(model: models_pb2.Model) -> Model:
    try:
        upstream = Upstream.parse(model.url)
    except ValueError as error:
        log.warning("model can't be routed to", model=model.id, error=str(error))
        upstream = None
    return Model(
        id=model.id,
        upstream_name=model.upstream_name or model.id,
        upstream=upstream,
        is_published=model.published_to in {"all", "tiers"},
        tiers=None if model.published_to == "all" else frozenset(model.tiers),
        price=_price(model.pricing) if model.HasField("pricing") else NO_PRICE,
    )


def _price(pricing: models_pb2.Pricing) -> str:
    cached = pricing.cached if pricing.HasField("cached") else pricing.input
    return f"{pricing.input}/{pricing.output}/{cached}"


def _tier(tier: tiers_pb2.Tier) -> Tier:
    try:
        return Tier.compile(tier.name, tier.level, tier.groups, map(read_limit, tier.limits), is_strict=tier.strict)
    except ValueError as error:
        log.warning("tier's limits can't be applied", tier=tier.name, error=str(error))
        return Tier.unusable(tier.name, tier.level, tier.groups)
