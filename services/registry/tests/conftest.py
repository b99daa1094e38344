"""The registry brought up for real, in this process, with clients that speak to it as people, authz and Envoy do."""

from __future__ import annotations

import asyncio
import ipaddress
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pytest
from envoy.service.discovery.v3 import ads_pb2_grpc
from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryRequest, DeltaDiscoveryResponse
from google.rpc import error_details_pb2, status_pb2
from maas.registry.v1 import catalog_pb2, catalog_pb2_grpc, models_pb2, models_pb2_grpc, tiers_pb2, tiers_pb2_grpc
from maas_common.errors import InvalidArgumentError
from maas_common.server import serve
from maas_common.testing import WORKLOAD, WORKLOAD_SECRET, FakeClock, Issuer, issuer
from maas_common.testing.databases import postgres_database, postgres_server
from maas_registry.app import build
from maas_registry.settings import RegistrySettings

CDS = "type.googleapis.com/envoy.config.cluster.v3.Cluster"
PUBLIC = "203.0.113.7"


@pytest.fixture(scope="session")
def people() -> Iterator[Issuer]:
    with issuer() as running:
        yield running


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    # Not in pytest's own folder: the next pytest to start closes that to other users, and run by root the server is one.
    with postgres_server() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request, tmp_path) -> Iterator[str]:
    """An empty database of its own, of each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'contract.db'}"
        return
    with postgres_database(request.getfixturevalue("postgres")) as url:
        yield url


class Names:
    """A Resolver that knows what it was told; every other name is at one public address."""

    def __init__(self) -> None:
        self.known: dict[str, list[str]] = {}

    async def addresses(self, host: str) -> list[Any]:
        try:
            return [ipaddress.ip_address(host)]
        except ValueError:
            found = self.known.get(host, [PUBLIC])
        if not found:
            raise InvalidArgumentError.of("url", f'host "{host}" does not resolve: Name or service not known')
        return [ipaddress.ip_address(address) for address in found]


class Watch:
    """authz, following the catalogue."""

    def __init__(self, call) -> None:
        self.call = call

    async def read(self) -> catalog_pb2.WatchCatalogResponse:
        response = await self.call.read()
        assert response is not grpc.aio.EOF
        return response

    async def ack(self, revision: int) -> None:
        await self.call.write(catalog_pb2.WatchCatalogRequest(ack=revision))

    async def take(self) -> catalog_pb2.WatchCatalogResponse:
        response = await self.read()
        await self.ack(response.revision)
        return response


class Envoy:
    """An Envoy, speaking delta ADS."""

    def __init__(self, call) -> None:
        self.call = call

    async def say(self, **fields: Any) -> None:
        await self.call.write(DeltaDiscoveryRequest(**({"type_url": CDS} | fields)))

    async def read(self) -> DeltaDiscoveryResponse:
        response = await self.call.read()
        assert response is not grpc.aio.EOF
        return response

    async def ack(self, response: DeltaDiscoveryResponse) -> None:
        await self.say(type_url=response.type_url, response_nonce=response.nonce)

    async def nack(self, response: DeltaDiscoveryResponse, why: str) -> None:
        await self.say(type_url=response.type_url, response_nonce=response.nonce, error_detail=status_pb2.Status(code=3, message=why))

    async def take(self) -> DeltaDiscoveryResponse:
        response = await self.read()
        await self.ack(response)
        return response

    @asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        """Take everything that comes inside the block, and leave at its end."""

        async def follow() -> None:
            while True:
                await self.take()

        task = asyncio.create_task(follow())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@dataclass
class World:
    """A running registry and who talks to it. `names.known` sets what names resolve to."""

    port: int
    channel: grpc.aio.Channel
    people: Issuer
    names: Names
    clock: FakeClock
    tiers: Any = field(init=False)
    models: Any = field(init=False)
    available: Any = field(init=False)
    catalog: Any = field(init=False)
    ads: Any = field(init=False)

    def __post_init__(self) -> None:
        self.tiers = tiers_pb2_grpc.TiersServiceStub(self.channel)
        self.models = models_pb2_grpc.ModelsServiceStub(self.channel)
        self.available = models_pb2_grpc.AvailableModelsServiceStub(self.channel)
        self.catalog = catalog_pb2_grpc.CatalogServiceStub(self.channel)
        self.ads = ads_pb2_grpc.AggregatedDiscoveryServiceStub(self.channel)
        self.admin = self.people.admin()

    async def add_tier(self, name: str, level: int, **fields: Any) -> tiers_pb2.Tier:
        return await self.tiers.CreateTier(tiers_pb2.CreateTierRequest(name=name, level=level, **fields), metadata=self.admin)

    async def add_model(self, model_id: str, **fields: Any) -> models_pb2.Model:
        request = models_pb2.CreateModelRequest(**({"id": model_id, "url": f"http://{model_id}.example/v1"} | fields))
        return await self.models.CreateModel(request, metadata=self.admin)

    async def delete_model(self, model_id: str) -> models_pb2.DeleteModelResponse:
        return await self.models.DeleteModel(models_pb2.DeleteModelRequest(id=model_id), metadata=self.admin)

    async def model(self, model_id: str) -> models_pb2.Model:
        return await self.models.GetModel(models_pb2.GetModelRequest(id=model_id), metadata=self.admin)

    async def watch(self, name: str = "authz-1", resume_after: int = 0) -> Watch:
        watch = Watch(self.catalog.WatchCatalog(metadata=WORKLOAD))
        await watch.call.write(catalog_pb2.WatchCatalogRequest(start={"watcher": name, "resume_after": resume_after}))
        return watch

    async def envoy(self, node: str = "gw-1", **fields: Any) -> Envoy:
        envoy = Envoy(self.ads.DeltaAggregatedResources(metadata=WORKLOAD))
        await envoy.say(node={"id": node}, **fields)
        return envoy


OpenWorld = Callable[..., AbstractAsyncContextManager[World]]


@pytest.fixture
def open_world(people: Issuer, tmp_path: Path) -> OpenWorld:
    """A registry inside the block. Waits are long enough never to end a test that passes, polls too rare to help one."""
    secret = tmp_path / "workload"
    secret.write_text(WORKLOAD_SECRET)
    defaults = {
        "port": 0,
        "metrics_port": 0,
        "workload_secret_file": secret,
        "oidc_issuer": people.url,
        "database_url": f"sqlite:///{tmp_path / 'registry.db'}",
        "enforcement_wait_s": 60,
        "heartbeat_s": 60,
        "poll_s": 60,
        "settle_s": 0,
        "remember_watchers_s": 0,
    }

    @asynccontextmanager
    async def opened(**settings: Any) -> AsyncIterator[World]:
        names, clock = Names(), FakeClock(time.time())
        service = build(RegistrySettings(**(defaults | settings)), resolver=names, clock=clock)
        async with serve(service) as running:
            background = [asyncio.ensure_future(task()) for task in service.background]
            await service.readiness.wait()
            channel = grpc.aio.insecure_channel(f"127.0.0.1:{running.port}")
            try:
                yield World(running.port, channel, people, names, clock)
            finally:
                for task in background:
                    task.cancel()
                await asyncio.gather(*background, return_exceptions=True)
                await channel.close()

    return opened


@pytest.fixture
def in_world(open_world: OpenWorld) -> Callable[..., None]:
    """Run a scenario against a registry."""

    def run(scenario: Callable[[World], Awaitable[None]], **settings: Any) -> None:
        async def main() -> None:
            async with open_world(**settings) as world:
                await scenario(world)

        asyncio.run(main())

    return run


@dataclass(frozen=True)
class Refusal:
    code: grpc.StatusCode
    message: str
    reason: str
    fields: list[str]


@pytest.fixture
def refused() -> Callable[[Awaitable[Any]], Awaitable[Refusal]]:
    """What a call is refused with."""

    async def refused(call: Awaitable[Any]) -> Refusal:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call
        error = caught.value
        status, info, bad = status_pb2.Status(), error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
        for key, value in error.trailing_metadata() or ():
            if key == "grpc-status-details-bin":
                status.ParseFromString(value)
        for detail in status.details:
            detail.Unpack(info)
            detail.Unpack(bad)
        return Refusal(error.code(), error.details() or "", info.reason, [violation.field for violation in bad.field_violations])

    return refused
