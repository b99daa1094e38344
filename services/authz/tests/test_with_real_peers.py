"""authz between the real keys and registry: what a management call changes is obeyed when it returns."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import grpc
import maas_keys.app
import maas_registry.app
import pytest
from envoy.service.auth.v3 import external_auth_pb2
from maas.keys.v1 import api_keys_pb2, api_keys_pb2_grpc
from maas.registry.v1 import models_pb2, models_pb2_grpc, tiers_pb2, tiers_pb2_grpc
from maas_authz.adapters.watching import connect
from maas_authz.app import build
from maas_authz.settings import AuthzSettings
from maas_common.server import Service, serve
from maas_common.testing import WORKLOAD, WORKLOAD_SECRET
from maas_keys.settings import KeysSettings
from maas_registry.settings import RegistrySettings

CHECK = "/envoy.service.auth.v3.Authorization/Check"
REQUESTS = {"metric": "requests", "amount": 10, "window": "1m"}


class Suite:
    """The three services, and people who manage and call."""

    def __init__(self, people) -> None:
        self.people = people

    def connect(self, keys, registry, authz) -> None:
        self.keys = api_keys_pb2_grpc.ApiKeysServiceStub(keys)
        self.models = models_pb2_grpc.ModelsServiceStub(registry)
        self.tiers = tiers_pb2_grpc.TiersServiceStub(registry)
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
                to_keys, to_registry = [
                    await stack.enter_async_context(connect(f"127.0.0.1:{await stack.enter_async_context(running(service))}"))
                    for service in (keys, registry)
                ]
                to_ratelimit = await stack.enter_async_context(connect("127.0.0.1:9"))  # not asked for decisions
                authz = build(
                    AuthzSettings(**usual, pepper_file=pepper, engine=engine), keys=to_keys, registry=to_registry, ratelimit=to_ratelimit
                )
                port = await stack.enter_async_context(running(authz))
                to_authz = await stack.enter_async_context(grpc.aio.insecure_channel(f"127.0.0.1:{port}"))
                suite = Suite(people)
                suite.connect(to_keys, to_registry, to_authz)
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
