"""The one interceptor: request id, credential, access table, validation, errors, metrics. Every method passes here."""

from __future__ import annotations

import asyncio
import hmac
import secrets
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import grpc
import structlog
from prometheus_client import Counter, Histogram

from maas_common.auth.authenticator import Authenticator
from maas_common.auth.principal import Access, Principal, bind_principal
from maas_common.auth.role_source import RoleSource
from maas_common.auth.roles import may_call
from maas_common.errors import DomainError, PermissionDeniedError, UnauthenticatedError, UnavailableError
from maas_common.grpc_errors import abort, status_code
from maas_common.validation import check, reading

log = structlog.get_logger(__name__)

WORKLOAD_HEADER = "x-maas-workload"
CALLS = Counter("maas_grpc_calls_total", "gRPC calls that ended, by method and status.", ["method", "code"])
SECONDS = Histogram("maas_grpc_call_seconds", "How long gRPC calls took.", ["method"])
_PUBLIC_SERVICES = ("grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection", "grpc.reflection.v1.ServerReflection")


class Gatekeeper:
    """Decides who is calling and whether they may. A method that is not in the table is closed."""

    def __init__(self, *, access: Mapping[str, Access], workload_secret: str, authenticator: Authenticator, roles: RoleSource) -> None:
        """`access` maps `package.Service` or `package.Service/Method` to who may call it; the longer name wins."""
        self._access = dict(access) | dict.fromkeys(_PUBLIC_SERVICES, Access.PUBLIC)
        self._secret = workload_secret.encode()
        self._authenticator = authenticator
        self._roles = roles

    def access_of(self, path: str) -> Access | None:
        """Who may call `/package.Service/Method`."""
        name = path.removeprefix("/")
        return self._access.get(name) or self._access.get(name.partition("/")[0])

    async def admit(self, path: str, metadata: Mapping[str, str]) -> Principal | None:
        """The caller, None for anybody; UnauthenticatedError or PermissionDeniedError when they may not."""
        access = self.access_of(path)
        if access is Access.PUBLIC:
            return None
        if access is None:
            raise PermissionDeniedError(f"{path} is open to nobody")
        if WORKLOAD_HEADER in metadata:
            if not hmac.compare_digest(metadata[WORKLOAD_HEADER].encode(), self._secret):
                raise UnauthenticatedError("the workload credential is wrong")
            if access in {Access.WORKLOAD, Access.PEOPLE_OR_WORKLOAD}:
                return Principal("maas", "workload", "workload", is_workload=True, metadata=dict(metadata))
        if access is Access.WORKLOAD:
            raise UnauthenticatedError(f"{path} wants the workload credential as {WORKLOAD_HEADER}")
        scheme, _, token = metadata.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise UnauthenticatedError("sign in, and send the token as `authorization: Bearer …`")
        principal = await self._authenticator.authenticate(token.strip())
        principal = replace(principal, roles=await self._roles.roles_of(principal))
        if not may_call(path.removeprefix("/"), principal.roles):
            raise PermissionDeniedError(f"{principal.username} may not call {path}: {_roles_of(principal)}; docs/roles.md says who may")
        return principal


def _roles_of(principal: Principal) -> str:
    return f"their roles are {', '.join(sorted(principal.roles))}" if principal.roles else "they have no role"


class GateInterceptor(grpc.aio.ServerInterceptor):  # type: ignore[type-arg] # generic in the stubs only
    """Wraps every handler of a service's grpcio server."""

    def __init__(self, gatekeeper: Gatekeeper, guarded_elsewhere: frozenset[str] = frozenset()) -> None:
        """`guarded_elsewhere`: methods that check the workload credential themselves (`maas_common.hot`)."""
        self._gate = gatekeeper
        self._guarded_elsewhere = guarded_elsewhere
        self._streams: set[asyncio.Task[Any]] = set()

    def end_streams(self) -> None:
        """End every stream in hand: they have no end of their own, and a stopping service would wait for them."""
        for stream in self._streams:
            stream.cancel()

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Any, Any]]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any]:
        """Replace the handler's behaviour by one that admits, validates and translates errors."""
        path = handler_call_details.method
        handler = await continuation(handler_call_details)
        if handler is None or path in self._guarded_elsewhere:
            return handler
        metadata = {k: v for k, v in handler_call_details.invocation_metadata or () if isinstance(v, str)}
        call = _Call(self._gate, path, metadata, self._streams)
        codec = (handler.request_deserializer and reading(handler.request_deserializer), handler.response_serializer)
        if handler.unary_unary:
            return grpc.unary_unary_rpc_method_handler(call.unary(handler.unary_unary), *codec)
        if handler.unary_stream:
            return grpc.unary_stream_rpc_method_handler(call.answering(handler.unary_stream), *codec)
        return grpc.stream_stream_rpc_method_handler(call.conversing(handler.stream_stream), *codec)


