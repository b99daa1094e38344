"""maas-keys as a program: it explains itself, starts, serves, and ends cleanly."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from maas.keys.v1.api_keys_pb2 import CreateApiKeyRequest
from maas.keys.v1.api_keys_pb2_grpc import ApiKeysServiceStub
from maas.keys.v1.lookup_pb2 import LookupApiKeyRequest, WatchKeysRequest
from maas.keys.v1.lookup_pb2_grpc import KeyLookupServiceStub
from maas_common.testing import WORKLOAD
from maas_common.testing.databases import postgres_database
from maas_keys.settings import KeysSettings

PROGRAM = Path(sys.executable).with_name("maas-keys")


def environment(files, **settings):
    given = {"port": "0", "metrics_port": "0", "log_format": "json"} | files | settings
    return {f"MAAS_KEYS_{name.upper()}": value for name, value in given.items()}


@contextmanager
def running(files, **settings):
    """The program, serving; yields the process, its channel and the log lines up to then."""
    process = subprocess.Popen([PROGRAM], env=environment(files, **settings), stderr=subprocess.PIPE, text=True)
    try:
        lines = []
        for line in process.stderr:
            lines.append(json.loads(line))
            if lines[-1]["event"] == "readiness changed":
                break
        port = next(line["port"] for line in lines if line["event"] == "service started")
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield process, channel, lines
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


def test_it_serves_until_told_and_ends_watches_and_itself(files, people):
    with running(files, oidc_issuer=people.url, shutdown_grace_s="100") as (process, channel, lines):
        health = health_pb2_grpc.HealthStub(channel)
        for name in ("", "maas.keys.v1.ApiKeysService", "maas.keys.v1.KeyLookupService"):
            assert health.Check(health_pb2.HealthCheckRequest(service=name)).status == health_pb2.HealthCheckResponse.SERVING
        made = ApiKeysServiceStub(channel).CreateApiKey(
            CreateApiKeyRequest(name="laptop"), metadata=(*people.bearer("alice"), ("x-request-id", "req-7"))
        )
        requests: SimpleQueue[WatchKeysRequest | None] = SimpleQueue()
        requests.put(WatchKeysRequest(start={"watcher": "authz-1"}))
        watch = KeyLookupServiceStub(channel).WatchKeys(iter(requests.get, None), metadata=WORKLOAD)
        assert next(watch).revision == 1
        process.send_signal(signal.SIGTERM)
        with pytest.raises(grpc.RpcError) as ended:
            list(watch)
        requests.put(None)
        assert (ended.value.code(), ended.value.details()) == (grpc.StatusCode.UNAVAILABLE, "the service is stopping")
        _, rest = process.communicate()
        assert process.returncode == 0
    logged = [*lines, *(json.loads(line) for line in rest.splitlines())]
    created = [line for line in logged if line["event"] == "api key created"]
    assert [(line["key_id"], line["request_id"], line["actor"]) for line in created] == [(made.id, "req-7", f"{people.url}|alice")]
    assert "service stopping" in [line["event"] for line in logged]
    assert "error" not in {line["level"] for line in logged}
    assert made.key not in json.dumps(logged)
    assert made.key.rpartition("_")[2][:43] not in json.dumps(logged)

    with running(files) as (_, channel, _):
        found = KeyLookupServiceStub(channel).LookupApiKey(LookupApiKeyRequest(id=made.id), metadata=WORKLOAD)
        assert (found.record.id, found.revision) == (made.id, 1)


class Watcher:
    """A watcher of a running program, that confirms what it has read."""

    def __init__(self, channel, name):
        self._said: SimpleQueue[WatchKeysRequest | None] = SimpleQueue()
        self._said.put(WatchKeysRequest(start={"watcher": name}))
        self._heard = KeyLookupServiceStub(channel).WatchKeys(iter(self._said.get, None), metadata=WORKLOAD)

    def confirm_until(self, revision):
        for message in self._heard:
            self._said.put(WatchKeysRequest(ack=message.revision))
            if message.revision >= revision:
                return

    def forget(self):
        self._said.put(None)
        self._heard.cancel()


def lagging_until(change, expected):
    """Change again and again until that is who lags; the test's time is the limit."""
    while (seen := list(change().enforcement.lagging)) != expected:
        assert seen in (["authz-2"], ["authz-2 at keys-b"], ["authz-2 (not connected)"], [])


def test_watchers_of_a_replica_that_was_killed_are_waited_for_until_they_are_back(files, people, postgres):
    shared = {"oidc_issuer": people.url, "replica_heartbeat_s": "0.2", "enforcement_wait_s": "0.1", "settle_s": "0", "heartbeat_s": "0.1"}
    with postgres_database(postgres) as url, running(files | {"database_url": url}, replica_name="keys-a", **shared) as (_, here, _):

        def change():
            return ApiKeysServiceStub(here).CreateApiKey(CreateApiKeyRequest(name="laptop"), metadata=people.bearer("alice"))

        with running(files | {"database_url": url}, replica_name="keys-b", **shared) as (process, there, _):
            lost = Watcher(there, "authz-2")
            lost.confirm_until(0)
            lagging_until(change, ["authz-2 at keys-b"])
            process.kill()
            lagging_until(change, ["authz-2 (not connected)"])
            lost.forget()
        back = Watcher(here, "authz-2")
        back.confirm_until(change().enforcement.revision)
        lagging_until(change, ["authz-2"])
        back.forget()


def test_help_explains_every_setting():
    shown = subprocess.run([PROGRAM, "--help"], capture_output=True, text=True, check=True).stdout
    words = re.sub(r"\s+", "", shown)
    for name, field in KeysSettings.model_fields.items():
        assert f"--{name.replace('_', '-')}" in shown
        assert field.description
        assert re.sub(r"\s+", "", field.description) in words


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"default_expiry": "91d"}, "default_expiry 91d is longer than max_expiry 90d"),
        ({"max_expiry": "soon"}, "like 30d, 12h or 90m"),
        ({"key_prefix": "sk maas"}, "key_prefix"),
        ({"heartbeat_s": "0"}, "heartbeat_s"),
    ],
)
def test_settings_that_make_no_sense_are_refused_and_show_no_password(files, wrong, says):
    with pytest.raises(ValueError, match=says) as caught:
        KeysSettings(**files | wrong | {"database_url": "postgresql+psycopg://keys:hunter2@db/keys"})
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("pepper", ["", "p1:short", "p1:" + "5a" * 31, "5a" * 32])
def test_a_pepper_file_that_is_wrong_is_named_without_what_is_in_it(files, pepper):
    Path(files["pepper_file"]).write_text(pepper)
    with pytest.raises(ValueError, match=re.escape(files["pepper_file"])) as caught:
        KeysSettings(**files).terms()
    assert not pepper or pepper not in str(caught.value)


def test_settings_show_no_password_when_printed(files):
    settings = KeysSettings(**files | {"database_url": "postgresql+psycopg://keys:hunter2@db/keys"})
    assert "hunter2" not in repr(settings)
