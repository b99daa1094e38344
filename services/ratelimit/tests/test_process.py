"""maas-ratelimit as a program: it explains itself, starts, serves, counts alone, and ends cleanly."""

from __future__ import annotations

import json
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.request import urlopen

import grpc
import pytest
from envoy.service.ratelimit.v3 import rls_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from maas.ratelimit.v1.limits_pb2 import PeekRequest
from maas.ratelimit.v1.limits_pb2_grpc import LimitsServiceStub
from maas_common.testing import WORKLOAD
from maas_ratelimit.adapters.envoy_rls import METHOD
from maas_ratelimit.settings import RatelimitSettings
from pydantic import ValidationError

PROGRAM = Path(sys.executable).with_name("maas-ratelimit")
RLS = "envoy.service.ratelimit.v3.RateLimitService"
LIMITS = "maas.ratelimit.v1.LimitsService"
QUOTA = "1;r:requests:5:1d:user;t:total_tokens:2000:month in Europe/Berlin:user"
PLAN = "1;tier/free/requests-1d:requests:5:1d:user"


def environment(files, **settings) -> dict[str, str]:
    given = {"port": "0", "metrics_port": "0", "log_format": "json"} | files | settings
    return {f"MAAS_RATELIMIT_{name.upper()}": value for name, value in given.items()}


@contextmanager
def running(files, **settings) -> Iterator[tuple[subprocess.Popen[str], grpc.Channel, dict]]:
    """The program, serving; yields the process, its channel and what it logged when it had started."""
    with subprocess.Popen([PROGRAM], env=environment(files, **settings), stderr=subprocess.PIPE, text=True) as process:
        try:
            started = json.loads(process.stderr.readline())
            with grpc.insecure_channel(f"127.0.0.1:{started['port']}") as channel:
                yield process, channel, started
        finally:
            if process.poll() is None:
                process.kill()
                process.communicate()


@pytest.mark.parametrize("engine", ["native", "grpcio"])
def test_it_serves_until_told_and_ends_cleanly(files, wire, engine):
    with running(files, engine=engine) as (process, channel, started):
        assert (started["event"], started["engine"]) == ("service started", engine)
        health = health_pb2_grpc.HealthStub(channel)
        for name in ("", RLS, LIMITS):
            assert health.Check(health_pb2.HealthCheckRequest(service=name)).status == health_pb2.HealthCheckResponse.SERVING
        reflection = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo(
            iter(
                [
                    reflection_pb2.ServerReflectionRequest(list_services=""),
                    reflection_pb2.ServerReflectionRequest(file_containing_symbol=RLS),
                    reflection_pb2.ServerReflectionRequest(file_containing_symbol=LIMITS),
                ]
            )
        )
        listed, *described = reflection
        assert {RLS, LIMITS, "grpc.health.v1.Health"} <= {service.name for service in listed.list_services_response.service}
        assert all(answer.file_descriptor_response.file_descriptor_proto for answer in described)

        call = channel.unary_unary(METHOD)
        answers = [call(wire["packed"](wire["admit"](number, PLAN)), metadata=WORKLOAD) for number in range(7)]
        codes = [rls_pb2.RateLimitResponse.FromString(answer).overall_code for answer in answers]
        assert codes == [1] * 5 + [2] * 2
        with urlopen(f"http://127.0.0.1:{started['metrics_port']}/metrics") as metrics:
            told = metrics.read().decode()
        assert 'maas_ratelimit_admits_total{outcome="admitted"} 5.0' in told
        assert "maas_ratelimit_reservations 5.0" in told

        process.send_signal(signal.SIGTERM)
        _, rest = process.communicate()
        assert process.returncode == 0
    events = [json.loads(line) for line in rest.splitlines()]
    assert "service stopping" in [event["event"] for event in events]
    warnings = [event["event"] for event in events if event["level"] != "info"]
    assert all("usage events" in warning for warning in warnings)  # there is no keys service to take them


def test_a_second_process_on_the_same_state_is_refused_and_the_first_goes_on(files):
    with running(files) as (process, channel, _):
        second = subprocess.run([PROGRAM], env=environment(files), capture_output=True, text=True, check=False)
        assert second.returncode == 1
        assert re.fullmatch(
            rf"maas-ratelimit: state folder {re.escape(files['state_dir'])}: ratelimit process {process.pid} counts there already, .*\n",
            second.stderr,
        )
        assert health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest()).status == health_pb2.HealthCheckResponse.SERVING
    with running(files) as (_, channel, _):  # the first was killed: its lock has gone with it
        assert health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest()).status == health_pb2.HealthCheckResponse.SERVING


def test_a_killed_process_goes_on_with_its_quotas_reservations_and_usage_events(files, wire):
    def code(channel, kind: str, number: int, **entries: str) -> int:
        answer = channel.unary_unary(METHOD)(wire["packed"](wire[kind](number, QUOTA) | entries), metadata=WORKLOAD)
        return rls_pb2.RateLimitResponse.FromString(answer).overall_code

    with running(files) as (process, channel, _):
        assert [code(channel, "admit", number) for number in range(4)] == [1] * 4
        code(channel, "settle", 0, total="900")
        until_written(files, "SELECT count(*) FROM events", 1)
        process.kill()
        process.communicate()
    with running(files) as (_, channel, _started):
        assert [code(channel, "admit", number) for number in range(4, 7)] == [1, 2, 2]  # the fifth of five
        code(channel, "settle", 1, total="50")
        peeked = LimitsServiceStub(channel).Peek(PeekRequest(plan=QUOTA, user=wire["user"]), metadata=WORKLOAD)
        assert [(limit.used, limit.reserved) for limit in peeked.limits] == [(5, 0), (950, 600)]
        assert until_written(files, "SELECT count(*) FROM events", 2)


def until_written(files, query: str, wanted: int) -> bool:
    """Reads the journal until it has as many; the test's timeout ends what never happens."""
    while True:
        with closing(sqlite3.connect(f"file:{files['state_dir']}/journal.sqlite?mode=ro", uri=True)) as journal:
            if journal.execute(query).fetchone()[0] == wanted:
                return True


@pytest.mark.parametrize("name", ["reservation_ttl_s", "settled_ttl_s", "redis_timeout_s"])
@pytest.mark.parametrize("value", ["0", "-1", "inf", "nan", "1e300"])
def test_times_that_nobody_can_wait_for_are_refused(tmp_path, name, value):
    with pytest.raises(ValidationError, match=name):
        RatelimitSettings(workload_secret_file=tmp_path, **{name: value})


def test_every_setting_is_explained():
    told = subprocess.run([PROGRAM, "--help"], capture_output=True, text=True, check=True).stdout
    for name, field in RatelimitSettings.model_fields.items():
        assert f"--{name.replace('_', '-')}" in told
        assert field.description
    assert "MAAS_RATELIMIT_LOG_LEVEL" in told
