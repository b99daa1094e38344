"""A running authz between peers that do as they are told: what a real one does only when things go wrong."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager

import grpc
import pytest
from envoy.service.auth.v3 import external_auth_pb2
from hypothesis import settings
from maas.authz.v1 import authz_pb2_grpc
from maas.keys.v1 import lookup_pb2, lookup_pb2_grpc, people_pb2, people_pb2_grpc
from maas.ratelimit.v1 import limits_pb2, limits_pb2_grpc
from maas.registry.v1 import catalog_pb2, catalog_pb2_grpc, models_pb2, tiers_pb2
from maas_authz.app import build
from maas_authz.settings import AuthzSettings
from maas_common.apikey import Minted, Peppers, foreign_key_id, mint
from maas_common.channels import connect
from maas_common.plan import parse_plan
from maas_common.server import serve
from maas_common.testing import WORKLOAD, WORKLOAD_SECRET, FakeClock, Issuer, issuer

settings.register_profile("suite", deadline=None)  # no assertions on time
settings.load_profile("suite")

CHECK = "/envoy.service.auth.v3.Authorization/Check"
PEPPER_LINE = "2026:" + "ab" * 32
PEPPERS = Peppers.parse(PEPPER_LINE)
PATIENCE_S = 20


class Feed:
    """The server's side of one kind of watch: what it was told, and what it shall say."""

    def __init__(self, answer) -> None:
        self._answer = answer
        self._streams: list[asyncio.Queue] = []
        self._news = asyncio.Event()
        self.starts: list[tuple[str, int]] = []
        self.acks: list[int] = []
        self.farewells = 0
        self.endings: list[str] = []
        self.lets_go = True  # whether a stream is ended when its watcher ends it
        self.on_start: list = []  # what a stream is greeted with

    async def serve(self, requests, context) -> AsyncIterator:
        assert ("x-maas-workload", WORKLOAD_SECRET) in [tuple(pair) for pair in context.invocation_metadata()]
        queue: asyncio.Queue = asyncio.Queue()
        first = await anext(aiter(requests))
        self.starts.append((first.start.watcher, first.start.resume_after))
        for message in self.on_start:
            queue.put_nowait(message)
        self._streams.append(queue)
        self._wake()
        reading = asyncio.ensure_future(self._read(requests))
        ending = "cancelled"
        try:
            while (message := await queue.get()) is not None:
                yield message
            ending = "ended"
        finally:
            self.endings.append(ending)
            self._streams.remove(queue)
            reading.cancel()
            self._wake()

    async def _read(self, requests) -> None:
        async for request in requests:
            self.acks.append(request.ack)
            self._wake()
        self.farewells += 1
        self._wake()
        if self.lets_go:
            self.hang_up()

    def say(self, revision: int, **message) -> None:
        for stream in self._streams:
            stream.put_nowait(self._answer(revision=revision, **message))

    def hang_up(self) -> None:
        for stream in self._streams:
            stream.put_nowait(None)

    async def until(self, condition) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                self._news.clear()
                await self._news.wait()

    async def applied(self, revision: int) -> None:
        """authz has confirmed that revision as its last word."""
        await self.until(lambda: self.acks and self.acks[-1] == revision)

    def _wake(self) -> None:
        self._news.set()


class ScriptedKeys(lookup_pb2_grpc.KeyLookupServiceServicer):
    """Answers look-ups from `records`, each held back while `gate` is closed."""

    def __init__(self) -> None:
        self.feed = Feed(lookup_pb2.WatchKeysResponse)
        self.feed.on_start = [lookup_pb2.WatchKeysResponse(revision=1, reset={})]
        self.records: dict[str, lookup_pb2.KeyRecord] = {}
        self.revision = 1
        self.lookups: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.asked = asyncio.Event()
        self.failing = False
        self.uses: list[dict[str, int]] = []
        self.refusing_uses = False
        self.told_uses = asyncio.Event()

    async def LookupApiKey(self, request, context):
        answer = lookup_pb2.LookupApiKeyResponse(record=self.records.get(request.id), revision=self.revision)
        self.lookups.append(request.id)
        self.asked.set()
        await self.gate.wait()
        if self.failing:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "told to fail")
        return answer

    async def WatchKeys(self, request_iterator, context):
        async for message in self.feed.serve(request_iterator, context):
            yield message

    async def RecordLastUsed(self, request, context):
        assert ("x-maas-workload", WORKLOAD_SECRET) in [tuple(pair) for pair in context.invocation_metadata()]
        self.uses.append({use.id: use.at for use in request.uses})
        self.told_uses.set()
        if self.refusing_uses:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "told to fail")
        return lookup_pb2.RecordLastUsedResponse()


