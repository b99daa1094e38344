"""The keys service, asked for one key over gRPC."""

from __future__ import annotations

from functools import lru_cache

import grpc
import structlog
from maas.common.v1 import limit_pb2
from maas.keys.v1 import lookup_pb2, lookup_pb2_grpc
from maas_common.auth.interceptor import WORKLOAD_HEADER
from maas_common.errors import UnavailableError
from maas_common.limit_messages import read_limit
from maas_common.limits import Limit

from maas_authz.core.address import Networks
from maas_authz.core.keys import FOREVER, NONE, Caller, KeyRecord
from maas_authz.core.own_limits import OwnLimits
from maas_authz.ports import LookedUp

log = structlog.get_logger(__name__)


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
    scope = record.scope
    is_scoped = bool(scope.models or scope.mcp_servers or scope.vector_databases or scope.agents)
    is_playground = record.kind == "playground"
    return KeyRecord(
        caller=Caller(
            tenant=record.tenant or NONE,
            user=record.user or NONE,
            groups=tuple(record.groups),
            key_id=record.id or NONE,
            team=record.team or NONE,
            subscription=record.subscription,
            models=frozenset(scope.models) if is_scoped else None,
            networks=Networks.parse(record.allowed_ips),
            own=_own_limits(record, replace_tiers=is_playground) if record.limits or is_playground else None,
            is_playground=is_playground,
            groups_until=record.groups_until or FOREVER,
        ),
        username=record.username,
        name=record.name,
        status=record.status,
        expires_at=record.expires_at,
        hashes=tuple((each.pepper_id, each.hmac_sha256 or each.sha256, each.until or FOREVER) for each in record.hashes),
    )


def _own_limits(record: lookup_pb2.KeyRecord, *, replace_tiers: bool) -> OwnLimits:
    try:
        return OwnLimits([_limit(each.SerializeToString(deterministic=True)) for each in record.limits], replace_tiers=replace_tiers)
    except ValueError as error:
        log.warning("key's limits can't be applied", key_id=record.id, error=str(error))
        return OwnLimits.unusable()


@lru_cache(maxsize=4096)
def _limit(serialized: bytes) -> Limit:
    """Equal limits are one object: those of a team and a tenant come with every key of theirs."""
    return read_limit(limit_pb2.Limit.FromString(serialized))
