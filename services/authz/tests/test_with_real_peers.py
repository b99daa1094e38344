"""authz between the real keys, registry and ratelimit: what a management call changes is obeyed when it returns."""

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
from maas.keys.v1 import api_keys_pb2, api_keys_pb2_grpc
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
        self.models = models_pb2_grpc.ModelsServiceStub(registry)
        self.tiers = tiers_pb2_grpc.TiersServiceStub(registry)
        self.get_quota = authz_pb2_grpc.AuthzServiceStub(authz).GetQuota
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
    def run(scenario) -> None:
        secret, pepper = tmp_path / "workload", tmp_path / "pepper"
        secret.write_text(WORKLOAD_SECRET)
        pepper.write_text("1:" + "5e" * 32)
        usual = {"port": 0, "metrics_port": 0, "workload_secret_file": secret, "oidc_issuer": people.url, "shutdown_grace_s": 1.0}

        async def main() -> None:
            async with AsyncExitStack() as stack:
                keys = maas_keys.app.build(
                    KeysSettings(**usual, settle_s=0, database_url=f"sqlite:///{tmp_path}/keys.db", pepper_file=pepper)
                )
                registry = maas_registry.app.build(
                    RegistrySettings(
                        **usual, settle_s=0, database_url=f"sqlite:///{tmp_path}/registry.db", allowed_endpoint_ranges=["127.0.0.0/8"]
                    )
                )
                ratelimit = maas_ratelimit.app.build(
                    RatelimitSettings(**usual, engine=engine, state_dir=tmp_path / "ratelimit"), registry=CollectorRegistry()
                )
                to_keys, to_registry, to_ratelimit = [
                    await stack.enter_async_context(connect(f"127.0.0.1:{await stack.enter_async_context(running(service))}"))
                    for service in (keys, registry, ratelimit)
                ]
                authz = build(
                    AuthzSettings(**usual, pepper_file=pepper, engine=engine), keys=to_keys, registry=to_registry, ratelimit=to_ratelimit
                )
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


def test_a_new_key_works_and_a_revoked_one_does_not(in_suite):
    async def scenario(suite):
        request = api_keys_pb2.CreateApiKeyRequest(name="laptop")
        made = await suite.keys.CreateApiKey(request, metadata=suite.people.bearer("alice"))
        answer = await suite.ask(made.key)
        told = answer.dynamic_metadata
        assert (told["key"], told["user"], told["tier"]) == (made.id, f"{suite.people.url}|alice", "free")
        assert told["plan"] == "1;tier/free/requests-1m:requests:10:1m:user"
        revoked = await suite.keys.RevokeApiKey(api_keys_pb2.RevokeApiKeyRequest(id=made.id), metadata=suite.people.bearer("alice"))
        assert revoked.enforcement.enforced
        assert await suite.status(made.key) == 401

    in_suite(scenario)


def test_every_key_of_a_person_works_and_a_damaged_one_does_not(in_suite):
    async def scenario(suite):
        request = api_keys_pb2.CreateApiKeyRequest(name="laptop")
        made = [await suite.keys.CreateApiKey(request, metadata=suite.people.bearer("alice")) for _ in range(3)]
        assert [await suite.status(each.key) for each in made] == [200, 200, 200]
        assert await suite.status(made[0].key[:-6] + "000000") == 401

    in_suite(scenario)


def test_changes_of_tiers_and_models_are_obeyed_when_they_return(in_suite):
    async def scenario(suite):
        made = await suite.keys.CreateApiKey(api_keys_pb2.CreateApiKeyRequest(name="laptop"), metadata=suite.people.bearer("alice"))
        assert await suite.status(made.key) == 200

        raised = tiers_pb2.UpdateTierRequest(name="free", limits=[REQUESTS | {"amount": 50}])
        await suite.as_admin(suite.tiers.UpdateTier, raised)
        assert (await suite.ask(made.key)).dynamic_metadata["plan"] == "1;tier/free/requests-1m:requests:50:1m:user"

        await suite.as_admin(suite.models.UpdateModel, models_pb2.UpdateModelRequest(id="small", published_to="nobody"))
        assert await suite.status(made.key) == 404

        gold = tiers_pb2.CreateTierRequest(name="gold", level=3, groups=["gold-users"])
        await suite.as_admin(suite.tiers.CreateTier, gold)
        await suite.as_admin(suite.models.UpdateModel, models_pb2.UpdateModelRequest(id="small", published_to="tiers", tiers=["gold"]))
        assert await suite.status(made.key) == 403

        await suite.as_admin(suite.tiers.UpdateTier, tiers_pb2.UpdateTierRequest(name="gold", groups=["system:authenticated"]))
        assert await suite.status(made.key) == 200

        await suite.as_admin(suite.models.DeleteModel, models_pb2.DeleteModelRequest(id="small"))
        assert await suite.status(made.key) == 404

        new = models_pb2.CreateModelRequest(id="new", url="http://127.0.0.1:8090/v1", published_to="all")
        await suite.as_admin(suite.models.CreateModel, new)
        assert await suite.status(made.key, "new") == 200

    in_suite(scenario)


def test_a_quota_is_what_the_requests_of_their_callers_have_left(in_suite):
    async def scenario(suite):
        limits = [
            {"id": "requests", "metric": "requests", "amount": 10, "window": "month"},
            {"id": "tokens", "metric": "total_tokens", "amount": 100_000, "window": "month in Europe/Berlin"},
            {"id": "spend", "metric": "cost", "amount": 1_000_000, "window": "month", "per": "user+model"},
            {"id": "of-all", "metric": "requests", "amount": 100, "window": "month", "per": "tier"},
            {"id": "of-key", "metric": "requests", "amount": 5, "window": "month", "per": "key"},
            {"id": "at-once", "metric": "concurrency", "amount": 2},
        ]
        await suite.as_admin(suite.tiers.UpdateTier, tiers_pb2.UpdateTierRequest(name="free", limits=limits))
        priced = models_pb2.UpdateModelRequest(id="small", pricing={"input": 1_000_000, "output": 2_000_000})
        await suite.as_admin(suite.models.UpdateModel, priced)
        made = await suite.keys.CreateApiKey(api_keys_pb2.CreateApiKeyRequest(name="laptop"), metadata=suite.people.bearer("alice"))

        admission = await suite.ask(made.key)
        await suite.count("admit", admission)
        quota = await suite.quota("alice", key_id=made.id, model="small")
        assert (quota["requests"], quota["of-key"], quota["at-once"]) == ((1, 0, 9), (1, 0, 4), (0, 1, 1))
        used, reserved, left = quota["tokens"]
        assert (used, left) == (0, 100_000 - reserved)
        assert reserved > 0

        seen = {"input": "100", "output": "20", "total": "120", "cached": "-", "events": "1", "response_bytes": "9", "code": "200"}
        await suite.count("settle", admission, **seen)
        settled = {"requests": (1, 0, 9), "tokens": (120, 0, 99_880), "of-all": (1, 0, 99), "at-once": (0, 0, 2)}
        spent = {"spend": (140, 0, 999_860)}
        assert await suite.quota("alice", key_id=made.id, model="small") == settled | spent | {"of-key": (1, 0, 4)}
        assert await suite.quota("alice") == settled | {"of-key": (0, 0, 5)}
        untouched = {"requests": (0, 0, 10), "tokens": (0, 0, 100_000), "of-all": (1, 0, 99), "at-once": (0, 0, 2), "of-key": (0, 0, 5)}
        assert await suite.quota("bob") == untouched

    in_suite(scenario)
