"""The keys service put together: settings, database, change feed, servicers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import grpc
from maas.keys.v1.api_keys_pb2_grpc import add_ApiKeysServiceServicer_to_server
from maas.keys.v1.health_pb2_grpc import add_HealthServiceServicer_to_server
from maas.keys.v1.lookup_pb2_grpc import add_KeyLookupServiceServicer_to_server
from maas.keys.v1.people_pb2_grpc import add_PeopleLookupServiceServicer_to_server
from maas.keys.v1.roles_pb2_grpc import add_RolesServiceServicer_to_server
from maas.keys.v1.teams_pb2_grpc import add_TeamsServiceServicer_to_server
from maas.keys.v1.tenants_pb2_grpc import add_TenantsServiceServicer_to_server
from maas.keys.v1.usage_pb2_grpc import add_UsageServiceServicer_to_server
from maas.keys.v1.users_pb2_grpc import add_UsersServiceServicer_to_server
from maas_common.auth.principal import Access
from maas_common.channels import connect
from maas_common.clock import Clock, SystemClock
from maas_common.readiness import Readiness
from maas_common.server import Service, run
from maas_common.sql import migrate, open_database
from sqlalchemy import Engine

from maas_keys.adapters import change_log, replicas
from maas_keys.adapters.assigned_roles import AssignedRoles
from maas_keys.adapters.change_log import SqlChangeLog
from maas_keys.adapters.notifications import Notifications
from maas_keys.adapters.replicas import Alone, SqlReplicas
from maas_keys.adapters.sql_keys import SqlKeyStore
from maas_keys.adapters.sql_roles import SqlRoleStore
from maas_keys.adapters.sql_teams import SqlTeamStore
from maas_keys.adapters.sql_tenants import SqlTenantStore
from maas_keys.adapters.sql_users import SqlUserStore
from maas_keys.adapters.tables import MIGRATIONS
from maas_keys.adapters.tier_directory import RegistryTiers
from maas_keys.adapters.usage_store import SqlUsageStore
from maas_keys.core.lifetime import Lifetime
from maas_keys.servicers.api_keys import ApiKeysServicer
from maas_keys.servicers.cleanup import Cleanup
from maas_keys.servicers.confirmations import Confirmations, Patience
from maas_keys.servicers.feed import DATABASE, ChangeFeed
from maas_keys.servicers.health import HealthServicer
from maas_keys.servicers.key_changing import KeyChanging
from maas_keys.servicers.key_grounds import KeyGrounds
from maas_keys.servicers.key_importing import KeyImporting
from maas_keys.servicers.key_lookup import KeyLookupServicer
from maas_keys.servicers.key_making import KeyMaking
from maas_keys.servicers.key_owners import KeyOwners
from maas_keys.servicers.people_lookup import PeopleLookupServicer
from maas_keys.servicers.reception import Reception
from maas_keys.servicers.roles import RolesServicer
from maas_keys.servicers.team_access import TeamAccess
from maas_keys.servicers.team_keys import TeamKeys
from maas_keys.servicers.team_members import TeamMembers
from maas_keys.servicers.teams import TeamsServicer
from maas_keys.servicers.tenants import TenantsServicer
from maas_keys.servicers.usage import UsageServicer
from maas_keys.servicers.user_details import UserDetails
from maas_keys.servicers.users import UsersServicer
from maas_keys.settings import KeysSettings

NAME = "keys"
ACCESS = {
    "maas.keys.v1.ApiKeysService": Access.PEOPLE,
    "maas.keys.v1.TeamsService": Access.PEOPLE,
    "maas.keys.v1.UsersService": Access.PEOPLE,
    "maas.keys.v1.TenantsService": Access.PEOPLE,
    "maas.keys.v1.RolesService": Access.PEOPLE,
    "maas.keys.v1.KeyLookupService": Access.WORKLOAD,
    "maas.keys.v1.PeopleLookupService": Access.WORKLOAD,
    "maas.keys.v1.UsageService": Access.WORKLOAD,
    "maas.keys.v1.HealthService": Access.PUBLIC,
}


def build(settings: KeysSettings, clock: Clock | None = None) -> Service:
    """The service, its database migrated. To be called on the event loop; serves once the database answers."""
    clock = clock or SystemClock()
    terms, people = settings.terms(), settings.tenant_people()
    engine = open_database(settings.database_url)
    if settings.migrate_at_start:
        migrate(engine, MIGRATIONS)
    keys = SqlKeyStore(engine, history=settings.history)
    users = SqlUserStore(engine, history=settings.history)
    teams = SqlTeamStore(engine, history=settings.history)
    tenants = SqlTenantStore(engine, history=settings.history)
    given_roles = SqlRoleStore(engine)
    roles = AssignedRoles(settings.roles_by_group(), given_roles, clock)
    readiness = Readiness(DATABASE)
    feed, background = _follow(settings, engine, readiness)
    background.append(Cleanup(keys, clock, keep_s=Lifetime.parse(settings.ephemeral_keep).seconds, every_s=settings.cleanup_every_s).run)

    reception = Reception(users, teams, tenants, clock)
    grounds = KeyGrounds(tenants, RegistryTiers(connect(settings.registry_address), settings.workload_secret()), terms, clock)
    owners = KeyOwners(keys, users, teams, people)
    making = KeyMaking(keys, owners, grounds, feed)
    changing = KeyChanging(keys, grounds, feed)
    importing = KeyImporting(keys, owners, grounds, feed, people)
    access = TeamAccess(teams, reception)
    members = TeamMembers(teams, users, access, feed, clock)
    team_keys = TeamKeys(keys, access, making, changing, grounds)
    max_age = terms.groups_max_age_s
    details = UserDetails(teams, keys, roles, clock, groups_max_age_s=max_age)

    def register(server: grpc.aio.Server) -> None:
        of_keys = ApiKeysServicer(reception, keys, making, changing, importing, owners, grounds)
        add_ApiKeysServiceServicer_to_server(of_keys, server)
        add_TeamsServiceServicer_to_server(TeamsServicer(teams, users, access, members, team_keys, feed, clock), server)
        of_people = UsersServicer(users, details, reception, feed, clock, people=people, groups_max_age_s=max_age)
        add_UsersServiceServicer_to_server(of_people, server)
        add_TenantsServiceServicer_to_server(TenantsServicer(tenants, reception, feed, clock), server)
        add_RolesServiceServicer_to_server(RolesServicer(given_roles, users, reception, clock), server)
        add_KeyLookupServiceServicer_to_server(KeyLookupServicer(keys, feed, clock, groups_max_age_s=max_age), server)
        add_PeopleLookupServiceServicer_to_server(PeopleLookupServicer(users, roles, clock, groups_max_age_s=max_age), server)
        add_UsageServiceServicer_to_server(UsageServicer(SqlUsageStore(engine)), server)
        add_HealthServiceServicer_to_server(HealthServicer(readiness), server)

    return Service(NAME, settings, readiness, ACCESS, register, background=background, clock=clock, roles=roles)


def _follow(settings: KeysSettings, engine: Engine, readiness: Readiness) -> tuple[ChangeFeed, list[Callable[[], Awaitable[None]]]]:
    """The log as this process follows it, and what is to run for that. Only PostgreSQL is shared with other replicas."""
    hub = settings.watch_hub()
    is_shared = engine.dialect.name == "postgresql"
    confirmations = Confirmations(
        hub,
        SqlReplicas(engine, settings.replica_name) if is_shared else Alone(),
        Patience(settings.enforcement_wait_s, settings.poll_s, settings.replica_heartbeat_s, settings.remember_watchers_s),
    )
    feed = ChangeFeed(SqlChangeLog(engine), hub, confirmations, readiness, heartbeat_s=settings.heartbeat_s, poll_s=settings.poll_s)
    if not is_shared:
        return feed, [feed.follow]
    notifications = Notifications(engine, {change_log.CHANNEL: feed.stir, replicas.CHANNEL: hub.wake})
    return feed, [feed.follow, confirmations.run, notifications.run]


def main() -> None:
    """Console script `maas-keys`."""
    settings = KeysSettings.load("maas-keys", "Keeps API keys, teams and people, and tells the services that decide by them.")
    run(NAME, settings, lambda: build(settings))
