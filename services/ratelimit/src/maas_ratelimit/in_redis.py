"""Counting in Redis, behind a circuit breaker. Imported only where it is wanted: redis-py takes its time."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial

from maas_common.clock import Clock
from maas_common.errors import UnavailableError
from prometheus_client import CollectorRegistry

from maas_ratelimit.adapters.guarded.store import GuardedStore
from maas_ratelimit.adapters.guarded.substitute import Substitute
from maas_ratelimit.adapters.memory.store import MemoryStore
from maas_ratelimit.adapters.memory.tidying import keep_tidy
from maas_ratelimit.adapters.redis.admin import RedisAdmin
from maas_ratelimit.adapters.redis.check import check
from maas_ratelimit.adapters.redis.options import RedisOptions
from maas_ratelimit.adapters.redis.outbox import RedisOutbox
from maas_ratelimit.adapters.redis.store import RedisStore
from maas_ratelimit.in_memory import Counting, bounds
from maas_ratelimit.metrics import Figure, Figures
from maas_ratelimit.settings import RatelimitSettings

_SWEEP_EVERY_S = 1.0


def in_redis(settings: RatelimitSettings, clock: Clock, registry: CollectorRegistry) -> Counting:
    """Any number of processes. UnavailableError when Redis can't be reached, FailedPreconditionError when it is not fit for it."""
    redis = RedisStore(_redis_options(settings))
    check(redis)
    outbox = RedisOutbox(redis, settings.max_usage_events)
    fallback = MemoryStore(bounds(settings))
    substitute = Substitute(
        settings.on_store_error, fallback, reservation_ttl_s=settings.reservation_ttl_s, at_most=settings.max_reservations
    )
    guarded = GuardedStore(redis, probe=partial(check, redis), substitute=substitute, clock=clock, max_spooled=settings.max_spooled)
    Figures(
        registry,
        Figure("reservations", "Reservations of requests in flight.", lambda: redis.outstanding),
        Figure("reservations_expired", "Reservations released because no settle came in time.", lambda: redis.expired, is_counter=True),
        Figure("store_away", "1 while Redis is away.", lambda: guarded.is_open),
        Figure("store_outages", "How often Redis went away.", lambda: guarded.opened, is_counter=True),
        Figure("spooled", "Ended requests that wait for Redis to be back.", lambda: guarded.spooled),
        Figure("spool_dropped", "Ended requests lost because too many waited.", lambda: guarded.dropped, is_counter=True),
        Figure("store_denied", "Requests refused because Redis was away.", lambda: substitute.denied, is_counter=True),
        Figure("store_uncounted", "Requests let through uncounted because Redis was away.", lambda: substitute.uncounted, is_counter=True),
        Figure("store_local", "Requests counted in this process because Redis was away.", lambda: substitute.local, is_counter=True),
    )

    async def sweep() -> None:
        while True:
            if not guarded.is_open:
                with suppress(UnavailableError):  # the next call finds it out, and tells
                    await asyncio.to_thread(redis.sweep)
            await asyncio.sleep(_SWEEP_EVERY_S)

    return Counting(
        guarded,
        RedisAdmin(redis),
        outbox,
        lambda: outbox.dropped,
        [sweep, partial(keep_tidy, fallback, clock)],
        start=guarded.start,
        flush=guarded.stop,
        close=redis.close,
    )


def _redis_options(settings: RatelimitSettings) -> RedisOptions:
    return RedisOptions(
        url=settings.redis_url,
        username=settings.redis_username,
        password_file=settings.redis_password_file,
        ca_file=settings.redis_ca_file,
        cert_file=settings.redis_cert_file,
        key_file=settings.redis_key_file,
        sentinels=tuple(settings.redis_sentinels),
        service=settings.redis_service,
        sentinel_username=settings.redis_sentinel_username,
        sentinel_password_file=settings.redis_sentinel_password_file,
        cluster=settings.redis_cluster,
        timeout_s=settings.redis_timeout_s,
        prefix=settings.redis_prefix,
        hash_tag=settings.redis_hash_tag,
        reservation_ttl_s=settings.reservation_ttl_s,
        settled_ttl_s=settings.settled_ttl_s,
    )
