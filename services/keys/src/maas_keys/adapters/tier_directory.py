"""The registry, asked which tiers somebody has."""

from __future__ import annotations

from collections.abc import Sequence

import grpc
from maas.registry.v1 import tiers_pb2, tiers_pb2_grpc
from maas_common.auth.interceptor import WORKLOAD_HEADER
from maas_common.errors import UnavailableError
from pydantic import SecretStr

_TIMEOUT_S = 2.0


class RegistryTiers:
    """A TierDirectory over a channel, with the workload credential and a deadline."""

    def __init__(self, channel: grpc.aio.Channel, workload_secret: SecretStr) -> None:
        self._stub = tiers_pb2_grpc.TiersServiceStub(channel)
        self._metadata = ((WORKLOAD_HEADER, workload_secret.get_secret_value()),)

    async def tiers_of(self, groups: Sequence[str]) -> Sequence[str]:
        """See TierDirectory."""
        request = tiers_pb2.LookupTierRequest(groups=groups)
        try:
            answer = await self._stub.LookupTier(request, timeout=_TIMEOUT_S, metadata=self._metadata)
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND:  # no tier has any of the groups
                return ()
            raise UnavailableError("the registry does not say which tiers there are; try again, or without a subscription") from error
        return tuple(answer.tiers)
