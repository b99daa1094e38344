"""Methods of the data path: plain functions from request bytes to answer bytes, which each engine calls in its own way."""

from __future__ import annotations

import asyncio
import hmac
import threading
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeAlias

import grpc
import structlog
from pygrpc_native import EVENT_CALL, NativeGrpcFront

from maas_common.auth.interceptor import WORKLOAD_HEADER
from maas_common.errors import DomainError
from maas_common.grpc_errors import status_code

log = structlog.get_logger(__name__)

MAX_METADATA_SIZE = 65_536
"""Bytes. A token that names many groups is long, and Envoy lets 60 KiB of headers in."""
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


@dataclass(frozen=True, slots=True)
class BatchMethod:
    """One unary method whose calls are answered together: all that have come while those before were answered.

    `handle` gives an answer for each request, in order; an exception is the answer of that one alone. It runs on one thread, and if
    it `waits` (for a network), that thread is not the event loop's. `undelivered` as above.
    """

    path: str
    handle: Callable[[Sequence[bytes]], Sequence[bytes | Exception]]
    undelivered: Callable[[bytes], None]
    waits: bool = False


AnyMethod: TypeAlias = HotMethod | BatchMethod


def failure(error: Exception) -> tuple[grpc.StatusCode, str]:
    """What the caller is told of an error; the unexpected is logged and not shown."""
    if isinstance(error, DomainError):
        return status_code(error), error.message
    log.error("call failed", exc_info=error)
    return grpc.StatusCode.INTERNAL, _INTERNAL


def _undo(method: AnyMethod, payload: bytes) -> None:
    """Tell of a caller that left. What goes wrong in it is logged: it must not end the thread that answers everybody."""
    try:
        method.undelivered(payload)
    except Exception:
        log.exception("undoing an undelivered answer failed", method=method.path)


def generic_handler(methods: Sequence[AnyMethod], workload_secret: str) -> grpc.GenericRpcHandler[Any, Any]:
    """The methods for a grpcio aio server (`engine: grpcio`), bytes in and out."""
    handlers = {m.path: grpc.unary_unary_rpc_method_handler(_grpcio_behavior(m, workload_secret.encode())) for m in methods}

    class Generic(grpc.GenericRpcHandler):  # type: ignore[type-arg] # generic in the stubs only
        def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any] | None:
            return handlers.get(details.method)

    return Generic()


class _Together:
    """A batch method's calls on an event loop: one thread answers all that have come while it was busy."""

    def __init__(self, method: BatchMethod) -> None:
        self._method = method
        self._waiting: list[tuple[bytes, asyncio.Future[bytes]]] = []
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="hot-path")
        self._is_busy = False

    async def answer(self, payload: bytes) -> bytes:
        if not self._method.waits:
            return _unwrapped(_handled(self._method, [payload])[0])
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._waiting.append((payload, future))
        if not self._is_busy:
            self._begin()
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:  # what was begun is finished first: there is nothing to undo before
            future.add_done_callback(lambda _: self._thread.submit(_undo, self._method, payload))
            raise

    def _begin(self) -> None:
        calls, self._waiting = self._waiting[:_BATCH], self._waiting[_BATCH:]
        self._is_busy = bool(calls)
        if calls:
            loop = asyncio.get_running_loop()
            work = loop.run_in_executor(self._thread, _handled, self._method, [payload for payload, _ in calls])
            work.add_done_callback(lambda done: self._finish(calls, done.result()))

    def _finish(self, calls: Sequence[tuple[bytes, asyncio.Future[bytes]]], answers: Sequence[bytes | Exception]) -> None:
        self._begin()
        for (_, future), answer in zip(calls, answers, strict=True):
            if isinstance(answer, Exception):
                future.set_exception(answer)
                future.exception()  # the caller may be gone: then nobody else looks
            else:
                future.set_result(answer)


def _handled(method: BatchMethod, payloads: Sequence[bytes]) -> Sequence[bytes | Exception]:
    try:
        return method.handle(payloads)
    except Exception as error:  # noqa: BLE001 - the one place of this server
        return [error] * len(payloads)