class ScriptedPeople(people_pb2_grpc.PeopleLookupServiceServicer):
    """Lists `people` a page at a time; its tokens are numbers. `roles` are those assigned, by subject."""

    def __init__(self) -> None:
        self.people: list[people_pb2.Person] = []
        self.roles: dict[str, list[str]] = {}
        self.asked: list[people_pb2.ListPeopleRequest] = []
        self.failure: grpc.StatusCode | None = None

    def add(self, name: str, *groups: str, issuer: str = "https://issuer.example.org") -> str:
        """Somebody known."""
        self.people.append(people_pb2.Person(user=f"{issuer}|{name}", username=name, groups=[*groups, "system:authenticated"]))
        return self.people[-1].user

    async def LookupRoles(self, request, context):
        return people_pb2.LookupRolesResponse(roles=self.roles.get(request.subject, []))

    async def ListPeople(self, request, context):
        assert ("x-maas-workload", WORKLOAD_SECRET) in [tuple(pair) for pair in context.invocation_metadata()]
        self.asked.append(request)
        if self.failure:
            await context.abort(self.failure, "told to fail")
        if request.page_token and not request.page_token.isdecimal():
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "page_token: not one of these")
        start = int(request.page_token or 0)
        end = start + request.page_size
        return people_pb2.ListPeopleResponse(people=self.people[start:end], next_page_token=str(end) if end < len(self.people) else "")


class ScriptedRegistry(catalog_pb2_grpc.CatalogServiceServicer):
    """Greets with the snapshot given."""

    def __init__(self, snapshot: catalog_pb2.CatalogSnapshot) -> None:
        self.feed = Feed(catalog_pb2.WatchCatalogResponse)
        self.feed.on_start = [catalog_pb2.WatchCatalogResponse(revision=1, snapshot=snapshot)]

    async def WatchCatalog(self, request_iterator, context):
        async for message in self.feed.serve(request_iterator, context):
            yield message


class ScriptedRatelimit(limits_pb2_grpc.LimitsServiceServicer):
    """Says of every limit that three were used and one is in flight, unless it is to abort with `failure`."""

    def __init__(self) -> None:
        self.asked: list[limits_pb2.PeekRequest] = []
        self.failure: grpc.StatusCode | None = None
        self.gate = asyncio.Event()
        self.gate.set()

    async def Peek(self, request, context):
        assert ("x-maas-workload", WORKLOAD_SECRET) in [tuple(pair) for pair in context.invocation_metadata()]
        self.asked.append(request)
        await self.gate.wait()
        if self.failure:
            await context.abort(self.failure, "told to fail")
        states = [
            limits_pb2.LimitState(
                id=limit.id,
                metric=limit.metric,
                window=limit.window.text,
                amount=limit.amount,
                used=3,
                reserved=1,
                remaining=limit.amount - 4,
                reset=1_800_000_060,
                per=limit.per.text,
                over=limit.over.text,
            )
            for limit in parse_plan(request.plan).limits
        ]
        return limits_pb2.PeekResponse(limits=states)


def minute(metric: str, amount: int) -> dict:
    return {"id": f"{metric.replace('_', '-')}-1m", "metric": metric, "amount": amount, "window": "1m", "per": "user"}


