"""Settings: what is taken, what is said of the rest, what is never shown."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from maas_registry.settings import RegistrySettings
from pydantic import ValidationError


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    monkeypatch.setenv("MAAS_REGISTRY_WORKLOAD_SECRET_FILE", "secret")


def test_ranges_are_a_json_list_in_the_environment(monkeypatch):
    monkeypatch.setenv("MAAS_REGISTRY_ALLOWED_ENDPOINT_RANGES", '["127.0.0.0/8", "::1/128"]')
    assert RegistrySettings().allowed_endpoint_ranges == [ip_network("127.0.0.0/8"), ip_network("::1/128")]


@pytest.mark.parametrize(("host", "ranges"), [("10.96.0.1", [ip_network("10.96.0.1/32")]), ("", []), ("kubernetes.default", [])])
def test_in_a_pod_the_api_server_is_closed_to_models(monkeypatch, host, ranges):
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", host)
    assert RegistrySettings().refused_endpoint_ranges == ranges


def test_a_database_of_another_kind_is_refused_without_showing_its_password(monkeypatch):
    monkeypatch.setenv("MAAS_REGISTRY_DATABASE_URL", "mysql://root:hunter2@db/registry")
    with pytest.raises(ValidationError) as caught:
        RegistrySettings()
    assert "want sqlite:///path or postgresql+psycopg://" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_password_is_not_shown():
    settings = RegistrySettings(database_url="postgresql+psycopg://root:hunter2@db/registry")
    assert "hunter2" not in repr(settings)
