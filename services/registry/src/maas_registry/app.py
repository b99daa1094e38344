"""The registry: owns models and tiers, tells those who decide by them, and feeds Envoy its clusters."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import grpc
from envoy.service.discovery.v3.ads_pb2_grpc import add_AggregatedDiscoveryServiceServicer_to_server
from maas.registry.v1.catalog_pb2_grpc import add_CatalogServiceServicer_to_server
from maas.registry.v1.models_pb2_grpc import add_AvailableModelsServiceServicer_to_server, add_ModelsServiceServicer_to_server
from maas.registry.v1.tiers_pb2_grpc import add_TiersServiceServicer_to_server
from maas_common.auth.principal import Access
from maas_common.auth.remote_roles import RemoteRoles
from maas_common.auth.role_source import RoleSource
from maas_common.channels import connect
from maas_common.clock import Clock, SystemClock
from maas_common.readiness import Readiness
from maas_common.server import Service, run
from maas_common.sql import migrate, open_database
from sqlalchemy import Engine

from maas_registry.adapters.dns import SystemResolver
from maas_registry.adapters.envoy_cluster import ClusterOptions, cluster_resource
from maas_registry.adapters.envoy_fleet import AdsFleet
from maas_registry.adapters.rollout import READINESS, CatalogueRollout
from maas_registry.adapters.sql_store import SqlCatalogueStore
from maas_registry.core.address_policy import AddressPolicy
from maas_registry.ports import Resolver
from maas_registry.servicers.ads import AggregatedDiscovery
from maas_registry.servicers.available_models import AvailableModels
from maas_registry.servicers.catalog import Catalog
from maas_registry.servicers.changes import Changes
from maas_registry.servicers.models import Models
from maas_registry.servicers.tiers import Tiers
from maas_registry.settings import RegistrySettings

MIGRATIONS = Path(__file__).parent / "migrations"
ACCESS = {
    "maas.registry.v1.ModelsService": Access.PEOPLE,
    "maas.registry.v1.TiersService": Access.PEOPLE,
    "maas.registry.v1.TiersService/LookupTier": Access.PEOPLE_OR_WORKLOAD,
    "maas.registry.v1.AvailableModelsService": Access.PEOPLE_OR_WORKLOAD,
    "maas.registry.v1.CatalogService": Access.WORKLOAD,
    "envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources": Access.WORKLOAD,
}


def build(settings: RegistrySettings, *, resolver: Resolver | None = None, clock: Clock | None = None) -> Service:
    """Join everything. To be called on the event loop; migrates the database when told to."""
    clock = clock or SystemClock()
    readiness = Readiness(READINESS)
    store = SqlCatalogueStore(_database(settings), history=settings.history)
    options = ClusterOptions(settings.cluster_connect_timeout_s, settings.cluster_ca_file)
    fleet = AdsFleet(partial(cluster_resource, options=options))
    rollout = CatalogueRollout(store, fleet, readiness, settings.watch_hub(), wait_s=settings.enforcement_wait_s, poll_s=settings.poll_s)
    changes = Changes(store, rollout, clock)
    policy = AddressPolicy(tuple(settings.allowed_endpoint_ranges), tuple(settings.refused_endpoint_ranges))
    resolver = resolver or SystemResolver(settings.resolve_timeout_s)

    def register(server: grpc.aio.Server) -> None:
        add_ModelsServiceServicer_to_server(Models(changes, fleet, resolver, policy), server)
        add_TiersServiceServicer_to_server(Tiers(changes), server)
        add_AvailableModelsServiceServicer_to_server(AvailableModels(rollout, fleet), server)
        add_CatalogServiceServicer_to_server(Catalog(rollout, settings.heartbeat_s), server)
        add_AggregatedDiscoveryServiceServicer_to_server(AggregatedDiscovery(fleet), server)

    return Service(
        name="registry",
        settings=settings,
        readiness=readiness,
        access=ACCESS,
        register=register,
        background=[rollout.run],
        clock=clock,
        roles=_roles(settings, clock),
    )


def _roles(settings: RegistrySettings, clock: Clock) -> RoleSource:
    of_settings = settings.roles_by_group()
    if not settings.keys_address:
        return of_settings
    return RemoteRoles(connect(settings.keys_address), settings.workload_secret(), of_settings, clock)


def _database(settings: RegistrySettings) -> Engine:
    engine = open_database(settings.database_url.get_secret_value())
    if settings.migrate_at_start:
        migrate(engine, MIGRATIONS)
    return engine


def main() -> None:
    """The `maas-registry` command."""
    settings = RegistrySettings.load("maas-registry", "Keeps models and tiers, and tells Envoy and authz of them.")
    run("registry", settings, partial(build, settings))