class _Call:
    """One call on its way through the gate."""

    def __init__(self, gate: Gatekeeper, path: str, metadata: Mapping[str, str], streams: set[asyncio.Task[Any]]) -> None:
        self._gate = gate
        self._path = path
        self._metadata = metadata
        self._streams = streams

    def unary(self, behavior: Any) -> Any:
        async def unary(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
            async with _Observed(self._path, context):
                await self._enter()
                check(request)
                return await behavior(request, context)

        return unary

    def answering(self, behavior: Any) -> Any:
        async def answering(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> None:
            async with _Observed(self._path, context):
                await self._enter()
                check(request)
                await self._send(behavior(request, context), context)

        return answering

    def conversing(self, behavior: Any) -> Any:
        async def conversing(requests: AsyncIterator[Any], context: grpc.aio.ServicerContext[Any, Any]) -> None:
            async with _Observed(self._path, context):
                await self._enter()
                await self._send(behavior(self._checked(requests), context), context)

        return conversing

    async def _enter(self) -> None:
        structlog.contextvars.bind_contextvars(request_id=self._metadata.get("x-request-id") or secrets.token_hex(8), method=self._path)
        principal = await self._gate.admit(self._path, self._metadata)
        if principal is not None:
            bind_principal(principal)

    async def _checked(self, requests: AsyncIterator[Any]) -> AsyncIterator[Any]:
        async for request in requests:
            check(request)
            yield request

    async def _send(self, behavior: Any, context: grpc.aio.ServicerContext[Any, Any]) -> None:
        """Run a streaming behaviour of either kind: an async generator, or a coroutine that writes for itself."""
        stream = asyncio.ensure_future(self._drain(behavior, context))
        self._streams.add(stream)
        try:
            await asyncio.wait([stream])
        finally:
            self._streams.discard(stream)
            stream.cancel()
        if stream.cancelled():
            raise UnavailableError("the service is stopping")
        stream.result()

    async def _drain(self, behavior: Any, context: grpc.aio.ServicerContext[Any, Any]) -> None:
        if isinstance(behavior, AsyncGenerator):
            async with aclosing(behavior) as responses:  # one stopped while it writes ends now, not when it is collected
                async for response in responses:
                    await context.write(response)
        else:
            await behavior


class _Observed:
    """Counts a call and ends it well: refusals with their status, the unexpected as INTERNAL with nothing of it shown."""

    def __init__(self, path: str, context: grpc.aio.ServicerContext[Any, Any]) -> None:
        self._path = path
        self._context = context
        self._started = time.perf_counter()

    async def __aenter__(self) -> None:
        return None

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, _trace: object) -> None:
        code = "OK"
        try:
            if isinstance(error, DomainError):
                code = status_code(error).name
                behind = {"cause": str(error.__cause__)} if error.__cause__ else {}
                log.info("call refused", error=error.message, reason=error.reason, **behind)
                await abort(self._context, error)
            elif isinstance(error, grpc.aio.AbortError):
                code = "ABORTED_BY_HANDLER"
            elif isinstance(error, Exception):
                code = "INTERNAL"
                log.error("call failed", exc_info=error)
                await self._context.abort(grpc.StatusCode.INTERNAL, "internal error; the log has it under this request's id")
            elif error is not None:
                code = "CANCELLED"
        finally:
            CALLS.labels(self._path, code).inc()
            SECONDS.labels(self._path).observe(time.perf_counter() - self._started)
