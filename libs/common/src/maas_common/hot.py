"""Methods of the data path: plain functions from request bytes to answer bytes, which each engine calls in its own way."""

from __future__ import annotations

import asyncio
import hmac
import threading
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

import grpc
import structlog
from pygrpc_native import EVENT_CALL, NativeGrpcFront

from maas_common.auth.interceptor import WORKLOAD_HEADER
from maas_common.errors import DomainError
from maas_common.grpc_errors import status_code

log = structlog.get_logger(__name__)

_BATCH = 64
_FLUSH_S = 0.2
_UNAUTHENTICATED = "the workload credential is missing or wrong"
_INTERNAL = "internal error"


@dataclass(frozen=True, slots=True)
class HotMethod:
    """One unary method that Envoy calls for every request. It wants the workload credential.

    `handle` answers at once with bytes, or with a coroutine when it has to wait; it runs on the engine's thread, the
    coroutine on the event loop. `undelivered` is told the request whose caller was gone before the answer reached it.
    """

    path: str
    handle: Callable[[bytes], bytes | Coroutine[Any, Any, bytes]]
    undelivered: Callable[[bytes], None]


def failure(error: Exception) -> tuple[grpc.StatusCode, str]:
    """What the caller is told of an error; the unexpected is logged and not shown."""
    if isinstance(error, DomainError):
        return status_code(error), error.message
    log.error("call failed", exc_info=error)
    return grpc.StatusCode.INTERNAL, _INTERNAL


def _undo(method: HotMethod, payload: bytes) -> None:
    """Tell of a caller that left. What goes wrong in it is logged: it must not end the thread that answers everybody."""
    try:
        method.undelivered(payload)
    except Exception:
        log.exception("undoing an undelivered answer failed", method=method.path)


def generic_handler(methods: Sequence[HotMethod], workload_secret: str) -> grpc.GenericRpcHandler[Any, Any]:
    """The methods for a grpcio aio server (`engine: grpcio`), bytes in and out."""
    handlers = {m.path: grpc.unary_unary_rpc_method_handler(_grpcio_behavior(m, workload_secret.encode())) for m in methods}

    class Generic(grpc.GenericRpcHandler):  # type: ignore[type-arg] # generic in the stubs only
        def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any] | None:
            return handlers.get(details.method)

    return Generic()


def _grpcio_behavior(method: HotMethod, secret: bytes) -> Callable[[bytes, grpc.aio.ServicerContext[Any, Any]], Awaitable[bytes]]:
    async def behavior(payload: bytes, context: grpc.aio.ServicerContext[Any, Any]) -> bytes:
        shown = next((v for k, v in context.invocation_metadata() or () if k == WORKLOAD_HEADER), "")
        if not hmac.compare_digest(shown.encode() if isinstance(shown, str) else shown, secret):
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, _UNAUTHENTICATED)
        try:
            answer = method.handle(payload)
            if not isinstance(answer, bytes):
                answer = await answer
        except asyncio.CancelledError:
            _undo(method, payload)
            raise
        except Exception as error:  # noqa: BLE001 - the one place of this server
            await context.abort(*failure(error))
        if context.cancelled():
            _undo(method, payload)
        return answer

    return behavior


class NativeFront:
    """The public port of `engine: native`: hot methods in Rust and on one thread, all others passed to a socket behind."""

    def __init__(self, address: str, methods: Sequence[HotMethod], workload_secret: str, fallback: str) -> None:
        """Bind the port; RuntimeError with the address when it is taken."""
        self._methods = tuple(methods)
        self._secret = workload_secret.encode()
        self._pending: dict[int, Future[bytes]] = {}
        self._loop = asyncio.get_running_loop()
        try:
            # call_details: without it the front tells nothing of calls that were cancelled. One thread for HTTP/2 keeps up with
            # the one that answers; a second would only be woken for every other call.
            self._front = NativeGrpcFront(
                address, [(m.path, False) for m in methods], io_threads=1, client_key_metadata=WORKLOAD_HEADER, call_details=True
            )
        except OSError as error:
            raise RuntimeError(f"{address} can't be bound: {error}") from error
        self._front.set_fallback(fallback)
        self._thread = threading.Thread(target=self._serve, name="hot-path", daemon=True)

    @property
    def port(self) -> int:
        """The port it is bound to."""
        return self._front.bound_port

    def start(self) -> None:
        """Begin to answer."""
        self._front.start()
        self._thread.start()

    async def stop(self, grace_s: float) -> None:
        """Let the calls that wait finish, for at most `grace_s`, then close."""
        waiting = [asyncio.wrap_future(future) for future in list(self._pending.values())]
        if waiting:
            await asyncio.wait(waiting, timeout=grace_s)
        # Answers leave on the front's own threads, and closing drops those that have not left yet.
        await asyncio.sleep(min(_FLUSH_S, grace_s))
        self._front.close()
        await asyncio.to_thread(self._thread.join)

    def _serve(self) -> None:
        while (events := self._front.recv_batch(_BATCH)) is not None:
            for kind, call_id, method_id, payload, shown in events:
                if kind != EVENT_CALL:
                    self._cancel(call_id)
                elif payload is not None:
                    self._call(call_id, self._methods[method_id], payload, shown)

    def _call(self, call_id: int, method: HotMethod, payload: bytes, shown: bytes | str | None) -> None:
        presented = shown.encode() if isinstance(shown, str) else shown or b""
        if not hmac.compare_digest(presented, self._secret):
            self._front.fail(call_id, grpc.StatusCode.UNAUTHENTICATED.value[0], _UNAUTHENTICATED)
            return
        try:
            answer = method.handle(payload)
        except Exception as error:  # noqa: BLE001 - the one place of this server
            self._fail(call_id, error)
            return
        if isinstance(answer, bytes):
            self._respond(call_id, method, payload, answer)
            return
        future = asyncio.run_coroutine_threadsafe(answer, self._loop)
        self._pending[call_id] = future
        future.add_done_callback(lambda done: self._finish(call_id, method, payload, done))

    def _finish(self, call_id: int, method: HotMethod, payload: bytes, done: Future[bytes]) -> None:
        self._pending.pop(call_id, None)
        if done.cancelled():
            _undo(method, payload)
        elif isinstance(error := done.exception(), Exception):
            self._fail(call_id, error)
        else:
            self._respond(call_id, method, payload, done.result())

    def _respond(self, call_id: int, method: HotMethod, payload: bytes, answer: bytes) -> None:
        if not self._front.respond(call_id, answer):
            _undo(method, payload)

    def _cancel(self, call_id: int) -> None:
        if (future := self._pending.get(call_id)) is not None:
            future.cancel()

    def _fail(self, call_id: int, error: Exception) -> None:
        code, message = failure(error)
        self._front.fail(call_id, code.value[0], message)
