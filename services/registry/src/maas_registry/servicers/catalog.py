"""maas.registry.v1.CatalogService."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import grpc
from maas.registry.v1 import catalog_pb2 as pb
from maas.registry.v1.catalog_pb2_grpc import CatalogServiceServicer
from maas_common.errors import InvalidArgumentError
from prometheus_client import Gauge

from maas_registry.core.catalogue import Catalogue, Change
from maas_registry.ports import Rollout
from maas_registry.servicers.listening import listening
from maas_registry.servicers.model_messages import pack_model
from maas_registry.servicers.tier_messages import pack_tier

WATCHERS = Gauge("maas_registry_watchers", "Streams that follow the catalogue.")


class Catalog(CatalogServiceServicer):
    """The catalogue as the services that decide by it follow it."""

    def __init__(self, rollout: Rollout, heartbeat_s: float) -> None:
        self._rollout = rollout
        self._heartbeat_s = heartbeat_s

    async def WatchCatalog(
        self, requests: AsyncIterator[pb.WatchCatalogRequest], _context: grpc.aio.ServicerContext[Any, Any]
    ) -> AsyncIterator[pb.WatchCatalogResponse]:
        """See the proto."""
        first = await anext(requests, pb.WatchCatalogRequest())
        if not first.HasField("start"):
            raise InvalidArgumentError.of("start", "is missing; the first message of a watch is its start")
        with self._rollout.watchers.join(first.start.watcher) as watcher, WATCHERS.track_inprogress():
            opening = _after(self._rollout.told, first.start.resume_after)
            if not opening.HasField("snapshot"):
                watcher.ack(first.start.resume_after)
            sent = opening.revision

            def hear(request: pb.WatchCatalogRequest) -> None:
                if request.HasField("start"):
                    raise InvalidArgumentError.of("start", "comes once, as the first message of a watch")
                watcher.ack(min(request.ack, sent))

            yield opening
            async with listening(requests, hear, watcher.wanted.set) as is_open:
                while is_open():
                    await watcher.beyond(sent, self._heartbeat_s)
                    message = _after(self._rollout.told, sent)
                    sent = message.revision
                    yield message
                await watcher.farewell()


def _after(catalogue: Catalogue, revision: int) -> pb.WatchCatalogResponse:
    """What a watcher that has applied that revision is to hear: a snapshot when it has none, or the log does not reach back."""
    change = catalogue.since(revision) if revision else None
    if change is None:
        return _snapshot(catalogue)
    if revision == catalogue.revision:
        return pb.WatchCatalogResponse(revision=revision, heartbeat=pb.CatalogHeartbeat())
    return _change(catalogue, change)


def _snapshot(catalogue: Catalogue) -> pb.WatchCatalogResponse:
    snapshot = pb.CatalogSnapshot(models=map(pack_model, catalogue.models.values()), tiers=map(pack_tier, catalogue.tiers.values()))
    return pb.WatchCatalogResponse(revision=catalogue.revision, snapshot=snapshot)


def _change(catalogue: Catalogue, change: Change) -> pb.WatchCatalogResponse:
    message = pb.CatalogChange(
        models=map(pack_model, change.models),
        deleted_models=change.deleted_models,
        tiers=map(pack_tier, change.tiers),
        deleted_tiers=change.deleted_tiers,
    )
    return pb.WatchCatalogResponse(revision=catalogue.revision, change=message)
