"""Brings a service up and down: logs, /metrics, health, reflection, the gate, the engine, signals."""

from __future__ import annotations

import asyncio
import signal
import tempfile
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from wsgiref.simple_server import WSGIServer

import grpc
import prometheus_client
import structlog
from grpc_health.v1 import _async as health_aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from maas_common.auth.interceptor import GateInterceptor, Gatekeeper
from maas_common.auth.principal import Access
from maas_common.auth.role_source import RoleSource
from maas_common.clock import Clock, SystemClock
from maas_common.hot import MAX_METADATA_SIZE, AnyMethod, NativeFront, generic_handler
from maas_common.logs import configure_logging
from maas_common.readiness import Readiness
from maas_common.settings import ServiceSettings

log = structlog.get_logger(__name__)

Engine = Literal["native", "grpcio"]
_OPTIONS = (
    ("grpc.so_reuseport", 0),
    # A watcher on a host that is gone without a word must not count as connected.
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
    # Between the two grpc refuses by chance.
    ("grpc.max_metadata_size", MAX_METADATA_SIZE),
    ("grpc.absolute_max_metadata_size", MAX_METADATA_SIZE),
)


@dataclass(frozen=True, slots=True)
class Service:
    """What a composition root hands to `serve`."""

    name: str
    settings: ServiceSettings
    readiness: Readiness
    access: Mapping[str, Access]
    """Who may call what: see Gatekeeper. Hot methods always want the workload credential."""
    register: Callable[[grpc.aio.Server], None]
    """Adds the servicers."""
    hot: Sequence[AnyMethod] = ()
    engine: Engine = "grpcio"
    background: Sequence[Callable[[], Awaitable[None]]] = ()
    """Run until the service stops; one that ends or fails by itself ends the service."""
    clock: Clock = field(default_factory=SystemClock)
    roles: RoleSource | None = None
    """Where people's roles come from; None: from the settings alone."""


@dataclass(frozen=True, slots=True)
class Running:
    """Where a running service can be reached."""

    port: int
    metrics_port: int


def run(name: str, settings: ServiceSettings, build: Callable[[], Service]) -> None:
    """Run a service until SIGTERM or SIGINT. `build` is called on the event loop. Exits with 1 when it can't start."""
    configure_logging(name, settings.log_level, settings.log_format)  # first: building may migrate, and may fail
    try:
        asyncio.run(_until_told(build))
    except (OSError, ValueError, RuntimeError) as error:
        log.error("service failed", error=str(error), exc_info=error.__cause__)  # noqa: TRY400 - only what is behind it
        raise SystemExit(1) from None


async def _until_told(build: Callable[[], Service]) -> None:
    told = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    service = build()
    work: list[asyncio.Future[Any]] = []
    try:
        async with serve(service) as running:
            log.info("service started", port=running.port, metrics_port=running.metrics_port, engine=service.engine)
            waiting = asyncio.create_task(told.wait())
            work += [asyncio.ensure_future(task()) for task in service.background]
            await asyncio.wait({waiting, *work}, return_when=asyncio.FIRST_COMPLETED)
            log.info("service stopping", told=told.is_set())
    finally:
        # Only now: what is still in flight above decides by what these keep current.
        for task in work:
            task.cancel()
        endings = await asyncio.gather(*work, return_exceptions=True)
    if not told.is_set():
        raise RuntimeError("a background task of the service ended by itself") from next(
            (e for e in endings if isinstance(e, Exception)), None
        )


@asynccontextmanager
async def serve(service: Service) -> AsyncIterator[Running]:
    """Serve inside the block, gracefully stopped at its end. Background tasks are the caller's to run."""
    settings = service.settings
    secret = settings.workload_secret().get_secret_value()
    gate = Gatekeeper(
        access=service.access,
        workload_secret=secret,
        authenticator=settings.authenticator(service.clock),
        roles=service.roles or settings.roles_by_group(),
    )
    async with AsyncExitStack() as stack:
        interceptor = GateInterceptor(gate, frozenset(m.path for m in service.hot))
        server = grpc.aio.server(interceptors=[interceptor], options=_OPTIONS)
        service.register(server)
        _add_health_and_reflection(server, service)
        address = f"{settings.host}:{settings.port}"
        if service.engine == "native":
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="maas-"))
            socket = str(Path(folder) / "fallback.sock")
            server.add_insecure_port(f"unix:{socket}")
            front = NativeFront(address, service.hot, secret, socket)
            await server.start()
            front.start()
            port = front.port
        else:
            server.add_generic_rpc_handlers([generic_handler(service.hot, secret)])
            try:
                port = server.add_insecure_port(address)
            except RuntimeError as error:
                raise RuntimeError(f"{address} can't be bound; is another process using it?") from error
            await server.start()
            front = None
        metrics, _ = prometheus_client.start_http_server(settings.metrics_port, settings.host)
        try:
            yield Running(port, metrics.server_port)
        finally:
            interceptor.end_streams()
            if front is not None:
                await front.stop(settings.shutdown_grace_s)
            await server.stop(settings.shutdown_grace_s)
            # Its loop looks up twice a second; nobody has to wait for that.
            threading.Thread(target=_close, args=(metrics,), daemon=True).start()


def _close(metrics: WSGIServer) -> None:
    metrics.shutdown()
    metrics.server_close()


def _add_health_and_reflection(server: grpc.aio.Server, service: Service) -> None:
    servicer = health_aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    names = [*dict.fromkeys([*(name.partition("/")[0] for name in service.access), *(m.path.split("/")[1] for m in service.hot)])]
    updates: set[asyncio.Task[Any]] = set()

    def say(ready: bool) -> None:  # noqa: FBT001 - a listener of Readiness
        status = health_pb2.HealthCheckResponse.SERVING if ready else health_pb2.HealthCheckResponse.NOT_SERVING
        for name in ("", *names):
            task = asyncio.get_running_loop().create_task(servicer.set(name, status))
            updates.add(task)
            task.add_done_callback(updates.discard)

    service.readiness.listen(say)
    reflection.enable_server_reflection([*names, health.SERVICE_NAME, reflection.SERVICE_NAME], server)
