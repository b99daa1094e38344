"""Load on one unary gRPC method: calls a second, and the CPU that each call cost the server.

Debian's h2load (package nghttp2-client) sends the load. It sends one body over and over; where every call has to be another one,
and where h2load is missing, `replay` sends it from Python: slower, so calls/s say less then, while CPU per call still holds.
"""

from __future__ import annotations

import math
import os
import re
import shutil
import struct
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice, repeat
from pathlib import Path

import grpc
import replay

MISSING = "h2load is missing (Debian package nghttp2-client): Python sends the load, so calls/s are at most what Python can send"
_DONE = re.compile(r"(\d+) succeeded, (\d+) failed")
_WARM_UP_CALLS = 2000


@dataclass(frozen=True, slots=True)
class Method:
    """One gRPC method of a server on this machine, and what its calls carry."""

    port: int
    path: str
    metadata: Sequence[tuple[str, str]]
    pid: int
    """The process whose CPU is measured."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured. `driver` is h2load or python."""

    calls: int
    calls_per_s: float
    cpu_us_per_call: float
    driver: str


def is_installed() -> bool:
    """Whether h2load is there; say MISSING when it is not."""
    return shutil.which("h2load") is not None


def measure(method: Method, body: bytes, seconds: float = 4.0) -> Figures:
    """Send `body` for about that long. grpc.RpcError when the server refuses it: refusals are quick and would look good."""
    if not is_installed():
        return measure_each(method, repeat(body), seconds)
    call(method, body)
    calls = _calls_within(seconds, _h2load(method, body, _WARM_UP_CALLS))
    return _measured(method, "h2load", calls, lambda: _h2load(method, body, calls))


def measure_each(method: Method, bodies: Iterable[bytes], seconds: float = 4.0) -> Figures:
    """Send every body once, as many as fit into about that long. RuntimeError when the server refuses one."""
    left = iter(bodies)
    took_s = _replay(method, _prepared(method, islice(left, _WARM_UP_CALLS)))
    ready = _prepared(method, islice(left, _calls_within(seconds, took_s)))
    return _measured(method, "python", sum(map(len, ready)), lambda: _replay(method, ready))


def call(method: Method, body: bytes) -> bytes:
    """One call; grpc.RpcError when it is refused."""
    with grpc.insecure_channel(f"127.0.0.1:{method.port}") as channel:
        answer: bytes = channel.unary_unary(method.path, None, None)(body, metadata=tuple(method.metadata), timeout=10)
    return answer


def cpu_s(pid: int) -> float:
    """Seconds of CPU that a process has used so far: all its threads, in user and kernel."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _calls_within(seconds: float, warm_up_took_s: float) -> int:
    return math.ceil(_WARM_UP_CALLS * seconds / warm_up_took_s)


def _measured(method: Method, driver: str, calls: int, send: Callable[[], float]) -> Figures:
    before = cpu_s(method.pid)
    took_s = send()
    return Figures(calls, calls / took_s, (cpu_s(method.pid) - before) / calls * 1e6, driver)


def _prepared(method: Method, bodies: Iterable[bytes]) -> list[replay.Calls]:
    return replay.prepare(method.path, method.metadata, list(bodies))


def _replay(method: Method, prepared: list[replay.Calls]) -> float:
    started = time.perf_counter()
    replay.send(method.port, prepared)
    return time.perf_counter() - started


def _h2load(method: Method, body: bytes, calls: int) -> float:
    """Send the calls; how long it took. RuntimeError when some got no answer."""
    with tempfile.NamedTemporaryFile() as data:
        data.write(struct.pack(">BI", 0, len(body)) + body)
        data.flush()
        headers = [f"-H{name}: {value}" for name, value in (("content-type", "application/grpc"), ("te", "trailers"), *method.metadata)]
        command = ["h2load", f"-c{replay.CONNECTIONS}", f"-m{replay.STREAMS}", f"-n{calls}", f"-d{data.name}", *headers]
        started = time.perf_counter()
        said = subprocess.run([*command, f"http://127.0.0.1:{method.port}{method.path}"], check=True, capture_output=True, text=True).stdout
        took_s = time.perf_counter() - started
    done = _DONE.search(said)
    if done is None or int(done[1]) != calls:
        raise RuntimeError(f"h2load: not every one of {calls} calls was answered: {done[0] if done else said}")
    return took_s
