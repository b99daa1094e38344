"""A service brought up for real on each engine: who may call what, and what they are told."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from grpc._cython import cygrpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from maas.keys.v1 import api_keys_pb2, api_keys_pb2_grpc, lookup_pb2, lookup_pb2_grpc
from maas_common import channels, server
from maas_common.apikey import mint
from maas_common.auth.principal import Access, current_principal
from maas_common.errors import NotFoundError
from maas_common.hot import BatchMethod, HotMethod
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

    async def ApproveApiKey(self, request, context):
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
                "maas.keys.v1.ApiKeysService/GetApiKey": Access.PEOPLE,
                "maas.keys.v1.ApiKeysService/ApproveApiKey": Access.PEOPLE,
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


def test_grpc_knows_every_option_that_it_is_given():
    """It ignores those that it does not know: then clients that make sure we are there, as ours do, are cut off for it."""
    library = Path(cygrpc.__file__).read_bytes()
    connected = re.findall(r'"(grpc\.[a-z0-9_.]+)"', Path(channels.__file__).read_text())
    for name in [*connected, *(name for name, _ in server._OPTIONS)]:
        assert b"%b\0" % name.encode() in library, name


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


def test_the_table_of_roles_says_who_gets_past_and_unlisted_methods_are_closed(engine, people, tmp_path):
    async def scenario(world: World) -> None:
        approve = api_keys_pb2.ApproveApiKeyRequest(id="x")
        error = await refused(world.keys.ApproveApiKey(approve, metadata=people.bearer("alice")))
        assert (error.code(), error.details()) == (
            grpc.StatusCode.PERMISSION_DENIED,
            "alice may not call /maas.keys.v1.ApiKeysService/ApproveApiKey: their roles are model-consumer; docs/roles.md says who may",
        )
        assert (await world.keys.ApproveApiKey(approve, metadata=people.admin())).id == "x"
        error = await refused(world.keys.ListApiKeys(api_keys_pb2.ListApiKeysRequest(), metadata=people.admin()))
        assert (error.code(), error.details()) == (
            grpc.StatusCode.PERMISSION_DENIED,
            "/maas.keys.v1.ApiKeysService/ListApiKeys is open to nobody",
        )

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


def test_somebody_in_many_groups_is_let_in(engine, people, tmp_path):
    groups = tuple(f"cn=team-{number},ou=groups,dc=example,dc=org" for number in range(600))

    async def scenario(world: World) -> None:
        metadata = people.bearer("alice", groups=groups)
        assert len(metadata[0][1]) > 30_000
        for _ in range(5):  # what is between grpc's own limits is refused by chance
            assert (await world.keys.GetApiKey(api_keys_pb2.GetApiKeyRequest(id="mine"), metadata=metadata)).username == "alice"

    in_world(engine, people, tmp_path, scenario)


def test_a_key_pasted_for_an_id_is_not_said_again(engine, people, tmp_path):
    async def scenario(world: World) -> None:
        key = mint()
        error = await refused(world.keys.GetApiKey(api_keys_pb2.GetApiKeyRequest(id=key.text), metadata=people.bearer("alice")))
        assert error.details() == f'API key "sk-maas-{key.id}_…" does not exist'
        secret = key.text.partition("_")[2].encode()
        assert not [value for _, value in error.trailing_metadata() if secret in (value if isinstance(value, bytes) else value.encode())]

    in_world(engine, people, tmp_path, scenario)


def test_what_is_no_message_is_the_callers_fault(engine, people, tmp_path):
    async def scenario(world: World) -> None:
        get = world.channel.unary_unary("/maas.keys.v1.ApiKeysService/GetApiKey")
        for request in (b"\x0a\x02\xff\xfe", b"\x0a\x7f"):  # a text that is not UTF-8, and one that is cut off
            error = await refused(get(request, metadata=people.bearer("alice")))
            assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
            assert (await refused(get(request))).code() is grpc.StatusCode.UNAUTHENTICATED
        watch = world.channel.stream_stream("/maas.keys.v1.KeyLookupService/WatchKeys")
        assert (await refused(watch(iter([b"\x0a\x7f"]), metadata=WORKLOAD).read())).code() is grpc.StatusCode.INVALID_ARGUMENT

    in_world(engine, people, tmp_path, scenario)


def test_watches_want_the_workload_credential(engine, people, tmp_path):
    async def scenario(world: World) -> None:
        async def requests() -> AsyncIterator[lookup_pb2.WatchKeysRequest]:
            yield lookup_pb2.WatchKeysRequest(start={"watcher": "w", "resume_after": 7})

        assert [r.revision async for r in world.watch.WatchKeys(requests(), metadata=WORKLOAD)] == [7]
        for metadata in (people.admin(), (("x-maas-workload", "wrong"),), None):
            # Nothing is sent: grpc's client has its own word for a message that comes after the refusal.
            error = await refused(world.watch.WatchKeys(metadata=metadata).read())
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


class Together:
    """A batch method: what it was asked, in which batches, and what it was told of callers that left."""

    def __init__(self) -> None:
        self.batches: list[list[bytes]] = []
        self.done: list[tuple[str, bytes]] = []
        """What was handled and what was undone, in that order."""
        self.threads: set[int] = set()
        self.is_held = threading.Event()
        self.goes_on = threading.Event()

    def handle(self, payloads: Sequence[bytes]) -> list[bytes | Exception]:
        self.threads.add(threading.get_ident())
        self.batches.append(list(payloads))
        if b"wait" in payloads:
            self.is_held.set()
            assert self.goes_on.wait(60)
        if b"all" in payloads:
            raise RuntimeError("a secret that must not be shown")
        self.done += [("handled", payload) for payload in payloads]
        failing = {b"broken": RuntimeError("a secret that must not be shown"), b"absent": NotFoundError("no such counter")}
        return [failing.get(payload, b"did " + payload) for payload in payloads]

    def undelivered(self, payload: bytes) -> None:
        self.done.append(("undone", payload))
        raise RuntimeError("what fails in here must not end the engine")

    def hold(self) -> None:
        """The next call that waits does so until it is let go."""
        self.is_held.clear()
        self.goes_on.clear()


class BatchWorld:
    def __init__(self, channel, method: Together) -> None:
        self.method = method
        self._call = channel.unary_unary(HOT)
        self._health = health_pb2_grpc.HealthStub(channel)

    def send(self, payload: bytes, metadata=WORKLOAD):
        return self._call(payload, metadata=metadata)

    async def held(self):
        """A call that is being answered until it is let go."""
        self.method.hold()
        call = self.send(b"wait")
        assert await asyncio.to_thread(self.method.is_held.wait, 60)
        return call

    async def hears(self) -> None:
        """What this client did before has gone over the wire: another call has, on the same connection."""
        for _ in range(3):
            await self._health.Check(health_pb2.HealthCheckRequest(service=""))


@pytest.fixture(params=[True, False], ids=["waits", "at once"])
def waits(request):
    return request.param


@pytest.fixture
def in_batches(engine, tmp_path):
    """Runs a scenario against a service with a batch method."""

    def run(scenario, *, waits: bool = True) -> None:
        async def main() -> None:
            secret = tmp_path / "workload"
            secret.write_text(WORKLOAD_SECRET)
            method = Together()
            settings = Settings(port=0, metrics_port=0, workload_secret_file=secret)
            hot = BatchMethod(HOT, method.handle, method.undelivered, waits=waits)
            service = Service("test", settings, Readiness(), {}, lambda _: None, hot=[hot], engine=engine)
            async with serve(service) as running, grpc.aio.insecure_channel(f"127.0.0.1:{running.port}") as channel:
                await scenario(BatchWorld(channel, method))

        asyncio.run(main())

    return run


def test_a_batch_method_answers_and_wants_the_workload_credential(in_batches, waits):
    async def scenario(world: BatchWorld) -> None:
        assert await asyncio.gather(*(world.send(b"%d" % number) for number in range(200))) == [b"did %d" % number for number in range(200)]
        assert len(world.method.threads) == 1
        for metadata in (None, (("x-maas-workload", "wrong"),)):
            assert (await refused(world.send(b"a", metadata))).code() is grpc.StatusCode.UNAUTHENTICATED
        assert sum(map(len, world.method.batches)) == 200

    in_batches(scenario, waits=waits)


def test_calls_that_come_while_others_are_answered_are_answered_together(in_batches):
    async def scenario(world: BatchWorld) -> None:
        together: set[bytes] = {b"1", b"2", b"3", b"4", b"5"}
        while together not in [set(batch) for batch in world.method.batches]:  # until they all came in time
            first = await world.held()
            calls = [world.send(payload) for payload in sorted(together)]
            await world.hears()
            world.method.goes_on.set()
            assert await asyncio.gather(first, *calls) == [b"did wait", *(b"did " + payload for payload in sorted(together))]

    in_batches(scenario)


def test_however_many_come_meanwhile_all_are_answered(in_batches):
    async def scenario(world: BatchWorld) -> None:
        first = await world.held()
        calls = [world.send(b"%d" % number) for number in range(300)]
        await world.hears()
        world.method.goes_on.set()
        assert await first == b"did wait"
        assert await asyncio.gather(*calls) == [b"did %d" % number for number in range(300)]
        assert max(map(len, world.method.batches)) <= 64
        assert len(world.method.batches) < 300

    in_batches(scenario)


def test_of_calls_answered_together_one_may_fail_alone(in_batches):
    async def scenario(world: BatchWorld) -> None:
        together = {b"a", b"absent", b"b", b"broken", b"c"}
        while together not in [set(batch) for batch in world.method.batches]:
            first = await world.held()
            a, absent, b, broken, c = (world.send(payload) for payload in sorted(together))
            await world.hears()
            world.method.goes_on.set()
            assert await asyncio.gather(first, a, b, c) == [b"did wait", b"did a", b"did b", b"did c"]
            error = await refused(absent)
            assert (error.code(), error.details()) == (grpc.StatusCode.NOT_FOUND, "no such counter")
            error = await refused(broken)
            assert (error.code(), error.details()) == (grpc.StatusCode.INTERNAL, "internal error")

    in_batches(scenario)


def test_when_all_fail_everybody_is_told_and_the_next_are_answered(in_batches):
    async def scenario(world: BatchWorld) -> None:
        together = {b"all", b"a", b"b"}
        while together not in [set(batch) for batch in world.method.batches]:
            first = await world.held()
            calls = [world.send(payload) for payload in together]
            await world.hears()
            world.method.goes_on.set()
            assert await first == b"did wait"
            await asyncio.gather(*calls, return_exceptions=True)
            if together in [set(batch) for batch in world.method.batches]:
                assert {(await refused(call)).details() for call in calls} == {"internal error"}
        assert await world.send(b"a") == b"did a"

    in_batches(scenario)


def test_a_batch_method_that_does_not_wait_fails_alone_too(in_batches):
    async def scenario(world: BatchWorld) -> None:
        assert (await refused(world.send(b"absent"))).code() is grpc.StatusCode.NOT_FOUND
        assert (await refused(world.send(b"all"))).code() is grpc.StatusCode.INTERNAL
        assert await world.send(b"a") == b"did a"

    in_batches(scenario, waits=False)


def test_a_caller_that_leaves_while_it_is_answered_is_undone_after_that(in_batches):
    async def scenario(world: BatchWorld) -> None:
        while ("undone", b"wait") not in world.method.done:  # until the service knew of it in time
            world.method.done.clear()
            call = await world.held()
            call.cancel()
            await world.hears()
            assert world.method.done == []
            world.method.goes_on.set()
            assert await world.send(b"a") == b"did a"
            await world.send(b"b")
        assert world.method.done.index(("handled", b"wait")) < world.method.done.index(("undone", b"wait"))
        assert world.method.done.count(("undone", b"wait")) == 1
        assert await world.send(b"c") == b"did c"

    in_batches(scenario)


def test_a_caller_that_leaves_before_its_turn_is_undone_after_it(in_batches):
    async def scenario(world: BatchWorld) -> None:
        while ("undone", b"leaves") not in world.method.done:
            world.method.done.clear()
            first = await world.held()
            leaves = world.send(b"leaves")
            await world.hears()
            leaves.cancel()
            await world.hears()
            assert world.method.done == []
            world.method.goes_on.set()
            assert await first == b"did wait"
            assert await world.send(b"a") == b"did a"
            await world.send(b"b")
        assert world.method.done.index(("handled", b"leaves")) < world.method.done.index(("undone", b"leaves"))
        assert world.method.done.count(("undone", b"leaves")) == 1

    in_batches(scenario)


def test_batches_in_hand_finish_when_the_service_stops(engine, tmp_path):
    method, answers = Together(), []
    secret = tmp_path / "workload"
    secret.write_text(WORKLOAD_SECRET)
    settings = Settings(port=0, metrics_port=0, workload_secret_file=secret)
    hot = BatchMethod(HOT, method.handle, method.undelivered, waits=True)

    async def main() -> None:
        service = Service("test", settings, Readiness(), {}, lambda _: None, hot=[hot], engine=engine)
        async with serve(service) as running:
            channel = grpc.aio.insecure_channel(f"127.0.0.1:{running.port}")
            call = channel.unary_unary(HOT)(b"wait", metadata=WORKLOAD)
            assert await asyncio.to_thread(method.is_held.wait, 60)
            asyncio.get_running_loop().call_later(0.05, method.goes_on.set)  # the service is told to stop before that
        answers.append(await call)
        await channel.close()

    asyncio.run(main())
    assert answers == [b"did wait"]
