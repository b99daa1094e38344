"""Script calls over one connection to each node, all that are in hand together in one round trip."""

from __future__ import annotations

import time
from collections.abc import Sequence
from hashlib import sha1
from importlib.resources import files
from threading import Lock
from typing import NamedTuple, Protocol, TypeAlias, cast

import redis
from redis.exceptions import MovedError, NoScriptError

from maas_ratelimit.adapters.redis.connect import Nodes

Reply: TypeAlias = object
"""Bytes, a number or a list; or the redis.RedisError or OSError that came instead."""


def lua(*names: str) -> bytes:
    """Files of the folder lua, one after the other."""
    folder = files("maas_ratelimit.adapters.redis") / "lua"
    return b"".join([(folder / f"{name}.lua").read_bytes() for name in names])


class Script:
    """A Lua script, of those files."""

    def __init__(self, *names: str) -> None:
        source = lua(*names)
        self._sha = sha1(source, usedforsecurity=False).hexdigest().encode()
        self.load = _pack(b"SCRIPT", b"LOAD", source)
        """The command that brings it to a server."""

    def call(self, tag: str, arguments: Sequence[bytes]) -> bytes:
        """The command that runs it, with the tag as its key."""
        return _pack(b"EVALSHA", self._sha, b"1", tag.encode(), *arguments)


def _pack(*parts: bytes) -> bytes:
    return b"".join([b"*%d\r\n" % len(parts), *[b"$%d\r\n%b\r\n" % (len(part), part) for part in parts]])


class _Connection(Protocol):
    """What is used of redis-py's connections, which have no types."""

    is_connected: bool
    socket_timeout: float
    socket_connect_timeout: float

    def connect(self) -> None: ...
    def disconnect(self) -> None: ...
    def send_packed_command(self, command: list[bytes], check_health: bool) -> None: ...  # noqa: FBT001 - as it is there
    def read_response(self, disable_decoding: bool, *, timeout: float) -> Reply: ...  # noqa: FBT001 - as it is there


class _Link(NamedTuple):
    client: redis.Redis
    """Kept, so that no other can be taken for it."""
    connection: _Connection


class Links:
    """Connections for one caller at a time; who calls from several threads waits.

    A connection that failed is dropped, and made anew by the next call that needs it.
    """

    def __init__(self, nodes: Nodes, script: Script, timeout_s: float) -> None:
        self._nodes = nodes
        self._script = script
        self._timeout_s = timeout_s
        self._links: dict[int, _Link] = {}
        self._lock = Lock()

    def call(self, calls: Sequence[tuple[str, Sequence[bytes]]]) -> list[Reply]:
        """Run the script for each tag and arguments; a reply for each, within the timeout. Never raises redis.RedisError or OSError."""
        commands = [(tag, self._script.call(tag, arguments)) for tag, arguments in calls]
        deadline = time.monotonic() + self._timeout_s
        with self._lock:
            replies = self._exchange(commands, deadline)
            # One that nobody used may have been closed long ago. Once more is safe: a request id counts once, and settles once.
            if broken := [place for place, reply in enumerate(replies) if isinstance(reply, redis.ConnectionError)]:
                for place, reply in zip(broken, self._exchange([commands[place] for place in broken], deadline), strict=True):
                    replies[place] = reply
            for place, reply in enumerate(replies):
                if isinstance(reply, NoScriptError | MovedError):
                    replies[place] = self._again(*commands[place], reply, deadline)
        return replies

    def close(self) -> None:
        """Drop all connections."""
        with self._lock:
            for link in self._links.values():
                link.connection.disconnect()
            self._links.clear()

    def _exchange(self, commands: list[tuple[str, bytes]], deadline: float) -> list[Reply]:
        """Send all, then read all; in order on each node."""
        replies: list[Reply] = [None] * len(commands)
        sent: list[tuple[int, _Connection]] = []
        broken: dict[int, Exception] = {}
        for place, (tag, command) in enumerate(commands):
            try:
                client = self._nodes.of(tag)
                if id(client) in broken:  # not made anew here: an answer could be taken for another's
                    replies[place] = broken[id(client)]
                    continue
            except (redis.RedisError, OSError) as error:
                replies[place] = error
                continue
            try:
                connection = self._to(client, deadline)
                connection.send_packed_command([command], check_health=False)
                sent.append((place, connection))
            except (redis.RedisError, OSError) as error:
                self._nodes.doubt()
                replies[place] = broken[id(client)] = error
        for place, connection in sent:
            replies[place] = self._read(connection, deadline)
        return replies

    def _again(self, tag: str, command: bytes, error: redis.RedisError, deadline: float) -> Reply:
        """Once more: with the script loaded, and where the slot is now."""
        try:
            client = self._nodes.moved_to(tag, error) if isinstance(error, MovedError) else self._nodes.of(tag)
            connection = self._to(client, deadline)
            connection.send_packed_command([self._script.load + command], check_health=False)
        except (redis.RedisError, OSError) as other:
            return other
        loaded, reply = self._read(connection, deadline), self._read(connection, deadline)
        return loaded if isinstance(loaded, Exception) else reply

    def _to(self, client: redis.Redis, deadline: float) -> _Connection:
        link = self._links.get(id(client))
        if link is None:
            link = self._links[id(client)] = _Link(client, cast(_Connection, client.connection_pool.make_connection()))
        connection = link.connection
        if not connection.is_connected:
            connection.socket_connect_timeout = connection.socket_timeout = _left(deadline)
            connection.connect()
        return connection

    def _read(self, connection: _Connection, deadline: float) -> Reply:
        if not connection.is_connected:
            return redis.ConnectionError("the connection was lost before the answer came")
        try:
            return connection.read_response(disable_decoding=True, timeout=_left(deadline))
        except redis.ReadOnlyError as error:
            connection.disconnect()  # a replica now: Sentinels know the master
            return error
        except redis.ResponseError as error:
            return error
        except (redis.RedisError, OSError) as error:
            connection.disconnect()
            self._nodes.doubt()
            return error


def _left(deadline: float) -> float:
    return max(deadline - time.monotonic(), 0.001)
