"""The composition root: settings → adapters → servicers → server. The only file that knows everything."""

from __future__ import annotations

import socket
from functools import partial

import grpc
from maas.authz.v1 import authz_pb2_grpc
from maas_common.auth.principal import Access
from maas_common.auth.remote_roles import RemoteRoles
from maas_common.channels import connect
from maas_common.clock import Clock, SystemClock
from maas_common.readiness import Readiness
from maas_common.server import Service, run

from maas_authz.adapters.catalogue_watch import CatalogueMirror, catalogue_watch
from maas_authz.adapters.counters import GrpcCounters
from maas_authz.adapters.key_cache import KeyCache
from maas_authz.adapters.key_directory import KeyDirectory
from maas_authz.adapters.key_lookup import GrpcKeyLookup
from maas_authz.adapters.key_watch import key_watch
from maas_authz.adapters.last_uses import LastUses
from maas_authz.adapters.people import GrpcPeople
from maas_authz.adapters.watching import follow
from maas_authz.core.budget import TokenBucket
from maas_authz.core.confirmation import Confirmation
from maas_authz.metrics import show_watch
from maas_authz.servicers.authz import AuthzServicer
from maas_authz.servicers.check import Check
from maas_authz.settings import AuthzSettings

NAME = "authz"
ACCESS = {"maas.authz.v1.AuthzService": Access.PEOPLE}
_MAX_HOST = 64
"""Of a host's name in a watcher's name, which is 128 characters at most."""
_PEEK_TIMEOUT_S = 2.0
_PEOPLE_TIMEOUT_S = 5.0


def main() -> None:
    """Run authz until told to stop."""
    settings = AuthzSettings.load("maas-authz", "Answers Envoy's ext_authz: who is calling, may they, and which limits apply.")

    def start() -> Service:
        return build(
            settings,
            keys=connect(settings.keys_address),
            registry=connect(settings.registry_address),
            ratelimit=connect(settings.ratelimit_address),
        )

    run(NAME, settings, start)


def build(
    settings: AuthzSettings, *, keys: grpc.aio.Channel, registry: grpc.aio.Channel, ratelimit: grpc.aio.Channel, clock: Clock | None = None
) -> Service:
    """The service, deciding by what it follows of keys and registry; ratelimit is asked for quotas only."""
    clock = clock or SystemClock()
    secret = settings.workload_secret().get_secret_value()
    # The same after a restart: a change waits for the process that crashed until its successor is there.
    watcher = f"{NAME}-{socket.gethostname()[:_MAX_HOST]}-{settings.port}"
    readiness = Readiness("catalogue", "keys")

    of_keys, of_catalogue = Confirmation(settings.stale_after_s), Confirmation(settings.stale_after_s)
    show_watch("keys", of_keys, clock)
    show_watch("catalogue", of_catalogue, clock)

    directory = KeyDirectory(
        lookup=GrpcKeyLookup(keys, workload_secret=secret, timeout_s=settings.key_lookup_timeout_s),
        cache=KeyCache(
            size=settings.key_cache_size,
            unknown_size=settings.unknown_key_cache_size,
            unknown_ttl_s=settings.unknown_key_ttl_s,
            clock=clock,
        ),
        confirmation=of_keys,
        peppers=settings.peppers(),
        prefix=settings.key_prefix,
        foreign_prefixes=settings.foreign_key_prefixes,
        budget=TokenBucket(burst=settings.unknown_key_lookups_burst, per_s=settings.unknown_key_lookups_per_s),
        foreign_budget=TokenBucket(burst=settings.foreign_key_lookups_burst, per_s=settings.foreign_key_lookups_per_s),
        clock=clock,
    )
    mirror = CatalogueMirror(of_catalogue, clock)
    watches = (
        key_watch(
            keys,
            watcher=watcher,
            directory=directory,
            confirmation=of_keys,
            clock=clock,
            confirmed=partial(readiness.set, "keys", met=True),
        ),
        catalogue_watch(
            registry,
            watcher=watcher,
            mirror=mirror,
            confirmation=of_catalogue,
            applied=partial(readiness.set, "catalogue", met=True),
        ),
    )
    uses = LastUses(keys, workload_secret=secret, every_s=settings.last_used_every_s, at_most=settings.key_cache_size)
    check = Check(directory, mirror, uses, clock, trusted_hops=settings.trusted_hops, log_decisions=settings.log_level == "debug")
    authz = AuthzServicer(
        directory,
        mirror,
        GrpcCounters(ratelimit, workload_secret=secret, timeout_s=_PEEK_TIMEOUT_S),
        GrpcPeople(keys, workload_secret=secret, timeout_s=_PEOPLE_TIMEOUT_S),
        clock,
    )
    return Service(
        name=NAME,
        settings=settings,
        readiness=readiness,
        access=ACCESS,
        register=partial(authz_pb2_grpc.add_AuthzServiceServicer_to_server, authz),
        hot=[check.hot_method()],
        engine=settings.engine,
        background=[*(partial(follow, watch, secret) for watch in watches), uses.keep_reporting],
        clock=clock,
        roles=RemoteRoles(keys, settings.workload_secret(), settings.roles_by_group(), clock),
    )
