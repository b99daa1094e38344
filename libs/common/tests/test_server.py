"""A service brought up for real on each engine: who may call what, and what they are told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from maas.keys.v1 import api_keys_pb2, api_keys_pb2_grpc, lookup_pb2, lookup_pb2_grpc
from maas_common.auth.principal import Access, current_principal
from maas_common.errors import NotFoundError
from maas_common.hot import HotMethod
from maas_common.readiness import Readiness
from maas_common.server import Service, serve
from maas_common.settings import ServiceSettings
from maas_common.testing import WORKLOAD, WORKLOAD_SECRET, Issuer, issuer
from pydantic_settings import SettingsConfigDict

HOT = "/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit"


class Settings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="MAAS_TEST_")


class Keys(api_keys_pb2_grpc.ApiKeysServiceServicer):
    async def GetApiKey(self, request, context):
        if request.id == "broken":
            raise RuntimeError("a secret that must not be shown")
        if request.id != "mine":
            raise NotFoundError(f'API key "{request.id}" does not exist', metadata={"id": request.id})
        return api_keys_pb2.ApiKey(id="mine", username=current_principal().username)

    async def RevokeApiKey(self, request, context):
        return api_keys_pb2.ApiKey(id=request.id)


class Watch(lookup_pb2_grpc.KeyLookupServiceServicer):
    async def WatchKeys(self, request_iterator, context):
        async for request in request_iterator:
            yield lookup_pb2.WatchKeysResponse(revision=request.start.resume_after)


@pytest.fixture(scope="module")
def people() -> Iterator[Issuer]:
    with issuer() as running:
        yield running


class World:
    def __init__(self, channel, readiness, undelivered):
        self.channel = channel
        self.keys = api_keys_pb2_grpc.ApiKeysServiceStub(channel)
        self.watch = lookup_pb2_grpc.KeyLookupServiceStub(channel)
        self.hot = channel.unary_unary(HOT)
        self.readiness = readiness
        self.undelivered = undelivered
        self.waiting = asyncio.Event()
        self.release = asyncio.Event()


@pytest.fixture(params=["native", "grpcio"])
def engine(request):
    return request.param


def in_world(engine, people, tmp_path, scenario):
    """Run a scenario against a service on that engine."""

    async def main() -> None:
        secret = tmp_path / "workload"
        secret.write_text(WORKLOAD_SECRET)
        readiness = Readiness("catalogue")
        undelivered: list[bytes] = []
        world: World

        async def slowly(payload: bytes) -> bytes:
            world.waiting.set()
            await world.release.wait()
            return b"slow " + payload

        def handle(payload: bytes):
            if payload == b"broken":
                raise RuntimeError("a secret that must not be shown")
            if payload == b"absent":
                raise NotFoundError("no such counter")
            return slowly(payload) if payload == b"wait" else b"fast " + payload

        def forget(payload: bytes) -> None:
            undelivered.append(payload)
            raise RuntimeError("what fails in here must not end the engine")

        def register(server):
            api_keys_pb2_grpc.add_ApiKeysServiceServicer_to_server(Keys(), server)
            lookup_pb2_grpc.add_KeyLookupServiceServicer_to_server(Watch(), server)

        service = Service(
            name="test",
            settings=Settings(port=0, metrics_port=0, workload_secret_file=secret, oidc_issuer=people.url),
            readiness=readiness,
            access={
                "maas.keys.v1.ApiKeysService/GetApiKey": Access.USER,
                "maas.keys.v1.ApiKeysService/RevokeApiKey": Access.ADMIN,
                "maas.keys.v1.KeyLookupService": Access.WORKLOAD,
            },
            register=register,
            hot=[HotMethod(HOT, handle, forget)],
            engine=engine,
        )
        async with serve(service) as running:
            channel = grpc.aio.insecure_channel(f"127.0.0.1:{running.port}")
            world = World(channel, readiness, undelivered)
            unfinished = await scenario(world)
        if unfinished:
            await unfinished
        await channel.close()

    asyncio.run(main())


async def refused(call) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value


def test_a_user_is_known_by_name_and_others_are_refused(engine, people, tmp_path):
    async def scenario(world: World) -> None:
        get = api_keys_pb2.GetApiKeyRequest(id="mine")
        assert (await world.keys.GetApiKey(get, metadata=people.bearer("alice"))).username == "alice"
        for metadata in (None, (("authorization", "Bearer junk"),), WORKLOAD, (("authorization", "Basic YQ=="),)):
            error = await refused(world.keys.GetApiKey(get, metadata=metadata))
            assert error.code() is grpc.StatusCode.UNAUTHENTICATED

    in_world(engine, people, tmp_path, scenario)


def test_tokens_out_of_time_or_for_others_are_refused(engine, people, tmp_path):
    async def scenario(world: World) -> None:
        get = api_keys_pb2.GetApiKeyRequest(id="mine")
        for wrong in ({"exp": 1}, {"nbf": 9_999_999_999}, {"aud": "others"}, {"iss": "https://others.example"}):
            error = await refused(world.keys.GetApiKey(get, metadata=people.bearer("alice", **wrong)))
            assert (error.code(), error.details()) == (grpc.StatusCode.UNAUTHENTICATED, "Invalid or expired token")

    in_world(engine, people, tmp_path, scenario)


def test_only_administrators_get_past_admin_methods_and_unlisted_ones_are_closed(engine, people, tmp_path):
    async def scenario(world: World) -> None:
        revoke = api_keys_pb2.RevokeApiKeyRequest(id="x")
        error = await refused(world.keys.RevokeApiKey(revoke, metadata=people.bearer("alice")))
        assert (error.code(), error.details()) == (grpc.StatusCode.PERMISSION_DENIED, "alice is not an administrator")
        assert (await world.keys.RevokeApiKey(revoke, metadata=people.admin())).id == "x"
        error = await refused(world.keys.ListApiKeys(api_keys_pb2.ListApiKeysRequest(), metadata=people.admin()))
        assert error.code() is grpc.StatusCode.PERMISSION_DENIED

    in_world(engine, people, tmp_path, scenario)


def test_domain_errors_carry_reason_and_fields_and_surprises_show_nothing(engine, people, tmp_path):
    async def scenario(world: World) -> None:
        async def details(request):
            error = await refused(world.keys.GetApiKey(request, metadata=people.bearer("alice")))
            status = status_pb2.Status()
            for key, value in error.trailing_metadata():
                if key == "grpc-status-details-bin":
                    status.ParseFromString(value)
            return error, status

        error, status = await details(api_keys_pb2.GetApiKeyRequest(id="other"))
        info = error_details_pb2.ErrorInfo()
        status.details[0].Unpack(info)
        assert (error.code(), info.reason, info.domain) == (grpc.StatusCode.NOT_FOUND, "NOT_FOUND", "maas")
        error, status = await details(api_keys_pb2.GetApiKeyRequest())
        fields = error_details_pb2.BadRequest()
        status.details[1].Unpack(fields)
        assert [v.field for v in fields.field_violations] == ["id"]
        error, _ = await details(api_keys_pb2.GetApiKeyRequest(id="broken"))
        assert error.code() is grpc.StatusCode.INTERNAL
        assert "secret" not in error.details()

    in_world(engine, people, tmp_path, scenario)


def test_watches_want_the_workload_credential(engine, people, tmp_path):
    async def scenario(world: World) -> None:
        async def requests() -> AsyncIterator[lookup_pb2.WatchKeysRequest]:
            yield lookup_pb2.WatchKeysRequest(start={"watcher": "w", "resume_after": 7})

        assert [r.revision async for r in world.watch.WatchKeys(requests(), metadata=WORKLOAD)] == [7]
        for metadata in (people.admin(), (("x-maas-workload", "wrong"),), None):
            error = await refused(world.watch.WatchKeys(requests(), metadata=metadata).read())
            assert error.code() is grpc.StatusCode.UNAUTHENTICATED

    in_world(engine, people, tmp_path, scenario)


def test_hot_methods_answer_at_once_or_later_and_want_the_workload_credential(engine, people, tmp_path):
    async def scenario(world: World) -> None:
        assert await world.hot(b"a", metadata=WORKLOAD) == b"fast a"
        slow = world.hot(b"wait", metadata=WORKLOAD)
        await world.waiting.wait()
        world.release.set()
        assert await slow == b"slow wait"
        for metadata in (None, (("x-maas-workload", "wrong"),), people.admin()):
            assert (await refused(world.hot(b"a", metadata=metadata))).code() is grpc.StatusCode.UNAUTHENTICATED
        assert (await refused(world.hot(b"absent", metadata=WORKLOAD))).code() is grpc.StatusCode.NOT_FOUND
        error = await refused(world.hot(b"broken", metadata=WORKLOAD))
        assert (error.code(), error.details()) == (grpc.StatusCode.INTERNAL, "internal error")
        assert world.undelivered == []

    in_world(engine, people, tmp_path, scenario)


def test_a_caller_that_left_is_told_to_the_handler(engine, people, tmp_path):
    async def scenario(world: World) -> None:
        call = world.hot(b"wait", metadata=WORKLOAD)
        await world.waiting.wait()
        call.cancel()
        async with asyncio.timeout(10):
            while not world.undelivered:
                await world.hot(b"a", metadata=WORKLOAD)  # calls go on meanwhile
        assert world.undelivered == [b"wait"]

    in_world(engine, people, tmp_path, scenario)


def test_health_follows_named_readiness_and_reflection_lists_services(engine, people, tmp_path):
    async def scenario(world: World) -> None:
        stub = health_pb2_grpc.HealthStub(world.channel)
        serving, not_serving = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING
        watching = stub.Watch(health_pb2.HealthCheckRequest(service=""))
        assert (await watching.read()).status == not_serving
        world.readiness.set("catalogue", met=True)
        assert (await watching.read()).status == serving
        assert (await stub.Check(health_pb2.HealthCheckRequest(service="maas.keys.v1.ApiKeysService"))).status == serving

        async def asks():
            yield reflection_pb2.ServerReflectionRequest(list_services="")

        answers = [a async for a in reflection_pb2_grpc.ServerReflectionStub(world.channel).ServerReflectionInfo(asks())]
        names = {s.name for s in answers[0].list_services_response.service}
        assert {"maas.keys.v1.ApiKeysService", "envoy.service.ratelimit.v3.RateLimitService", "grpc.health.v1.Health"} <= names

    in_world(engine, people, tmp_path, scenario)


def test_calls_in_flight_finish_when_the_service_stops(engine, people, tmp_path):
    answers = []

    async def scenario(world: World) -> asyncio.Task[None]:
        async def slow_call() -> None:
            answers.append(await world.hot(b"wait", metadata=WORKLOAD))

        slow = asyncio.create_task(slow_call())
        await world.waiting.wait()
        asyncio.get_running_loop().call_later(0.05, world.release.set)  # the service is told to stop before that
        return slow

    in_world(engine, people, tmp_path, scenario)
    assert answers == [b"slow wait"]


def test_an_open_stream_does_not_hold_up_a_stopping_service(engine, people, tmp_path):
    async def scenario(world: World) -> asyncio.Task[grpc.StatusCode]:
        async def requests() -> AsyncIterator[lookup_pb2.WatchKeysRequest]:
            yield lookup_pb2.WatchKeysRequest(start={"watcher": "w", "resume_after": 7})
            await asyncio.Event().wait()

        stream = world.watch.WatchKeys(requests(), metadata=WORKLOAD)
        assert (await stream.read()).revision == 7

        async def ending() -> None:
            assert await stream.code() is grpc.StatusCode.UNAVAILABLE

        return asyncio.create_task(ending())

    in_world(engine, people, tmp_path, scenario)
