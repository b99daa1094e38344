"""`maas-local up` as a person runs it: the whole suite, for real."""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from maas_local.settings import ENV_PREFIX, LocalSettings

pytestmark = [pytest.mark.envoy, pytest.mark.model]

ROOT = Path(__file__).parents[3]
NAMES = ("issuer", "model", "keys", "registry", "authz", "ratelimit", "envoy")


@dataclass
class Run:
    """One `maas-local up` and what it has printed so far."""

    process: subprocess.Popen[str]
    settings: LocalSettings
    printed: str = ""

    def read_until(self, text: str) -> str:
        """What it prints up to the line with that text; all there is when it ends before."""
        for line in self.process.stdout:
            self.printed += line
            if text in line:
                break
        return self.printed

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        self.read_until("nothing of the kind: to the end")
        return self.process.wait(timeout=60)

    def curls(self) -> list[list[str]]:
        return [shlex.split(line) for line in self.printed.splitlines() if line.startswith("curl ")]


def children(pid: int) -> list[int]:
    """Of any of its threads."""
    return [int(child) for path in Path(f"/proc/{pid}/task").glob("*/children") for child in path.read_text().split()]


@pytest.fixture
def settings(tmp_path) -> LocalSettings:
    return LocalSettings.on_free_ports(state=tmp_path / ".maas", config=ROOT / "config", envoy=ROOT / ".tools/envoy/bin/envoy")


@pytest.fixture
def up(settings) -> Iterator[Callable[[], Run]]:
    started: list[subprocess.Popen[str]] = []
    environment = dict(os.environ) | {f"{ENV_PREFIX}{name.upper()}": str(value) for name, value in settings.model_dump().items()}
    command = [str(Path(sys.executable).with_name("maas-local")), "up"]

    def run() -> Run:
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        started.append(process)
        return Run(process, settings)

    yield run
    for process in started:
        process.kill()
        process.wait()


def ask(words: list[str]) -> httpx.Response:
    """What the printed curl command would send."""
    headers = dict(words[i + 1].split(": ", 1) for i, word in enumerate(words) if word == "-H")
    return httpx.post(words[1], headers=headers, content=words[words.index("-d") + 1], timeout=60)


@pytest.mark.timeout(300)
def test_the_printed_requests_work_a_second_start_keeps_everything_and_nothing_outlives_either(up, wait_until_gone):
    first = up()
    assert "Ctrl-C stops everything" in first.read_until("Ctrl-C stops everything"), first.printed
    for tier in ("free", "premium", "enterprise"):
        assert re.search(rf"^# {tier}: ", first.printed, re.MULTILINE)
    assert len(first.curls()) == 3
    for words in first.curls():
        answer = ask(words)
        assert (answer.status_code, answer.json()["usage"]["total_tokens"] > 0) == (200, True)
    pids = children(first.process.pid)
    assert len(pids) == len(NAMES)
    assert first.end(signal.SIGINT) == 0
    assert all(wait_until_gone(pid) for pid in pids)

    second = up()
    second.read_until("Ctrl-C stops everything")
    assert second.curls() == first.curls()
    assert "created" not in second.printed
    assert ask(second.curls()[0]).status_code == 200
    pids = children(second.process.pid)
    assert len(pids) == len(NAMES)
    second.process.kill()
    assert all(wait_until_gone(pid) for pid in pids)


def test_a_second_run_in_the_same_folder_is_refused(up):
    first = up()
    first.read_until("ready after")
    second = up()
    assert f"process {first.process.pid} already runs the suite here" in second.read_until("already runs")
    assert second.process.wait(timeout=60) == 1


def test_stopped_while_it_starts_it_ends_everything(up, wait_until_gone):
    run = up()
    run.read_until("ready after")
    pids = children(run.process.pid)
    assert run.end(signal.SIGTERM) == 0
    assert pids
    assert all(wait_until_gone(pid) for pid in pids)


def test_a_taken_port_is_named_before_anything_starts(up, settings):
    with socket.create_server(("127.0.0.1", settings.gateway_port)):
        run = up()
        printed = run.read_until("is taken by")
    assert f"port {settings.gateway_port} (gateway) is taken by process {os.getpid()}" in printed
    assert "set MAAS_LOCAL_GATEWAY_PORT to another port" in printed
    assert run.process.wait(timeout=60) == 1
    assert not list((settings.state / "logs").iterdir())
