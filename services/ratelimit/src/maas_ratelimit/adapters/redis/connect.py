"""Clients of the Redis that the options name: one server, a master that Sentinels know, or a cluster."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Any, Protocol, cast
from urllib.parse import urlsplit

import redis
from redis.backoff import NoBackoff
from redis.cluster import RedisCluster
from redis.connection import parse_url
from redis.crc import key_slot
from redis.exceptions import MovedError, RedisClusterException
from redis.retry import Retry
from redis.sentinel import Sentinel

from maas_ratelimit.adapters.redis.options import RedisOptions

_SENTINEL_PORT = 26379


class Nodes(Protocol):
    """The nodes that hold counters."""

    def of(self, tag: str) -> redis.Redis:
        """The client of the master that holds the tag's keys. redis.RedisError when that can't be found out."""
        ...

    def masters(self) -> list[redis.Redis]:
        """A client for each master."""
        ...

    def moved_to(self, tag: str, error: MovedError) -> redis.Redis:
        """A node has said that the tag's keys are elsewhere: the client of where they are."""
        ...

    def doubt(self) -> None:
        """A node did not answer: it may have been replaced."""
        ...

    def refresh(self) -> None:
        """Find out about nodes that were doubted. May take as long as asking each of them does."""
        ...

    def close(self) -> None:
        """Give all connections back."""
        ...


def connect(options: RedisOptions) -> Nodes:
    """Nothing is sent yet, but to find a cluster's nodes when they are first asked for. ValueError when the options don't fit together."""
    kwargs = _connection(options)
    if options.sentinels:
        if not options.service:
            raise ValueError("redis_service is missing; want the name that the master has among the redis_sentinels")
        return _One(_master(options, kwargs))
    if options.cluster:
        kwargs.pop("path", None)
        kwargs.pop("db", None)
        return _Cluster(lambda: RedisCluster(**kwargs))
    unix = {"unix_socket_path": kwargs.pop("path")} if "path" in kwargs else {}
    return _One(redis.Redis(**kwargs, **unix))


def place(options: RedisOptions) -> str:
    """Where it is, for people; no credentials."""
    if options.sentinels:
        return f'"{options.service}" of sentinels {", ".join(options.sentinels)}'
    parts = urlsplit(options.url)
    return parts.path if parts.scheme == "unix" else parts.netloc.rpartition("@")[2]


def _connection(options: RedisOptions) -> dict[str, Any]:
    scheme = options.url.partition("://")[0]
    try:
        kwargs: dict[str, Any] = dict(parse_url(options.url))  # type: ignore[no-untyped-call]
    except ValueError:
        raise ValueError(
            f"redis_url: want redis://host:port/database, rediss://… or unix:///path, not {scheme.partition(':')[0]}:…"
        ) from None
    database = urlsplit(options.url).path.strip("/")
    if scheme != "unix" and database and not database.isdecimal():  # which redis-py would take for 0
        raise ValueError(f'redis_url: database "{database[:100]}": want a number, like redis://host:6379/0')
    kwargs.pop("connection_class", None)
    if options.url.startswith("rediss:"):
        kwargs |= {
            "ssl": True,
            "ssl_ca_certs": _path(options.ca_file),
            "ssl_certfile": _path(options.cert_file),
            "ssl_keyfile": _path(options.key_file),
        }
    if options.username:
        kwargs["username"] = options.username
    if options.password_file is not None:
        kwargs["password"] = _secret(options.password_file)
    return kwargs | {
        "socket_timeout": options.timeout_s,
        "socket_connect_timeout": options.timeout_s,
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,
        "driver_info": None,
        "socket_keepalive": True,
    }


def _master(options: RedisOptions, kwargs: dict[str, Any]) -> redis.Redis:
    share_s = options.timeout_s / (len(options.sentinels) + 1)  # one after another is asked, then the master
    asked = {
        "socket_timeout": share_s,
        "socket_connect_timeout": share_s,
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,
        "driver_info": None,
        "username": options.sentinel_username or None,
        "password": _secret(options.sentinel_password_file) if options.sentinel_password_file else None,
    }
    for name in ("host", "port", "path"):
        kwargs.pop(name, None)
    known: Any = Sentinel([_host_port(each) for each in options.sentinels], sentinel_kwargs=asked, **kwargs)  # type: ignore[no-untyped-call]
    return cast(redis.Redis, known.master_for(options.service, **kwargs))


def _host_port(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    if not port.isdecimal():
        host, port = address, str(_SENTINEL_PORT)
    return host.strip("[]"), int(port)


def _path(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _secret(path: Path) -> str:
    return path.read_text(encoding="utf-8").strip()


class _One:
    """One server, or the master that Sentinels name whenever a connection is made."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def of(self, tag: str) -> redis.Redis:  # noqa: ARG002 - all are here
        return self._client

    def masters(self) -> list[redis.Redis]:
        return [self._client]

    def moved_to(self, tag: str, error: MovedError) -> redis.Redis:  # noqa: ARG002 - it is a cluster
        raise redis.ConnectionError("it is a node of a cluster: set redis_cluster") from error

    def doubt(self) -> None:
        """Nothing: Sentinels are asked whenever a connection is made."""

    def refresh(self) -> None:
        """Nothing."""

    def close(self) -> None:
        self._client.close()


class _Cluster:
    """A cluster, found out about when it is first needed, and again when a node says that a slot is elsewhere."""

    def __init__(self, make: Callable[[], RedisCluster]) -> None:
        self._make = make
        self._cluster: RedisCluster | None = None
        self._lock = Lock()
        self._is_doubted = False
        self._slots: dict[str, int] = {}

    def of(self, tag: str) -> redis.Redis:
        cluster = self._known()
        slot = self._slots.get(tag)
        if slot is None:
            if len(self._slots) > 65536:  # noqa: PLR2004 - more than are in use
                self._slots.clear()
            slot = self._slots[tag] = key_slot(tag.encode())
        try:
            node = cluster.nodes_manager.get_node_from_slot(slot)
        except RedisClusterException as error:
            raise redis.ConnectionError(str(error)) from error
        if node is None:
            raise redis.ConnectionError(f"no node serves slot {slot}")
        return cluster.get_redis_connection(node)

    def masters(self) -> list[redis.Redis]:
        cluster = self._known()
        return [cluster.get_redis_connection(node) for node in cluster.nodes_manager.get_nodes_by_server_type("primary")]

    def moved_to(self, tag: str, error: MovedError) -> redis.Redis:
        self._known().nodes_manager.move_slot(error)
        self._is_doubted = True
        return self.of(tag)

    def doubt(self) -> None:
        self._is_doubted = True

    def refresh(self) -> None:
        if self._is_doubted:
            cluster = self._known()
            try:
                cluster.nodes_manager.initialize()
            except RedisClusterException as error:
                raise redis.ConnectionError(str(error)) from error
            self._is_doubted = False

    def close(self) -> None:
        if self._cluster is not None:
            self._cluster.close()

    def _known(self) -> RedisCluster:
        if self._cluster is None:
            try:
                self._cluster = self._make()
            except RedisClusterException as error:  # which is no RedisError
                raise redis.ConnectionError(str(error)) from error
        return self._cluster
