"""Databases to keep keys in, and the whole service on one of them, served in this process."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from shutil import copyfile

import grpc
import pytest
import structlog
from maas.keys.v1.api_keys_pb2_grpc import ApiKeysServiceStub
from maas.keys.v1.health_pb2_grpc import HealthServiceStub
from maas.keys.v1.lookup_pb2 import WatchKeysRequest
from maas.keys.v1.lookup_pb2_grpc import KeyLookupServiceStub
from maas.keys.v1.people_pb2_grpc import PeopleLookupServiceStub
from maas.keys.v1.roles_pb2_grpc import RolesServiceStub
from maas.keys.v1.teams_pb2_grpc import TeamsServiceStub
from maas.keys.v1.tenants_pb2_grpc import TenantsServiceStub
from maas.keys.v1.usage_pb2_grpc import UsageServiceStub
from maas.keys.v1.users_pb2_grpc import UsersServiceStub
from maas_common.server import serve
from maas_common.sql import migrate, open_database
from maas_common.testing import WORKLOAD, WORKLOAD_SECRET, FakeClock, Issuer, issuer
from maas_common.testing.databases import postgres_database, postgres_server
from maas_keys.adapters.tables import MIGRATIONS
from maas_keys.app import build
from maas_keys.settings import KeysSettings
from sqlalchemy.engine import make_url

PEPPER = "5a" * 32
NEVER = 9_999_999_999


@pytest.fixture(scope="session", autouse=True)
def _plain_logs() -> None:
    """Tracebacks as the service prints them; structlog's own default draws every variable."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
        ]
    )


@pytest.fixture(autouse=True)
def _no_authorities(monkeypatch) -> None:
    """Nothing here is fetched over TLS, and to load the system's certificates takes as long as all else of starting a service."""
    monkeypatch.setenv("SSL_CERT_FILE", os.devnull)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    with postgres_server() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request, tmp_path) -> Iterator[str]:
    """An empty database of each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/keys.db"
        return
    with postgres_database(request.getfixturevalue("postgres")) as url:
        yield url


@pytest.fixture(scope="session")
def people() -> Iterator[Issuer]:
    with issuer() as running:
        yield running


@pytest.fixture
def files(tmp_path) -> dict[str, str]:
    """Settings of a service that keeps everything in this test's folder."""
    return files_in(tmp_path)


def files_in(folder: Path) -> dict[str, str]:
    (folder / "pepper").write_text(f"p1:{PEPPER}\n")
    (folder / "workload").write_text(WORKLOAD_SECRET)
    return {
        "database_url": f"sqlite:///{folder}/keys.db",
        "pepper_file": str(folder / "pepper"),
        "workload_secret_file": str(folder / "workload"),
    }


@pytest.fixture(scope="session")
def migrated_postgres(postgres) -> Iterator[str]:
    """The name of a database of PostgreSQL that is empty but for its tables."""
    with postgres_database(postgres) as url:
        engine = open_database(url)
        migrate(engine, MIGRATIONS)
        engine.dispose()
        yield make_url(url).database


@pytest.fixture(params=["sqlite", "postgresql"])
def migrated_url(request, tmp_path) -> Iterator[str]:
    """A database of each kind, empty but for its tables."""
    if request.param == "sqlite":
        copyfile(request.getfixturevalue("migrated"), tmp_path / "keys.db")
        yield f"sqlite:///{tmp_path}/keys.db"
        return
    postgres, template = map(request.getfixturevalue, ("postgres", "migrated_postgres"))
    with postgres_database(postgres, template) as url:
        yield url


@pytest.fixture(scope="session")
def migrated(tmp_path_factory) -> Path:
    """A database of SQLite that is empty but for its tables: copied faster than made."""
    file = tmp_path_factory.mktemp("migrated") / "keys.db"
    engine = open_database(f"sqlite:///{file}")
    migrate(engine, MIGRATIONS)
    engine.dispose()
    return file


