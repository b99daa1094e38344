"""maas-ratelimit while its Redis is killed, stopped and started again, and callers go on asking."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from signal import SIGCONT, SIGSTOP
from urllib.request import urlopen

import grpc
import pytest
from envoy.service.ratelimit.v3 import rls_pb2
from maas.ratelimit.v1.limits_pb2 import PeekRequest
from maas.ratelimit.v1.limits_pb2_grpc import LimitsServiceStub
from maas_common.testing import WORKLOAD
from maas_ratelimit.adapters.envoy_rls import METHOD
from maas_ratelimit.core.events import Usage, read_line

from services.ratelimit.tests.redis_servers import Server, redis_server, wait_until

PROGRAM = Path(sys.executable).with_name("maas-ratelimit")
USER = "https://issuer.example|ann"
REDIS_TIMEOUT_S = 0.25
DEADLINE_S = 2 * REDIS_TIMEOUT_S + 2.0
"""What is promised: the Redis time-out of the calls before, and of one's own. The rest is for a machine that has much to do."""
PATIENCE_S = 30.0
CALLERS = 4
IN_FLIGHT = 5
"""Requests that each caller has under way at a time."""
OK, OVER_LIMIT = rls_pb2.RateLimitResponse.OK, rls_pb2.RateLimitResponse.OVER_LIMIT
REFUSED_BY_LIMIT, LIMITER_FAILED = "2048", "8192"
"""Flags that Envoy tells of the ends of such requests."""


class Load:
    """Callers that ask and settle without pause, as Envoy does: also the ends of those that were not let through."""

    def __init__(self, port: int, plan: str, wire) -> None:
        self.seen: Counter[str] = Counter()
        """How often claims were admitted, refused, denied; and whatever else came, which is wrong."""
        self.used: dict[int, int] = {}
        """Tokens of each request that was admitted."""
        self._address = f"127.0.0.1:{port}"
        self._plan = plan
        self._wire = wire
        self._numbers = count(1)
        self._changed = threading.Condition()
        self._is_over = False
        self._threads = [threading.Thread(target=self._ask_on) for _ in range(CALLERS)]

    @contextmanager
    def going(self) -> Iterator[None]:
        """Inside the block. After it every request that was admitted is settled."""
        for thread in self._threads:
            thread.start()
        try:
            yield
        finally:
            self._is_over = True
            for thread in self._threads:
                thread.join()

    def until(self, what: str, more: int) -> None:
        """So many more of them."""
        with self._changed:
            enough = self.seen[what] + more
            assert self._changed.wait_for(lambda: self.seen[what] >= enough, PATIENCE_S), f"{what} stays {self.seen[what]}: {self.seen}"

    def _ask_on(self) -> None:
        with grpc.insecure_channel(self._address) as channel:
            call = channel.unary_unary(METHOD)
            under_way: deque[int] = deque()
            while not self._is_over:
                number = next(self._numbers)
                what = self._ask(call, self._wire["admit"](number, self._plan))
                if what == "admitted":
                    self.used[number] = number % 7 + 1
                    under_way.append(number)
                else:
                    flags = REFUSED_BY_LIMIT if what == "refused" else LIMITER_FAILED
                    self._settle(call, number, code="429" if what == "refused" else "503", flags=flags)
                with self._changed:
                    self.seen[what] += 1
                    self._changed.notify_all()
                if len(under_way) > IN_FLIGHT:
                    self._settle_used(call, under_way.popleft())
            for number in under_way:
                self._settle_used(call, number)

    def _settle_used(self, call: grpc.UnaryUnaryMultiCallable, number: int) -> None:
        self._settle(call, number, total=str(self.used[number]))

    def _settle(self, call: grpc.UnaryUnaryMultiCallable, number: int, **entries: str) -> None:
        if (what := self._ask(call, self._wire["settle"](number, self._plan, **entries))) != "admitted":
            self.seen[f"settlement {what}"] += 1

    def _ask(self, call: grpc.UnaryUnaryMultiCallable, descriptor: dict[str, str]) -> str:
        try:
            answer = call(self._wire["packed"](descriptor), metadata=WORKLOAD, timeout=DEADLINE_S)
        except grpc.RpcError as error:
            return "denied" if error.code() is grpc.StatusCode.UNAVAILABLE else f"{error.code()}: {error.details()}"
        return {OK: "admitted", OVER_LIMIT: "refused"}[rls_pb2.RateLimitResponse.FromString(answer).overall_code]


