"""The keys service, asked for one key over gRPC."""

from __future__ import annotations

import grpc
from maas.keys.v1 import lookup_pb2, lookup_pb2_grpc
from maas_common.auth.interceptor import WORKLOAD_HEADER
from maas_common.errors import UnavailableError

from maas_authz.core.keys import NONE, Caller, KeyRecord
from maas_authz.ports import LookedUp


class GrpcKeyLookup:
    """A KeyLookup over a channel, with the workload credential and a deadline."""

    def __init__(self, channel: grpc.aio.Channel, *, workload_secret: str, timeout_s: float) -> None:
        """Ask over that channel, at most `timeout_s` per question."""
        self._stub = lookup_pb2_grpc.KeyLookupServiceStub(channel)
        self._metadata = ((WORKLOAD_HEADER, workload_secret),)
        self._timeout_s = timeout_s

    async def look_up(self, key_id: str) -> LookedUp:
        """The key of that id; UnavailableError when it can't be had within the deadline."""
        try:
            answer = await self._stub.LookupApiKey(
                lookup_pb2.LookupApiKeyRequest(id=key_id), timeout=self._timeout_s, metadata=self._metadata
            )
        except grpc.aio.AioRpcError as error:
            raise UnavailableError(f"keys answered {error.code().name}: {error.details()}") from None
        return LookedUp(_record(answer.record) if answer.HasField("record") else None, answer.revision)


def _record(record: lookup_pb2.KeyRecord) -> KeyRecord:
    return KeyRecord(
        caller=Caller(
            tenant=record.tenant or NONE,
            user=record.user or NONE,
            groups=tuple(record.groups),
            key_id=record.id or NONE,
        ),
        username=record.username,
        name=record.name,
        is_active=record.status == "active",
        expires_at=record.expires_at,
        hashes=tuple((each.pepper_id, each.hmac_sha256) for each in record.hashes),
    )
