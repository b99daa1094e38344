"""Whether a Redis can be trusted with counters, asked before the first is counted."""

from __future__ import annotations

from typing import Any

import redis
from maas_common.errors import FailedPreconditionError

from maas_ratelimit.adapters.redis.store import RedisStore

_OLDEST = (6, 2)
_POLICY = "noeviction"


def check(store: RedisStore) -> None:
    """FailedPreconditionError says what has to be changed; UnavailableError when a master can't be asked. Asks each master."""
    try:
        store.nodes.refresh()
        for client in store.nodes.masters():
            _check_master(client)
    except (redis.RedisError, OSError) as error:
        store.nodes.doubt()  # another may be the master by the next time
        raise store.unavailable(error) from error


def _check_master(client: Any) -> None:
    server, replication = client.info("server"), client.info("replication")
    where = f"redis at port {server['tcp_port']}"
    version = str(server["redis_version"])
    if tuple(map(int, version.split(".")[:2])) < _OLDEST:
        raise FailedPreconditionError(f"{where} is version {version}; want 6.2 or newer, or Valkey", reason="STORE_TOO_OLD")
    if replication["role"] != "master":
        raise FailedPreconditionError(
            f"{where} is a replica, which can't count; name its master or the Sentinels", reason="STORE_READ_ONLY"
        )
    policy = _eviction_policy(client)
    if policy != _POLICY:
        raise FailedPreconditionError(
            f"{where} has maxmemory-policy {policy}: short of memory it would forget counters, and let requests through that are over "
            f"their limits; set maxmemory-policy to {_POLICY}",
            reason="STORE_EVICTS",
        )


def _eviction_policy(client: Any) -> str:
    """By INFO, which is allowed where CONFIG is not: at managed services."""
    return str(client.info("memory")["maxmemory_policy"])