class Redis:
    """A server that is killed, stopped, and started again in its place."""

    def __init__(self, server: Server, stack: ExitStack) -> None:
        self.server = server
        self._stack = stack

    def kill(self) -> None:
        """At once, whatever it was at."""
        self.server.process.kill()
        self.server.process.wait()

    def start(self) -> None:
        self.server = self._stack.enter_context(self.server.again())

    def stop(self) -> None:
        """It keeps its connections, and answers nothing."""
        self.server.process.send_signal(SIGSTOP)

    def go_on(self) -> None:
        self.server.process.send_signal(SIGCONT)


class World:
    """A ratelimit process, its Redis, and the callers."""

    def __init__(self, redis: Redis, process: subprocess.Popen[str], plan: str, wire) -> None:
        assert process.stderr is not None
        started = json.loads(process.stderr.readline())
        self.redis = redis
        self.load = Load(started["port"], plan, wire)
        self.logged: list[dict[str, str]] = []
        self._process = process
        self._plan = plan
        self._wire = wire
        self._port, self._metrics_port = started["port"], started["metrics_port"]
        self._reader = threading.Thread(target=self._read, args=(process.stderr,))
        self._reader.start()

    def close(self) -> None:
        self._process.terminate()
        assert self._process.wait(PATIENCE_S) == 0
        self._reader.join()

    def _read(self, lines: Iterator[str]) -> None:
        self.logged += map(json.loads, lines)

    def metric(self, name: str) -> float:
        with urlopen(f"http://127.0.0.1:{self._metrics_port}/metrics") as told:
            values = dict(line.decode().rsplit(" ", 1) for line in told if not line.startswith(b"#"))
        return float(values[f"maas_ratelimit_{name}"])

    def admits(self, number: int) -> bool:
        """One caller asks once."""
        with grpc.insecure_channel(f"127.0.0.1:{self._port}") as channel:
            answer = channel.unary_unary(METHOD)(self._wire["packed"](self._wire["admit"](number, self._plan)), metadata=WORKLOAD)
        return rls_pb2.RateLimitResponse.FromString(answer).overall_code == OK

    def until_back(self) -> None:
        wait_until(lambda: self.metric("store_away") == 0)

    def counters(self) -> list[tuple[int, int]]:
        """Used and reserved: of requests, and of tokens."""
        with grpc.insecure_channel(f"127.0.0.1:{self._port}") as channel:
            peeked = LimitsServiceStub(channel).Peek(PeekRequest(plan=self._plan, user=USER), metadata=WORKLOAD)
        return [(limit.used, limit.reserved) for limit in peeked.limits]

    def events(self) -> dict[int, int]:
        """Tokens by number of request, of each usage event; each request has one."""
        with self.redis.server.client() as client:
            told = [read_line(fields[b"line"].decode()) for _, fields in client.xrange("{maas:default}:events")]
        usage = [(int(each.rid, 16), each.total) for each in told if isinstance(each, Usage)]
        assert len(dict(usage)) == len(usage)
        return dict(usage)

    def check(self) -> None:
        """What the callers saw, what was counted and what is billed agree; nobody waited too long, and nothing was lost."""
        self.until_back()
        used = self.load.used
        assert set(self.load.seen) <= {"admitted", "refused", "denied"}
        assert self.load.seen["admitted"] == len(used)
        assert self.counters() == [(len(used), 0), (sum(used.values()), 0)]
        assert self.events() == used
        assert (self.metric("spooled"), self.metric("spool_dropped_total")) == (0, 0)
        assert {each["event"] for each in self.logged if each["level"] == "error"} <= {"store is away", "store is still away"}