def _unwrapped(answer: bytes | Exception) -> bytes:
    if isinstance(answer, Exception):
        raise answer
    return answer


def _grpcio_behavior(method: AnyMethod, secret: bytes) -> Callable[[bytes, grpc.aio.ServicerContext[Any, Any]], Awaitable[bytes]]:
    answers: Callable[[bytes], bytes | Coroutine[Any, Any, bytes]]
    answers = _Together(method).answer if isinstance(method, BatchMethod) else method.handle
    undoes_itself = isinstance(method, BatchMethod) and method.waits

    async def behavior(payload: bytes, context: grpc.aio.ServicerContext[Any, Any]) -> bytes:
        shown = next((v for k, v in context.invocation_metadata() or () if k == WORKLOAD_HEADER), "")
        if not hmac.compare_digest(shown.encode() if isinstance(shown, str) else shown, secret):
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, _UNAUTHENTICATED)
        try:
            answer = answers(payload)
            if not isinstance(answer, bytes):
                answer = await answer
        except asyncio.CancelledError:
            if not undoes_itself:
                _undo(method, payload)
            raise
        except Exception as error:  # noqa: BLE001 - the one place of this server
            await context.abort(*failure(error))
        if context.cancelled():
            await asyncio.to_thread(_undo, method, payload)
        return answer

    return behavior


class NativeFront:
    """The public port of `engine: native`: hot methods in Rust and on one thread, all others passed to a socket behind."""

    def __init__(self, address: str, methods: Sequence[AnyMethod], workload_secret: str, fallback: str) -> None:
        """Bind the port; RuntimeError with the address when it is taken."""
        self._methods = tuple(methods)
        self._secret = workload_secret.encode()
        self._pending: dict[int, Future[bytes]] = {}
        self._loop = asyncio.get_running_loop()
        try:
            # call_details: without it the front tells nothing of calls that were cancelled while they wait on the loop; it costs
            # those that don't. One thread for HTTP/2 keeps up with the one that answers; a second would only be woken for every
            # other call.
            self._front = NativeGrpcFront(
                address,
                [(m.path, False) for m in methods],
                io_threads=1,
                client_key_metadata=WORKLOAD_HEADER,
                call_details=any(isinstance(m, HotMethod) for m in methods),
                max_metadata_size=MAX_METADATA_SIZE,
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
            together: dict[str, tuple[BatchMethod, list[tuple[int, bytes]]]] = {}
            for kind, call_id, method_id, payload, shown in events:
                if kind != EVENT_CALL:
                    self._cancel(call_id)
                elif payload is None:
                    continue
                elif not hmac.compare_digest(shown.encode() if isinstance(shown, str) else shown or b"", self._secret):
                    self._front.fail(call_id, grpc.StatusCode.UNAUTHENTICATED.value[0], _UNAUTHENTICATED)
                elif isinstance(method := self._methods[method_id], BatchMethod):
                    together.setdefault(method.path, (method, []))[1].append((call_id, payload))
                else:
                    self._call(call_id, method, payload)
            for method, calls in together.values():
                self._call_together(method, calls)

    def _call_together(self, method: BatchMethod, calls: Sequence[tuple[int, bytes]]) -> None:
        for (call_id, payload), answer in zip(calls, _handled(method, [payload for _, payload in calls]), strict=True):
            if isinstance(answer, bytes):
                self._respond(call_id, method, payload, answer)
            else:
                self._fail(call_id, answer)

    def _call(self, call_id: int, method: HotMethod, payload: bytes) -> None:
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

    def _respond(self, call_id: int, method: AnyMethod, payload: bytes, answer: bytes) -> None:
        if not self._front.respond(call_id, answer):
            _undo(method, payload)

    def _cancel(self, call_id: int) -> None:
        if (future := self._pending.get(call_id)) is not None:
            future.cancel()

    def _fail(self, call_id: int, error: Exception) -> None:
        code, message = failure(error)
        self._front.fail(call_id, code.value[0], message)
