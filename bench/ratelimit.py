"""What ShouldRateLimit costs: calls a second and CPU µs a call, of the real service on both engines.

Every admit and every settle is another request (an id admits once), so these come from Python's sender; h2load, which repeats one
body, sends what may be repeated: a refusal, and another domain's request, which shows what the engine alone costs.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from urllib.request import urlopen

import h2load
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


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    engine: str
    call: str
    figures: h2load.Figures


def main() -> None:
    if not h2load.is_installed():
        print(h2load.MISSING)
    print(f"{'engine':8} {'call':28} {'sent by':8} {'calls':>8} {'calls/s':>9} {'CPU µs/call':>12}")
    for engine in sys.argv[1:] or ("native", "grpcio"):
        for row in _measure(engine):
            figures = row.figures
            told = f"{figures.driver:8} {figures.calls:8d} {figures.calls_per_s:9,.0f} {figures.cpu_us_per_call:12.1f}"
            print(f"{row.engine:8} {row.call:28} {told}", flush=True)


def _measure(engine: str) -> Iterator[Row]:
    with _service(engine) as (method, metrics_port):
        yield Row(engine, "another domain", h2load.measure(method, rls_pb2.RateLimitRequest(domain="other").SerializeToString()))
        yield Row(engine, "admit, one limit", h2load.measure_each(method, _bodies("admit", _ONE, "a")))
        taken = count()
        bodies = (body for body, _ in zip(_bodies("admit", _FOUR, "b"), taken, strict=False))
        yield Row(engine, "admit, four limits", h2load.measure_each(method, bodies))
        admitted = next(taken)
        settled = count()
        bodies = (body for body, _ in zip(_bodies("settle", _FOUR, "b"), settled, strict=False))
        yield Row(engine, "settle, four limits", h2load.measure_each(method, islice(bodies, admitted)))
        used_up = _bodies("admit", _USED_UP, "c", users=1)
        h2load.call(method, next(used_up))
        yield Row(engine, "refused (429)", h2load.measure(method, next(used_up)))
        _check(metrics_port, next(settled))


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
def _service(engine: str) -> Iterator[tuple[h2load.Method, int]]:
    """The service as a process of its own, on free ports; its method and the port of its metrics."""
    with tempfile.TemporaryDirectory() as folder:
        workload = Path(folder) / "workload"
        workload.write_text(secret := secrets.token_urlsafe(32))
        settings = {"PORT": "0", "METRICS_PORT": "0", "ENGINE": engine, "LOG_FORMAT": "json", "STATE_DIR": folder}
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
        time.sleep(0.05)
    raise RuntimeError("the service did not start")


if __name__ == "__main__":
    main()
