"""Follows a log over a bidi stream: start after the last revision applied, apply, only then confirm; for ever."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import grpc
import structlog
from maas_common.auth.interceptor import WORKLOAD_HEADER

from maas_authz.core.confirmation import Confirmation
from maas_authz.metrics import WATCH_INTERRUPTIONS

log = structlog.get_logger(__name__)

Request = TypeVar("Request")
Response = TypeVar("Response")

_FIRST_PAUSE_S = 0.05
_LONGEST_PAUSE_S = 1.0
_DOUBLINGS = 6
_FAREWELL_S = 1.0


class OutOfStepError(Exception):
    """The other side sent what can't follow what it sent before."""


@dataclass(frozen=True, slots=True)
class Watch(Generic[Request, Response]):
    """One kind of watch. `apply` gets every message, in order, on the event loop, and leaves its revision in `confirmation`."""

    name: str
    open: Callable[..., grpc.aio.StreamStreamCall[Request, Response]]
    start: Callable[[int], Request]
    ack: Callable[[int], Request]
    apply: Callable[[Response], None]
    confirmation: Confirmation


async def follow(watch: Watch[Any, Any], workload_secret: str) -> None:
    """Follow until cancelled. A stream that ends is opened again, after a pause that grows while nothing arrives."""
    failures = 0
    while True:
        before = watch.confirmation.at
        try:
            reason = await _converse(watch, workload_secret)
        except grpc.aio.AioRpcError as error:
            reason = f"{error.code().name}: {error.details()}"
        except OutOfStepError as error:
            reason = str(error)
        failures = 0 if watch.confirmation.at != before else min(failures + 1, _DOUBLINGS)
        pause_s = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2**failures) * random.uniform(0.5, 1)  # noqa: S311 - jitter
        WATCH_INTERRUPTIONS.labels(watch.name).inc()
        log.warning("watch interrupted", watch=watch.name, reason=reason, revision=watch.confirmation.revision, pause_s=round(pause_s, 3))
        await asyncio.sleep(pause_s)


async def _converse(watch: Watch[Any, Any], workload_secret: str) -> str:
    """One stream; returns why it ended, or raises AioRpcError or OutOfStepError with that."""
    call = watch.open(metadata=((WORKLOAD_HEADER, workload_secret),))
    # A task of its own: to cancel a read is to cancel the call, and then there is no farewell.
    reading = asyncio.ensure_future(_apply_all(watch, call))
    try:
        return await asyncio.shield(reading)
    except asyncio.CancelledError:
        await _say_farewell(call, reading)
        raise
    finally:
        reading.cancel()
        call.cancel()


async def _apply_all(watch: Watch[Any, Any], call: grpc.aio.StreamStreamCall[Any, Any]) -> str:
    try:
        await call.write(watch.start(watch.confirmation.revision))
        async for message in call:
            watch.apply(message)
            await call.write(watch.ack(message.revision))
    except asyncio.InvalidStateError:
        return "the stream ended before a confirmation"
    return "the stream ended"


async def _say_farewell(call: grpc.aio.StreamStreamCall[Any, Any], reading: asyncio.Future[str]) -> None:
    """End the stream from this side and hear that it was heard: changes need not wait for who has left."""
    with suppress(TimeoutError, asyncio.InvalidStateError, grpc.aio.AioRpcError, OutOfStepError):
        async with asyncio.timeout(_FAREWELL_S):
            await call.done_writing()
            await reading
