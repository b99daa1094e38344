"""authz between the real keys, registry and ratelimit, and people who manage and call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import grpc
import maas_keys.app
import maas_ratelimit.app
import maas_registry.app
import pytest
from envoy.extensions.common.ratelimit.v3.ratelimit_pb2 import RateLimitDescriptor
from envoy.service.auth.v3 import external_auth_pb2
from envoy.service.ratelimit.v3 import rls_pb2, rls_pb2_grpc
from google.protobuf.json_format import MessageToDict
from maas.authz.v1 import authz_pb2, authz_pb2_grpc
from maas.keys.v1 import api_keys_pb2_grpc, teams_pb2_grpc, tenants_pb2_grpc
from maas.registry.v1 import models_pb2, models_pb2_grpc, tiers_pb2, tiers_pb2_grpc
from maas_authz.app import build
from maas_authz.settings import AuthzSettings
from maas_common.channels import connect
from maas_common.server import Service, serve
from maas_common.testing import WORKLOAD, WORKLOAD_SECRET
from maas_keys.settings import KeysSettings
from maas_ratelimit.settings import RatelimitSettings
from maas_registry.settings import RegistrySettings
from prometheus_client import CollectorRegistry

CHECK = "/envoy.service.auth.v3.Authorization/Check"
COUNTED = ("rid", "tenant", "key", "user", "team", "tier", "group", "model", "plan", "price", "bytes", "max_out")
REQUESTS = {"metric": "requests", "amount": 10, "window": "1m"}


class Suite:
    """The four services, and people who manage and call."""

    def __init__(self, people) -> None:
        self.people = people

    def connect(self, keys, registry, ratelimit, authz) -> None:
        self.keys = api_keys_pb2_grpc.ApiKeysServiceStub(keys)
        self.teams = teams_pb2_grpc.TeamsServiceStub(keys)
        self.tenants = tenants_pb2_grpc.TenantsServiceStub(keys)
        self.models = models_pb2_grpc.ModelsServiceStub(registry)
        self.tiers = tiers_pb2_grpc.TiersServiceStub(registry)
        self.get_quota = authz_pb2_grpc.AuthzServiceStub(authz).GetQuota
        self.list_access = authz_pb2_grpc.AuthzServiceStub(authz).ListAccess
        self._should_rate_limit = rls_pb2_grpc.RateLimitServiceStub(ratelimit).ShouldRateLimit
        self._check = authz.unary_unary(
            CHECK,
            request_serializer=external_auth_pb2.CheckRequest.SerializeToString,
            response_deserializer=external_auth_pb2.CheckResponse.FromString,
        )

    async def as_admin(self, method, request):
        answer = await method(request, metadata=self.people.admin())
        assert answer.enforcement.enforced, answer.enforcement
        return answer

    async def ask(self, key: str, model: str = "small"):
        request = external_auth_pb2.CheckRequest()
        request.attributes.request.http.method = "POST"
        request.attributes.request.http.path = f"/llm/{model}/v1/chat/completions"
        request.attributes.request.http.headers["x-api-key"] = key
        request.attributes.metadata_context.filter_metadata["maas.request"].fields["bytes"].string_value = "2"
        return await self._check(request, metadata=WORKLOAD)

    async def count(self, kind: str, admission, **seen: str):
        """Tell ratelimit of an admitted request as Envoy does; `seen` of its answer."""
        told = MessageToDict(admission.dynamic_metadata)
        entries = {"kind": kind} | {name: told[name] for name in COUNTED} | seen
        descriptor = RateLimitDescriptor(entries=[{"key": key, "value": value} for key, value in entries.items()])
        request = rls_pb2.RateLimitRequest(domain="maas", descriptors=[descriptor])
        answer = await self._should_rate_limit(request, metadata=WORKLOAD)
        assert answer.overall_code == rls_pb2.RateLimitResponse.OK

    async def quota(self, who: str, **request: str) -> dict[str, tuple[int, int, int]]:
        """Used, reserved and left, by limit."""
        answer = await self.get_quota(authz_pb2.GetQuotaRequest(**request), metadata=self.people.bearer(who))
        return {each.id.removeprefix(f"tier/{answer.tier}/"): (each.used, each.reserved, each.remaining) for each in answer.limits}

    async def status(self, key: str, model: str = "small") -> int:
        answer = await self.ask(key, model)
        return 200 if answer.HasField("ok_response") else answer.denied_response.status.code


@asynccontextmanager
async def running(service: Service) -> AsyncIterator[int]:
    """As `maas_common.server.run` does it, without the signals."""
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


@pytest.fixture
def in_suite(engine, people, tmp_path):
    def run(scenario, **given) -> None:
        secret, pepper = tmp_path / "workload", tmp_path / "pepper"
        secret.write_text(WORKLOAD_SECRET)
        pepper.write_text("1:" + "5e" * 32)
        usual = {"port": 0, "metrics_port": 0, "workload_secret_file": secret, "oidc_issuer": people.url, "shutdown_grace_s": 1.0}

        async def main() -> None:
            async with AsyncExitStack() as stack:
                logged = usual | {"settle_s": 0, "enforcement_wait_s": 20}
                at_rest = f"sqlite:///{tmp_path}/registry.db"
                registry = maas_registry.app.build(
                    RegistrySettings(**logged, database_url=at_rest, allowed_endpoint_ranges=["127.0.0.0/8"])
                )
                ratelimit = maas_ratelimit.app.build(
                    RatelimitSettings(**usual, engine=engine, state_dir=tmp_path / "ratelimit"), registry=CollectorRegistry()
                )

                async def port_of(service: Service) -> str:
                    return f"127.0.0.1:{await stack.enter_async_context(running(service))}"

                at_registry, at_ratelimit = await port_of(registry), await port_of(ratelimit)
                of_keys = logged | {"database_url": f"sqlite:///{tmp_path}/keys.db", "pepper_file": pepper}
                keys = maas_keys.app.build(KeysSettings(**of_keys, registry_address=at_registry))
                to_keys, to_registry, to_ratelimit = [
                    await stack.enter_async_context(connect(at)) for at in (await port_of(keys), at_registry, at_ratelimit)
                ]
                chosen = AuthzSettings(**usual, pepper_file=pepper, engine=engine, **given)
                authz = build(chosen, keys=to_keys, registry=to_registry, ratelimit=to_ratelimit)
                port = await stack.enter_async_context(running(authz))
                to_authz = await stack.enter_async_context(grpc.aio.insecure_channel(f"127.0.0.1:{port}"))
                suite = Suite(people)
                suite.connect(to_keys, to_registry, to_ratelimit, to_authz)
                free = tiers_pb2.CreateTierRequest(name="free", groups=["system:authenticated"], limits=[REQUESTS])
                await suite.as_admin(suite.tiers.CreateTier, free)
                small = models_pb2.CreateModelRequest(id="small", url="http://127.0.0.1:8090/v1", upstream_name="Small", published_to="all")
                await suite.as_admin(suite.models.CreateModel, small)
                await scenario(suite)

        asyncio.run(main())

    return run
