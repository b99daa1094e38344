"""authz spoken to by another implementation of everything: envoy-data-plane's messages (betterproto2) over grpclib's HTTP/2."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import grpc
import grpclib
import maas_authz.app
import maas_keys.app
import maas_ratelimit.app
import maas_registry.app
import pytest
from envoy_data_plane.envoy.config.core.v3 import Metadata
from envoy_data_plane.envoy.service.auth.v3 import (
    AttributeContext,
    AttributeContextHttpRequest,
    AttributeContextRequest,
    AuthorizationAsyncStub,
    CheckRequest,
    CheckResponse,
)
from envoy_data_plane.google.protobuf import Struct
from grpclib.client import Channel
from maas.keys.v1 import api_keys_pb2, api_keys_pb2_grpc
from maas.registry.v1 import models_pb2, models_pb2_grpc, tiers_pb2, tiers_pb2_grpc
from maas_authz.settings import AuthzSettings
from maas_common.channels import connect
from maas_common.server import Service, serve
from maas_common.testing import WORKLOAD_SECRET, Issuer, issuer
from maas_keys.settings import KeysSettings
from maas_ratelimit.settings import RatelimitSettings
from maas_registry.settings import RegistrySettings
from prometheus_client import CollectorRegistry


@dataclass(frozen=True, slots=True)
class Seeded:
    """Where authz is, a key of the tier `free`, and whose it is."""

    port: int
    key: str
    key_id: str
    user: str

    async def check(
        self, method: str, path: str, facts: dict[str, str], *, key: str | None = None, secret: str = WORKLOAD_SECRET
    ) -> CheckResponse:
        http = AttributeContextHttpRequest(method=method, path=path, headers={"authorization": f"Bearer {key or self.key}"})
        told = Metadata(filter_metadata={"maas.request": Struct.from_dict(facts)})
        request = CheckRequest(attributes=AttributeContext(request=AttributeContextRequest(http=http), metadata_context=told))
        channel = Channel("127.0.0.1", self.port)
        try:
            return await AuthorizationAsyncStub(channel, metadata={"x-maas-workload": secret}).check(request)
        finally:
            channel.close()


@asynccontextmanager
async def running(service: Service) -> AsyncIterator[int]:
    async with serve(service) as at:
        work = [asyncio.ensure_future(task()) for task in service.background]
        try:
            async with asyncio.timeout(20):
                await service.readiness.wait()
            yield at.port
        finally:
            for task in work:
                task.cancel()
            await asyncio.gather(*work, return_exceptions=True)


@asynccontextmanager
async def seeded(engine: str, people: Issuer, folder) -> AsyncIterator[Seeded]:
    secret, pepper = folder / "workload", folder / "pepper"
    secret.write_text(WORKLOAD_SECRET)
    pepper.write_text("1:" + "5e" * 32)
    usual = {"port": 0, "metrics_port": 0, "workload_secret_file": secret, "oidc_issuer": people.url, "shutdown_grace_s": 1.0}
    services = (
        maas_keys.app.build(KeysSettings(**usual, database_url=f"sqlite:///{folder}/keys.db", pepper_file=pepper)),
        maas_registry.app.build(
            RegistrySettings(**usual, database_url=f"sqlite:///{folder}/registry.db", allowed_endpoint_ranges=["127.0.0.0/8"])
        ),
        maas_ratelimit.app.build(RatelimitSettings(**usual, state_dir=folder / "ratelimit"), registry=CollectorRegistry()),
    )
    async with AsyncExitStack() as stack:
        ports = [await stack.enter_async_context(running(service)) for service in services]
        keys, registry, ratelimit = [await stack.enter_async_context(connect(f"127.0.0.1:{port}")) for port in ports]
        limits = [
            {"metric": "requests", "amount": 10, "window": "1m"},
            {
                "id": "spend",
                "metric": "cost",
                "amount": 5000000,
                "window": "month in Europe/Berlin",
                "per": "user+model",
                "over": "soft 20",
            },
        ]
        tier = tiers_pb2.CreateTierRequest(name="free", groups=["system:authenticated"], limits=limits, strict=True)
        model = models_pb2.CreateModelRequest(
            id="small",
            url="http://127.0.0.1:8090/v1",
            upstream_name="Small",
            published_to="all",
            pricing={"input": 150000, "output": 600000},
        )
        key = api_keys_pb2.CreateApiKeyRequest(name="laptop")
        await tiers_pb2_grpc.TiersServiceStub(registry).CreateTier(tier, metadata=people.admin())
        await models_pb2_grpc.ModelsServiceStub(registry).CreateModel(model, metadata=people.admin())
        made = await api_keys_pb2_grpc.ApiKeysServiceStub(keys).CreateApiKey(key, metadata=people.bearer("alice"))
        settings = AuthzSettings(**usual, pepper_file=pepper, engine=engine)
        authz = maas_authz.app.build(settings, keys=keys, registry=registry, ratelimit=ratelimit)
        port = await stack.enter_async_context(running(authz))
        yield Seeded(port, made.key, made.id, f"{people.url}|alice")


@pytest.fixture(scope="module", params=["native", "grpcio"])
def world(request, tmp_path_factory):
    """A loop and a seeded suite for all tests of an engine."""
    with issuer() as people, asyncio.Runner() as runner:
        stack = AsyncExitStack()
        suite = runner.run(stack.enter_async_context(seeded(request.param, people, tmp_path_factory.mktemp("suite"))))
        yield runner.run, suite
        runner.run(stack.aclose())


def test_an_admission_reads_the_same_elsewhere(world):
    run, suite = world
    facts = {"bytes": "99", "model": "small", "stream": "true", "max_tokens": "32"}
    response = run(suite.check("POST", "/v1/chat/completions?x=1", facts))
    assert response.status is None or response.status.code == 0
    assert response.denied_response is None
    headers = {option.header.key: option.header.value for option in response.ok_response.headers}
    assert headers == {"x-maas-cluster": "asset.small", ":path": "/v1/chat/completions?x=1", ":authority": "127.0.0.1:8090"}
    assert {"authorization", "x-api-key", "api-key", "accept-encoding"} == set(response.ok_response.headers_to_remove)
    told = response.dynamic_metadata.to_dict()
    assert len(told.pop("rid")) == 32
    assert told == {
        "decided": "1",
        "tenant": "default",
        "key": suite.key_id,
        "user": suite.user,
        "team": "-",
        "tier": "free",
        "group": "system:authenticated",
        "model": "small",
        "plan": "1 strict;tier/free/requests-1m:requests:10:1m:user;tier/free/spend:cost:5000000:month in Europe/Berlin:user+model:soft 20",
        "price": "150000/600000/150000",
        "bytes": "99",
        "max_out": "32",
        "set_model": "Small",
        "add_usage": "1",
    }


def test_the_model_list_reads_the_same_elsewhere(world):
    run, suite = world
    response = run(suite.check("GET", "/v1/models", {}))
    headers = {option.header.key: option.header.value for option in response.ok_response.headers}
    assert headers == {"x-maas-cluster": "maas.models", "x-maas-tenant": "default", "x-maas-tier": "free"}
    assert response.dynamic_metadata.to_dict() == {"decided": "1"}


def test_refusals_read_the_same_elsewhere(world):
    run, suite = world
    for code, asked in (
        (401, {"method": "POST", "path": "/v1/chat/completions", "facts": {}, "key": "junk"}),
        (400, {"method": "POST", "path": "/v1/chat/completions", "facts": {"malformed": "no JSON"}}),
        (415, {"method": "POST", "path": "/v1/chat/completions", "facts": {"content_type": "text/plain"}}),
        (405, {"method": "GET", "path": "/v1/chat/completions", "facts": {}}),
        (404, {"method": "POST", "path": "/v1/chat/completions", "facts": {"bytes": "2", "model": "none"}}),
    ):
        response = run(suite.check(**asked))
        assert response.ok_response is None
        assert int(response.denied_response.status.code) == code
        assert json.loads(response.denied_response.body)["error"]["code"] == code
        assert ("content-type", "application/json") in {
            (option.header.key, option.header.value) for option in response.denied_response.headers
        }
        assert response.dynamic_metadata.to_dict() == {"decided": "1"}


def test_a_wrong_workload_credential_is_refused(world):
    run, suite = world
    with pytest.raises(grpclib.GRPCError) as caught:
        run(suite.check("GET", "/v1/models", {}, secret="wrong"))
    assert caught.value.status.value == grpc.StatusCode.UNAUTHENTICATED.value[0]