SNAPSHOT = catalog_pb2.CatalogSnapshot(
    tiers=[
        tiers_pb2.Tier(
            name="free", level=0, groups=["system:authenticated"], limits=[minute("requests", 10), minute("total_tokens", 2000)]
        ),
        tiers_pb2.Tier(name="premium", level=1, groups=["premium-users"], limits=[minute("requests", 60)]),
        tiers_pb2.Tier(
            name="metered",
            level=2,
            groups=["metered-users"],
            limits=[
                {"id": "spend", "metric": "cost", "amount": 5_000_000, "window": "month in Europe/Berlin", "notify": [50, 100]},
                {"id": "model-spend", "metric": "cost", "amount": 1_000_000, "window": "month in Europe/Berlin", "per": "user+model"},
                {"id": "at-once", "metric": "concurrency", "amount": 4, "per": "key", "over": "shadow"},
            ],
            strict=True,
        ),
    ],
    models=[
        models_pb2.Model(id="small", url="http://127.0.0.1:8090/v1", upstream_name="Small-135M", published_to="all"),
        models_pb2.Model(
            id="pro",
            url="https://models.example.org/openai/v1/",
            published_to="tiers",
            tiers=["premium", "metered"],
            pricing={"input": 150_000, "output": 600_000},
        ),
        models_pb2.Model(id="draft", url="http://127.0.0.1:8090/v1", published_to="nobody"),
    ],
)


class Peers:
    """Scripted keys, registry and ratelimit behind ports of their own. Only those in `greeted_by` greet a new stream."""

    def __init__(self, greeted_by: tuple[str, ...]) -> None:
        self.keys = ScriptedKeys()
        self.people = ScriptedPeople()
        self.registry = ScriptedRegistry(SNAPSHOT)
        self.ratelimit = ScriptedRatelimit()
        for name in {"keys", "registry"} - set(greeted_by):
            getattr(self, name).feed.on_start = []
        self.ports = {"keys": 0, "registry": 0, "ratelimit": 0}
        self._servers: dict[str, grpc.aio.Server] = {}

    def address(self, name: str) -> str:
        return f"127.0.0.1:{self.ports[name]}"

    async def start(self, name: str) -> None:
        server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        if name == "keys":
            lookup_pb2_grpc.add_KeyLookupServiceServicer_to_server(self.keys, server)
            people_pb2_grpc.add_PeopleLookupServiceServicer_to_server(self.people, server)
        elif name == "registry":
            catalog_pb2_grpc.add_CatalogServiceServicer_to_server(self.registry, server)
        else:
            limits_pb2_grpc.add_LimitsServiceServicer_to_server(self.ratelimit, server)
        self.ports[name] = server.add_insecure_port(self.address(name))
        await server.start()
        self._servers[name] = server

    async def stop(self, name: str) -> None:
        await self._servers[name].stop(0)


class World:
    """authz, its peers, and somebody who asks."""

    def __init__(self, peers: Peers, clock: FakeClock, people: Issuer) -> None:
        self.peers = peers
        self.keys = peers.keys
        self.registry = peers.registry
        self.ratelimit = peers.ratelimit
        self.clock = clock
        self.people = people
        self.service = None
        self.channel = None

    def mint(
        self, *, user: str = "alice", groups: tuple[str, ...] = (), status: str = "active", expires_in: float = 3600, **more
    ) -> Minted:
        """A key that the keys service knows. `more` of its record wins."""
        minted = mint()
        usual = {
            "tenant": "default",
            "username": user,
            "user": f"{self.people.url}|{user}",
            "groups": [*groups, "system:authenticated"],
            "status": status,
            "expires_at": int(self.clock.now() + expires_in),
            "hashes": [self.hashed(minted.text)],
            "name": f"{user}'s key",
        }
        self.keys.records[minted.id] = lookup_pb2.KeyRecord(id=minted.id, **usual | more)
        return minted

    def hashed(self, text: str) -> lookup_pb2.KeyHash:
        """What a key must hash to."""
        pepper_id, digest = PEPPERS.hash(text)
        return lookup_pb2.KeyHash(pepper_id=pepper_id, hmac_sha256=digest)

    def take_over(self, text: str, **more) -> str:
        """A key that another system made; returns its id."""
        digest = hashlib.sha256(text.encode()).digest()
        key_id = foreign_key_id(digest)
        self.keys.records[key_id] = self.keys.records[self.mint().id]
        self.keys.records[key_id].MergeFrom(lookup_pb2.KeyRecord(id=key_id, **more))
        del self.keys.records[key_id].hashes[:]
        self.keys.records[key_id].hashes.add(sha256=digest)
        return key_id

    def ask(
        self,
        key: str = "",
        *,
        method: str = "POST",
        path: str = "/v1/chat/completions",
        headers: dict | None = None,
        peer: str = "",
        **facts: str | None,
    ):
        """A Check on its way, as Envoy asks it. A fact that is None is left out."""
        request = external_auth_pb2.CheckRequest()
        request.attributes.source.address.socket_address.address = peer
        http = request.attributes.request.http
        http.method, http.path = method, path
        http.headers.update({"authorization": f"Bearer {key}"} if key else {})
        http.headers.update(headers or {})
        if method == "POST":
            facts = {"bytes": "2", "model": "small"} | facts
        for name, value in ((name, value) for name, value in facts.items() if value is not None):
            request.attributes.metadata_context.filter_metadata["maas.request"].fields[name].string_value = value
        check = self.channel.unary_unary(
            CHECK,
            request_serializer=external_auth_pb2.CheckRequest.SerializeToString,
            response_deserializer=external_auth_pb2.CheckResponse.FromString,
        )
        return check(request, metadata=WORKLOAD)

    async def status(self, key: str = "", **request) -> int:
        """The HTTP status that a request would get."""
        return status_of(await self.ask(key, **request))


