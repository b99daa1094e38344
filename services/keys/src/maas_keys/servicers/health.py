"""maas.keys.v1.HealthService: whether the management API can be used."""

from __future__ import annotations

from typing import Any

import grpc
from maas.keys.v1 import health_pb2 as pb
from maas.keys.v1.health_pb2_grpc import HealthServiceServicer
from maas_common.errors import UnavailableError
from maas_common.readiness import Readiness


class HealthServicer(HealthServiceServicer):
    """Open to anybody; what it answers is known already, so that asking costs nothing."""

    def __init__(self, readiness: Readiness) -> None:
        self._readiness = readiness

    async def GetHealth(self, _request: pb.GetHealthRequest, _context: grpc.aio.ServicerContext[Any, Any]) -> pb.GetHealthResponse:
        """See the proto."""
        if missing := self._readiness.missing:
            raise UnavailableError(f"waiting for: {', '.join(missing)}")
        return pb.GetHealthResponse(status="healthy")
