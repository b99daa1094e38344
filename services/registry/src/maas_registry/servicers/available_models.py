"""maas.registry.v1.AvailableModelsService."""

from __future__ import annotations

from typing import Any

import grpc
from maas.registry.v1 import models_pb2 as pb
from maas.registry.v1.models_pb2_grpc import AvailableModelsServiceServicer
from maas_common.auth.principal import current_principal
from maas_common.errors import NotFoundError

from maas_registry.core.model import Model
from maas_registry.ports import Rollout, RouteSink
from maas_registry.servicers.model_messages import pack_available

TIER_HEADER = "x-maas-tier"


class AvailableModels(AvailableModelsServiceServicer):
    """Models as applications see them, of the catalogue that requests are decided by."""

    def __init__(self, rollout: Rollout, routes: RouteSink) -> None:
        self._rollout = rollout
        self._routes = routes

    async def ListAvailableModels(
        self, _request: pb.ListAvailableModelsRequest, _context: grpc.aio.ServicerContext[Any, Any]
    ) -> pb.ListAvailableModelsResponse:
        """See the proto."""
        return pb.ListAvailableModelsResponse(
            object="list", data=[pack_available(model, self._routes.state(model)) for model in self._callers()]
        )

    async def GetAvailableModel(
        self, request: pb.GetAvailableModelRequest, _context: grpc.aio.ServicerContext[Any, Any]
    ) -> pb.AvailableModel:
        """See the proto."""
        for model in self._callers():
            if model.id == request.id:
                return pack_available(model, self._routes.state(model))
        raise NotFoundError("Model not found")

    def _callers(self) -> list[Model]:
        """The models of the caller's tier. Envoy calls for somebody whose tier authz has found, people call for themselves."""
        told = self._rollout.told
        caller = current_principal()
        if caller.is_workload:
            return told.available_to(caller.metadata.get(TIER_HEADER, ""))
        tiers = told.tiers_of(caller.groups)
        return told.available_to(tiers[0].name) if tiers else []