def status_of(response: external_auth_pb2.CheckResponse) -> int:
    return 200 if response.HasField("ok_response") else response.denied_response.status.code


@asynccontextmanager
async def peers_of(*, greeted_by: tuple[str, ...] = ("keys", "registry")) -> AsyncIterator[Peers]:
    peers = Peers(greeted_by)
    for name in peers.ports:
        await peers.start(name)
    try:
        yield peers
    finally:
        for name in peers.ports:
            await peers.stop(name)


@asynccontextmanager
async def world_of(
    engine: str, people: Issuer, folder, *, ready: bool = True, greeted_by: tuple[str, ...] = ("keys", "registry"), **given
) -> AsyncIterator[World]:
    secret, pepper = folder / "workload", folder / "pepper"
    secret.write_text(WORKLOAD_SECRET)
    pepper.write_text(PEPPER_LINE)
    async with AsyncExitStack() as stack:
        peers = await stack.enter_async_context(peers_of(greeted_by=greeted_by))
        world = World(peers, FakeClock(time.time()), people)
        channels = {name: await stack.enter_async_context(connect(peers.address(name))) for name in peers.ports}
        usual = {"port": 0, "metrics_port": 0, "workload_secret_file": secret, "pepper_file": pepper, "oidc_issuer": people.url}
        chosen = AuthzSettings(**usual | {"engine": engine} | given)
        world.service = build(chosen, **channels, clock=world.clock)
        running = await stack.enter_async_context(serve(world.service))
        following = [asyncio.ensure_future(each()) for each in world.service.background]
        stack.callback(lambda: [task.cancel() for task in following])
        world.following = following
        world.channel = await stack.enter_async_context(grpc.aio.insecure_channel(f"127.0.0.1:{running.port}"))
        stub = authz_pb2_grpc.AuthzServiceStub(world.channel)
        world.explain, world.get_quota, world.list_access = stub.Explain, stub.GetQuota, stub.ListAccess
        if ready:
            async with asyncio.timeout(PATIENCE_S):
                await world.service.readiness.wait()
        yield world


@pytest.fixture
def peers():
    return peers_of


@pytest.fixture(scope="session")
def people() -> Iterator[Issuer]:
    with issuer() as running:
        yield running


@pytest.fixture(params=["native", "grpcio"])
def engine(request):
    return request.param


@pytest.fixture
def in_world(engine, people, tmp_path):
    """Runs a scenario against authz on each engine."""

    def run(scenario, **given) -> None:
        async def main() -> None:
            async with world_of(engine, people, tmp_path, **given) as world:
                await scenario(world)

        asyncio.run(main())

    return run
