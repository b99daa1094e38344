from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest
from maas_common.settings import ServiceSettings
from maas_local.parts import SERVICES, process_specs, service_environment
from maas_local.secrets import secret_files
from maas_local.settings import LocalSettings
from maas_local.state import StateFolder


@pytest.fixture
def state(tmp_path) -> StateFolder:
    return StateFolder(tmp_path)


@pytest.fixture
def settings(tmp_path) -> LocalSettings:
    return LocalSettings.on_free_ports(state=tmp_path)


@pytest.mark.parametrize("service", SERVICES)
def test_every_setting_given_to_a_service_is_one_that_it_has(service, settings, state, monkeypatch):
    environment = service_environment(service, settings, state, secret_files(state))
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    module = import_module(f"maas_{service}.settings")
    (known,) = (
        c for c in vars(module).values() if isinstance(c, type) and issubclass(c, ServiceSettings) and c.__module__ == module.__name__
    )

    read = known()

    prefix = f"MAAS_{service.upper()}_"
    assert {name.removeprefix(prefix).lower() for name in environment} <= set(known.model_fields)
    assert read.port == getattr(settings, f"{service}_port")
    assert read.oidc_issuer == settings.issuer_url


def test_nothing_of_a_run_lies_outside_its_state_folder(settings, state, monkeypatch):
    monkeypatch.setenv("MAAS_KEYS_DATABASE_URL", "postgresql+psycopg://elsewhere")
    for spec in process_specs(settings, state, secret_files(state)):
        assert spec.log.is_relative_to(state.root)
        own = {name: value for name, value in spec.environment.items() if name.startswith(f"MAAS_{spec.name.upper()}_")}
        paths = [value.removeprefix("sqlite:///") for name, value in own.items() if name.endswith(("_FILE", "_DIR", "_DATABASE_URL"))]
        assert all(Path(path).is_relative_to(state.root) for path in paths), paths


def test_what_is_on_this_machine_is_asked_without_a_proxy(settings, state, monkeypatch):
    monkeypatch.setenv("no_proxy", "example.org")
    for spec in process_specs(settings, state, secret_files(state)):
        assert spec.environment["no_proxy"] == spec.environment["NO_PROXY"] == "example.org,127.0.0.1,localhost"


def test_every_process_can_be_started_in_some_order(settings, state):
    specs = {spec.name: spec for spec in process_specs(settings, state, secret_files(state))}
    assert set(specs) == {"issuer", "model", *SERVICES, "envoy"}
    assert set(specs["envoy"].after) >= {"authz", "ratelimit", "registry"}
    assert set(specs["authz"].after) == {"keys", "registry"}
