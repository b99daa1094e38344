"""What operators rely on: health that follows the database, one log line per fact, metrics, callers who leave."""

from __future__ import annotations

import asyncio
import urllib.request

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from maas.keys.v1.api_keys_pb2 import CreateApiKeyRequest, ListApiKeysRequest, RevokeApiKeyRequest
from maas_common.auth.roles import Role
from maas_common.readiness import Readiness
from maas_common.sql import migrate, open_database
from maas_common.testing import FakeClock
from maas_common.testing.databases import postgres_database
from maas_common.watch import WatchHub
from maas_keys.adapters.change_log import SqlChangeLog
from maas_keys.adapters.replicas import Alone
from maas_keys.adapters.sql_keys import SqlKeyStore
from maas_keys.adapters.sql_teams import SqlTeamStore
from maas_keys.adapters.sql_tenants import SqlTenantStore
from maas_keys.adapters.sql_users import SqlUserStore
from maas_keys.adapters.tables import MIGRATIONS
from maas_keys.core.caller import Caller
from maas_keys.core.creation import KeyOrder
from maas_keys.core.details import Details
from maas_keys.core.key_access import SERVICE
from maas_keys.core.user import Person
from maas_keys.servicers.confirmations import Confirmations, Patience
from maas_keys.servicers.feed import ChangeFeed
from maas_keys.servicers.key_grounds import KeyGrounds
from maas_keys.servicers.key_making import KeyMaking
from maas_keys.servicers.key_owners import KeyOwners
from maas_keys.settings import KeysSettings
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from structlog.testing import capture_logs

SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING


