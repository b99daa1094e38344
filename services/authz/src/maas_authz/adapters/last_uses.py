"""When keys were last used, told to the keys service every now and then: never a call, nor a write, per request."""

from __future__ import annotations

import asyncio

import grpc
import structlog
from maas.keys.v1 import lookup_pb2, lookup_pb2_grpc
from maas_common.auth.interceptor import WORKLOAD_HEADER

log = structlog.get_logger(__name__)

_AT_ONCE = 1_000
"""Keys in one message: enough, and put together without holding up a decision."""
_TIMEOUT_S = 5.0
_FAREWELL_S = 1.0


class LastUses:
    """Bounded by `at_most` keys: past it, those not yet among them are not noted until the next report.

    `note` may run on the engine's thread beside the event loop. Each touch of the dictionary is one step of the interpreter, so nothing is
    lost between the two.
    """

    def __init__(self, channel: grpc.aio.Channel, *, workload_secret: str, every_s: float, at_most: int) -> None:
        """Report over that channel every `every_s`."""
        self._stub = lookup_pb2_grpc.KeyLookupServiceStub(channel)
        self._metadata = ((WORKLOAD_HEADER, workload_secret),)
        self._every_s = every_s
        self._at_most = at_most
        self._times: dict[str, float] = {}

    def note(self, key_id: str, now: float) -> None:
        """The key was used at that Unix time. Any thread."""
        times = self._times
        if key_id in times or len(times) < self._at_most:
            times[key_id] = now

    async def keep_reporting(self) -> None:
        """Report until cancelled, and then once more."""
        try:
            while True:
                await asyncio.sleep(self._every_s)
                await self._report(_TIMEOUT_S)
        finally:
            await self._report(_FAREWELL_S)

    async def _report(self, timeout_s: float) -> None:
        """Tell of all that was noted. What can't be told is kept for the next time."""
        noted = list(self._times)
        for start in range(0, len(noted), _AT_ONCE):
            uses = {key_id: self._times.pop(key_id) for key_id in noted[start : start + _AT_ONCE]}
            request = lookup_pb2.RecordLastUsedRequest(uses=[lookup_pb2.KeyUse(id=key_id, at=int(at)) for key_id, at in uses.items()])
            is_told = False
            try:
                await self._stub.RecordLastUsed(request, timeout=timeout_s, metadata=self._metadata)
                is_told = True
            except grpc.aio.AioRpcError as error:
                log.warning("last uses not reported", keys=len(noted) - start, code=error.code().name, error=error.details())
                return
            finally:  # also when told to stop meanwhile
                if not is_told:
                    for key_id, at in uses.items():
                        self._times.setdefault(key_id, at)
