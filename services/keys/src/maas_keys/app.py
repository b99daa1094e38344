"""The keys service put together: settings, database, change feed, servicers."""

from __future__ import annotations

import grpc
from maas.keys.v1.api_keys_pb2_grpc import add_ApiKeysServiceServicer_to_server
from maas.keys.v1.lookup_pb2_grpc import add_KeyLookupServiceServicer_to_server
from maas.keys.v1.usage_pb2_grpc import add_UsageServiceServicer_to_server
from maas_common.auth.principal import Access
from maas_common.clock import Clock, SystemClock
from maas_common.readiness import Readiness
from maas_common.server import Service, run
from maas_common.sql import migrate, open_database

from maas_keys.adapters.sql_store import MIGRATIONS, SqlKeyStore
from maas_keys.adapters.usage_store import SqlUsageStore
from maas_keys.servicers.api_keys import ApiKeysServicer
from maas_keys.servicers.feed import DATABASE, ChangeFeed, Pace
from maas_keys.servicers.key_lookup import KeyLookupServicer
from maas_keys.servicers.usage import UsageServicer
from maas_keys.settings import KeysSettings

NAME = "keys"
ACCESS = {
    "maas.keys.v1.ApiKeysService": Access.PEOPLE,
    "maas.keys.v1.KeyLookupService": Access.WORKLOAD,
    "maas.keys.v1.UsageService": Access.WORKLOAD,
}


def build(settings: KeysSettings, clock: Clock | None = None) -> Service:
    """The service, its database migrated. Serves once the database answers."""
    clock = clock or SystemClock()
    terms = settings.terms()
    engine = open_database(settings.database_url)
    if settings.migrate_at_start:
        migrate(engine, MIGRATIONS)
    store = SqlKeyStore(engine, history=settings.history)
    readiness = Readiness(DATABASE)
    hub = settings.watch_hub()
    feed = ChangeFeed(store, hub, readiness, Pace(settings.enforcement_wait_s, settings.heartbeat_s, settings.poll_s))

    def register(server: grpc.aio.Server) -> None:
        add_ApiKeysServiceServicer_to_server(ApiKeysServicer(store, feed, terms, clock), server)
        add_KeyLookupServiceServicer_to_server(KeyLookupServicer(store, feed), server)
        add_UsageServiceServicer_to_server(UsageServicer(SqlUsageStore(engine)), server)

    return Service(NAME, settings, readiness, ACCESS, register, background=[feed.follow], clock=clock)


def main() -> None:
    """Console script `maas-keys`."""
    settings = KeysSettings.load("maas-keys", "Makes, lists and ends API keys, and tells the services that decide by them.")
    run(NAME, settings, lambda: build(settings))
