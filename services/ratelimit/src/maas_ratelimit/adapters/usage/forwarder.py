"""Brings usage events from an outbox to keys: each at least once, and keys keeps it once."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

import grpc
import structlog
from maas.keys.v1.usage_pb2_grpc import UsageServiceStub
from maas_common.auth.interceptor import WORKLOAD_HEADER
from maas_common.errors import UnavailableError
from pydantic import SecretStr

from maas_ratelimit.adapters.usage.messages import request_of
from maas_ratelimit.adapters.usage.metrics import UsageMetrics
from maas_ratelimit.ports import UsageEvent, UsageOutbox

log = structlog.get_logger(__name__)

_AT_ONCE = 1000
_PACE_S = 0.25
"""How long events gather when there are fewer than fit one call."""
_CALL_S = 10.0
_SHORTEST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 10.0


class UsageForwarder:
    """Sends until it is cancelled. While keys can't be reached, what was taken waits here, and the rest in the outbox.

    A record that keys will never take is logged and set aside, so that it holds up no other.
    """

    def __init__(
        self,
        outbox: UsageOutbox,
        channel: grpc.aio.Channel,
        workload_secret: SecretStr,
        metrics: UsageMetrics,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._outbox = outbox
        self._record_usage = UsageServiceStub(channel).RecordUsage
        self._metadata = ((WORKLOAD_HEADER, workload_secret.get_secret_value()),)
        self._sleep = sleep
        self._taking: asyncio.Future[list[UsageEvent]] | None = None
        self._held: deque[list[UsageEvent]] = deque()
        self._failures = 0
        self._metrics = metrics

    async def run(self) -> None:
        """Send what there is, and what comes."""
        while True:
            try:
                count = await self._forward()
                self._works()
            except UnavailableError as error:
                if not self._failures:
                    log.warning("usage events can't be brought to keys; they are kept until they can", error=error.message)
                longest = min(_LONGEST_PAUSE_S, _SHORTEST_PAUSE_S * 2.0 ** min(self._failures, 10))
                self._failures += 1
                await self._sleep(longest * random.uniform(0.5, 1.0))  # noqa: S311 - jitter
            else:
                if count < _AT_ONCE:
                    await self._sleep(_PACE_S)

    async def drain(self, within_s: float) -> None:
        """Send what is left, after `run` was cancelled. What takes longer or can't be done is left for the next start."""
        try:
            async with asyncio.timeout(within_s):
                while await self._forward():
                    pass
        except (TimeoutError, UnavailableError) as error:
            log.warning("usage events wait for the next start", error=str(error) or f"not all were sent in {within_s} s")

    async def _forward(self) -> int:
        """How many events it dealt with; UnavailableError when there are some with which it can't."""
        self._metrics.show(waiting=await asyncio.to_thread(self._outbox.depth))
        if not self._held and (events := await self._take()):
            self._held.append(events)
        dealt_with = 0
        while self._held:
            events = self._held[0]
            reason = await self._refusal(events)
            if reason and len(events) > 1:
                self._held.popleft()
                self._held.extendleft((events[len(events) // 2 :], events[: len(events) // 2]))
                continue
            await asyncio.to_thread(self._outbox.done, events)
            self._held.popleft()
            dealt_with += len(events)
            self._works()
            if reason:
                self._metrics.rejected.inc()
                log.error("usage event is set aside: keys will never take it", reason=reason, line=events[0].line)
            else:
                self._metrics.sent.inc(len(events))
        return dealt_with

    async def _take(self) -> list[UsageEvent]:
        """The next events. They are handed out once, so what comes after this was cancelled is for the next call."""
        if self._taking is None:
            self._taking = asyncio.ensure_future(asyncio.to_thread(self._outbox.take, _AT_ONCE))
        await asyncio.wait([self._taking])
        taken, self._taking = self._taking, None
        return taken.result()

    async def _refusal(self, events: Sequence[UsageEvent]) -> str:
        """Send them; why one of them will never be taken, empty when all were. UnavailableError when it may be tried again."""
        try:
            request = request_of(event.line for event in events)
        except ValueError as error:
            return str(error)
        try:
            await self._record_usage(request, metadata=self._metadata, timeout=_CALL_S)
        except grpc.aio.AioRpcError as error:
            code, details = error.code(), error.details()
            if code is grpc.StatusCode.INVALID_ARGUMENT or (code is grpc.StatusCode.RESOURCE_EXHAUSTED and len(events) > 1):
                return details or code.name
            raise UnavailableError(f"keys: {code.name}: {details}") from error
        return ""

    def _works(self) -> None:
        if self._failures:
            log.info("usage events are brought to keys again")
            self._failures = 0
