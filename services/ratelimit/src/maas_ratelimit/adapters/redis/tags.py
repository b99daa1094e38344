"""Which hash tags hold something: a set in Redis, so that every process sweeps, and takes the events of, what any has written."""

from __future__ import annotations

from threading import Lock

import redis

from maas_ratelimit.adapters.redis.connect import Nodes

KEPT_MS = 30 * 86_400_000
"""How long keys without an end of their own outlive the last process that sweeps."""


class Tags:
    """Known to this process, and to all."""

    def __init__(self, nodes: Nodes, prefix: str) -> None:
        self._nodes = nodes
        self._key = f"{{{prefix}}}:tags"
        self._known: dict[str, str] = {}
        self._lock = Lock()

    def add(self, tag: str, tenant: str) -> None:
        """Say that something will be there. redis.RedisError when it can't be said: then nothing may be."""
        if tag in self._known:
            return
        with self._lock:
            if tag not in self._known:
                self._client().sadd(self._key, f"{tenant} {tag}")
                self._known = self._known | {tag: tenant}

    def known(self) -> dict[str, str]:
        """Their tenants by all that this process knows."""
        return self._known

    def refresh(self) -> dict[str, str]:
        """Their tenants by all that there are. What this process has used is said again, in case Redis lost it."""
        client = self._client()
        if self._known:
            client.sadd(self._key, *[f"{tenant} {tag}" for tag, tenant in self._known.items()])
            client.pexpire(self._key, KEPT_MS)
        there = [_text(member).partition(" ") for member in client.smembers(self._key)]
        with self._lock:
            self._known = self._known | {tag: tenant for tenant, _, tag in there}
        return self._known

    def _client(self) -> redis.Redis:
        return self._nodes.of(self._key)


def _text(data: bytes | str) -> str:
    return data.decode() if isinstance(data, bytes) else data