@pytest.fixture
def world(files, wire) -> Iterator[Callable[..., World]]:
    """Starts one. What Redis acknowledged is on its disk."""
    with ExitStack() as stack:

        def start(on_store_error: str, plan: str, **redis: str) -> World:
            server = stack.enter_context(redis_server(**{"appendonly": "yes", "appendfsync": "always"} | redis))
            given = files | {
                "port": "0",
                "metrics_port": "0",
                "log_format": "json",
                "keys_address": "127.0.0.1:1",  # nobody takes events there
                "redis_url": server.url,
                "redis_timeout_s": str(REDIS_TIMEOUT_S),
                "on_store_error": on_store_error,
            }
            environment = {f"MAAS_RATELIMIT_{name.upper()}": value for name, value in given.items()}
            process = stack.enter_context(subprocess.Popen([PROGRAM], env=environment, stderr=subprocess.PIPE, text=True))
            stack.callback(process.kill)
            world = World(Redis(server, stack), process, plan, wire)
            stack.callback(world.close)
            return world

        yield start


def plan(requests: int) -> str:
    return f"1;r:requests:{requests}:366d:user;t:total_tokens:1000000000:366d:user"


def test_a_redis_that_was_restarted_while_nobody_asked_is_not_missed(world):
    there = world("deny", plan(10))
    assert there.admits(1)
    there.counters()
    there.redis.kill()
    there.redis.start()
    assert there.admits(2)
    assert there.counters()[0] == (2, 0)
    assert there.metric("store_outages_total") == 0


def test_denying_admits_exactly_the_limit_whatever_becomes_of_redis(world):
    there = world("deny", plan(500))
    load, redis = there.load, there.redis
    with load.going():
        for _ in range(2):
            load.until("admitted", 50)
            redis.kill()
            load.until("denied", 50)
            redis.start()
            load.until("admitted", 50)
            redis.stop()
            load.until("denied", 50)
            redis.go_on()
        load.until("admitted", 50)
        load.until("refused", 50)
        there.until_back()
        load.until("refused", 50)
    there.check()
    assert len(load.used) == 500


def test_a_redis_whose_memory_is_full_is_away_until_it_has_room(world):
    there = world("deny", plan(300))
    load, redis = there.load, there.redis
    with load.going(), redis.server.client() as client:
        load.until("admitted", 50)
        client.config_set("maxmemory", 1)
        load.until("denied", 50)
        client.config_set("maxmemory", 0)
        load.until("refused", 50)
    there.check()
    assert len(load.used) == 300


def test_allowing_lets_everything_through_meanwhile_and_charges_it_afterwards(world):
    there = world("allow", plan(200))
    load, redis = there.load, there.redis
    with load.going():
        load.until("refused", 50)
        for kill, start in ((redis.kill, redis.start), (redis.stop, redis.go_on)):
            kill()
            load.until("admitted", 200)
            refused = load.seen["refused"]
            load.until("admitted", 50)
            assert load.seen["refused"] == refused
            start()
            load.until("refused", 50)
    there.check()
    assert load.seen["denied"] == 0


def test_counting_locally_admits_the_limit_once_more_and_charges_it_afterwards(world):
    there = world("local", plan(200))
    load, redis = there.load, there.redis
    with load.going():
        for kill, start in ((redis.kill, redis.start), (redis.stop, redis.go_on)):
            load.until("refused", 50)
            kill()
            load.until("refused", 250)
            start()
            there.until_back()
    there.check()
    assert load.seen["denied"] == 0
    assert len(load.used) == 400


def test_a_redis_that_forgets_what_it_counted_starts_from_what_was_settled_meanwhile(world):
    there = world("deny", plan(200), appendonly="no")
    load, redis = there.load, there.redis
    with load.going():
        load.until("refused", 50)
        redis.kill()
        load.until("denied", 50)
        redis.start()
        load.until("refused", 50)
    assert 200 < len(load.used) <= 400