class Watch:
    """A watcher as authz is one, but confirming only when the test says so."""

    def __init__(self, stub, **start):
        self._call = stub.WatchKeys(metadata=WORKLOAD)
        self._start = WatchKeysRequest(start=start)

    async def started(self):
        await self._call.write(self._start)
        return self

    async def next(self):
        """What the service says next that is not a heartbeat."""
        while (said := await self.any()).HasField("heartbeat"):
            pass
        return said

    async def any(self):
        said = await self._call.read()
        if said is grpc.aio.EOF:
            raise EOFError
        return said

    async def ack(self, revision):
        await self._call.write(WatchKeysRequest(ack=revision))

    async def ended(self):
        """The status that the watch ends with, once everything said before is read."""
        while True:
            try:
                await self.any()
            except (EOFError, grpc.aio.AioRpcError):
                return await self._call.code()

    async def leave(self):
        await self._call.done_writing()

    def vanish(self):
        self._call.cancel()


class World:
    """A running keys service and who talks to it."""

    def __init__(self, channel, people, clock, settings, running):
        self.channel = channel
        self.keys = ApiKeysServiceStub(channel)
        self.lookup = KeyLookupServiceStub(channel)
        self.usage = UsageServiceStub(channel)
        self.users = UsersServiceStub(channel)
        self.teams = TeamsServiceStub(channel)
        self.tenants = TenantsServiceStub(channel)
        self.roles = RolesServiceStub(channel)
        self.people = PeopleLookupServiceStub(channel)
        self.health = HealthServiceStub(channel)
        self.idp = people
        self.clock = clock
        self.settings = settings
        self.running = running
        # Time is the clock's here: tokens of the machine's today would have ended.
        self.admin = self.person("admin", "maas-admins")
        self.alice = self.person("alice", "staff")
        self.bob = self.person("bob", "premium-users")

    def person(self, subject, *groups, **claims):
        """Metadata of somebody signed in, whom their issuer vouches for now."""
        now = {"iat": int(self.clock.now()), "exp": NEVER, "email": f"{subject}@example.org"}
        return self.idp.bearer(subject, groups=groups, **now | claims)

    async def watch(self, name="authz-1", **start):
        """A watcher whose first message is still to be read."""
        return await Watch(self.lookup, watcher=name, **start).started()

    async def drained(self, name="authz-1"):
        """A watcher that has taken and confirmed everything so far."""
        watch = await self.watch(name)
        first = await watch.next()
        await watch.ack(first.revision)
        return watch


@pytest.fixture(scope="session")
def keys_service_in(people, migrated):
    """Opens a world in a folder: `async with keys_service_in(folder, heartbeat_s=0.01) as world`.

    It finds what is in the folder, or in a copy of `database`.
    """

    @asynccontextmanager
    async def opened(folder: Path, *, database: Path = migrated, **settings) -> AsyncIterator[World]:
        clock = FakeClock()
        if not (folder / "keys.db").exists():
            copyfile(database, folder / "keys.db")
        defaults = {"port": 0, "metrics_port": 0, "oidc_issuer": people.url, "enforcement_wait_s": 0, "settle_s": 0}
        made = KeysSettings(**{**defaults, **files_in(folder), "migrate_at_start": "database_url" in settings, **settings})
        service = build(made, clock)
        async with serve(service) as running:
            background = [asyncio.ensure_future(task()) for task in service.background]
            await service.readiness.wait()
            async with grpc.aio.insecure_channel(f"127.0.0.1:{running.port}") as channel:
                yield World(channel, people, clock, made, running)
        # As in the program: what is in flight above decides by what these keep current.
        for task in background:
            task.cancel()
        await asyncio.gather(*background, return_exceptions=True)

    return opened


@pytest.fixture
def keys_service(keys_service_in, tmp_path):
    """Opens a world in this test's folder: `async with keys_service(heartbeat_s=0.01) as world`."""
    return partial(keys_service_in, tmp_path)


@pytest.fixture
def refused():
    """The error that a call must end with."""

    async def caught(call) -> grpc.aio.AioRpcError:
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await call
        return error.value

    return caught