def set_open(server_url, database_url, *, is_open):
    """Let a PostgreSQL database take connections, or take them all away."""
    name = make_url(database_url).database
    server = create_engine(make_url(server_url).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS {is_open}"))
        if not is_open:
            connection.execute(text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"), {"name": name})
    server.dispose()


def test_without_its_database_it_is_not_serving_and_says_unavailable_until_it_is_back(keys_service, refused, postgres):
    async def scenario(url):
        async with keys_service(database_url=url, poll_s=0.01, heartbeat_s=0.01) as world:
            watch = await world.drained()
            health = health_pb2_grpc.HealthStub(world.channel).Watch(health_pb2.HealthCheckRequest())
            assert (await health.read()).status == SERVING
            with capture_logs() as logs:
                set_open(postgres, url, is_open=False)
                assert (await health.read()).status == NOT_SERVING
                error = await refused(world.keys.CreateApiKey(CreateApiKeyRequest(name="laptop"), metadata=world.alice))
                assert (error.code(), error.details()) == (
                    grpc.StatusCode.UNAVAILABLE,
                    "the keys database does not answer just now; try again",
                )
                # A heartbeat now would vouch for what is not known.
                assert await watch.ended() is grpc.StatusCode.UNAVAILABLE
            assert [entry["event"] for entry in logs].count("database does not answer") == 1
            set_open(postgres, url, is_open=True)
            assert (await health.read()).status == SERVING
            await world.keys.CreateApiKey(CreateApiKeyRequest(name="laptop"), metadata=world.alice)

    with postgres_database(postgres) as url:
        asyncio.run(scenario(url))


def test_each_change_is_one_log_line_with_key_and_actor(keys_service):
    async def scenario():
        async with keys_service() as world:
            issuer = world.settings.oidc_issuer
            order = CreateApiKeyRequest(name="laptop", username="alice", request_id="r-1")
            with capture_logs() as logs:
                made = await world.keys.CreateApiKey(order, metadata=world.admin)
                await world.keys.CreateApiKey(order, metadata=world.admin)
                await world.keys.RevokeApiKey(RevokeApiKeyRequest(id=made.id), metadata=world.alice)
                await world.keys.RevokeApiKey(RevokeApiKeyRequest(id=made.id), metadata=world.alice)
            facts = {"key_id": made.id, "owner": f"{issuer}|alice", "log_level": "info"}
            revoked = {"by": "maas.keys.v1.ApiKeysService/RevokeApiKey", "status": "revoked"}
            assert logs == [
                {"event": "api key created", "actor": f"{issuer}|admin"} | facts,
                {"event": "api key changed", "actor": f"{issuer}|alice"} | facts | revoked,
            ]

    asyncio.run(scenario())


class GatedStore(SqlKeyStore):
    """The real store, holding each new key until told."""

    def __init__(self, engine):
        super().__init__(engine, history=5)
        self.reached, self.release = asyncio.Event(), asyncio.Event()

    async def add(self, key):
        self.reached.set()
        await self.release.wait()
        return await super().add(key)


def making_with(store, engine, files):
    """What makes keys, without a server around it."""
    users, teams, tenants = (kind(engine, history=5) for kind in (SqlUserStore, SqlTeamStore, SqlTenantStore))
    hub = WatchHub()
    patience = Patience(enforcement_wait_s=0, poll_s=1, replica_heartbeat_s=1, remember_s=0)
    feed = ChangeFeed(SqlChangeLog(engine), hub, Confirmations(hub, Alone(), patience), Readiness("database"), heartbeat_s=1, poll_s=1)
    settings = KeysSettings(**files)
    grounds = KeyGrounds(tenants, None, settings.terms(), FakeClock())
    return users, KeyMaking(store, KeyOwners(store, users, teams, settings.tenant_people()), grounds, feed)


def test_a_caller_who_leaves_meanwhile_does_not_take_the_log_line_along(files):
    async def scenario():
        engine = open_database(files["database_url"])
        migrate(engine, MIGRATIONS)
        store = GatedStore(engine)
        users, making = making_with(store, engine, files)
        alice = await users.seen(Person("default", "https://idp", "sub-1", "alice", "", (), 1), at=1)
        order = KeyOrder(Details(name="laptop"))
        with capture_logs() as logs:
            call = asyncio.create_task(making.make(order, Caller(alice, frozenset({Role.MODEL_CONSUMER}), {}), f"{SERVICE}/CreateApiKey"))
            await store.reached.wait()
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            writing = asyncio.all_tasks() - {asyncio.current_task()}
            store.release.set()
            await asyncio.gather(*writing)
        assert [entry["event"] for entry in logs] == ["api key created"]
        assert await store.get("default", logs[0]["key_id"]) is not None
        engine.dispose()

    asyncio.run(scenario())


def test_metrics_tell_watchers_revision_and_changes(keys_service):
    async def scenario():
        async with keys_service() as world:

            async def read():
                url = f"http://127.0.0.1:{world.running.metrics_port}/metrics"
                page = await asyncio.to_thread(lambda: urllib.request.urlopen(url).read().decode())
                values = dict(
                    line.rsplit(" ", 1) for line in page.splitlines() if line.startswith("maas_keys_") and "_created{" not in line
                )
                return {name.removeprefix("maas_keys_"): float(value) for name, value in values.items()}

            before = await read()
            watch = await world.drained()
            made = await world.keys.CreateApiKey(CreateApiKeyRequest(name="laptop"), metadata=world.alice)
            await world.keys.CreateApiKey(CreateApiKeyRequest(name="laptop"), metadata=world.alice)
            await world.keys.RevokeApiKey(RevokeApiKeyRequest(id=made.id), metadata=world.alice)
            after = await read()
            assert after["watchers"] == before["watchers"] + 1
            assert after["revision"] == 3
            assert after["created_total"] == before["created_total"] + 2
            assert after["revoked_total"] == before["revoked_total"] + 1
            assert after["unconfirmed_changes_total"] == before["unconfirmed_changes_total"] + 3
            await watch.leave()
            assert await watch.ended() is grpc.StatusCode.OK
            assert (await read())["watchers"] == before["watchers"]
            assert len((await world.keys.ListApiKeys(ListApiKeysRequest(), metadata=world.alice)).api_keys) == 2

    asyncio.run(scenario())
