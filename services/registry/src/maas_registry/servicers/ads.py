"""envoy.service.discovery.v3.AggregatedDiscoveryService, delta."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import grpc
from envoy.service.discovery.v3.ads_pb2_grpc import AggregatedDiscoveryServiceServicer
from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryRequest, DeltaDiscoveryResponse
from envoy.service.discovery.v3.discovery_pb2 import Resource as ResourceMessage
from google.protobuf.any_pb2 import Any as AnyMessage

from maas_registry.ports import Answer, EnvoyFleet, Request
from maas_registry.servicers.listening import listening


class AggregatedDiscovery(AggregatedDiscoveryServiceServicer):  # type: ignore[misc] # untyped
    """Envoys ask for their clusters here."""

    def __init__(self, fleet: EnvoyFleet) -> None:
        self._fleet = fleet

    async def DeltaAggregatedResources(
        self, requests: AsyncIterator[DeltaDiscoveryRequest], _context: grpc.aio.ServicerContext[Any, Any]
    ) -> AsyncIterator[DeltaDiscoveryResponse]:
        """One Envoy's stream (envoy.service.discovery.v3)."""
        first = await anext(requests, None)
        if first is None:
            return
        with self._fleet.connect(first.node.id or "unnamed") as envoy:
            envoy.hear(_unpack(first))
            async with listening(requests, lambda request: envoy.hear(_unpack(request)), envoy.wake) as is_open:
                while is_open():
                    while (answer := envoy.next()) is not None:
                        yield _pack(answer)
                    await envoy.changed()


def _unpack(request: DeltaDiscoveryRequest) -> Request:
    return Request(
        type_url=request.type_url,
        subscribe=tuple(request.resource_names_subscribe),
        unsubscribe=tuple(request.resource_names_unsubscribe),
        have=dict(request.initial_resource_versions),
        nonce=request.response_nonce,
        error=request.error_detail.message if request.HasField("error_detail") else None,
    )


def _pack(answer: Answer) -> DeltaDiscoveryResponse:
    resources = [
        ResourceMessage(name=each.name, version=each.version, resource=AnyMessage(type_url=answer.type_url, value=each.body))
        for each in answer.resources
    ]
    return DeltaDiscoveryResponse(type_url=answer.type_url, nonce=answer.nonce, resources=resources, removed_resources=answer.removed)
