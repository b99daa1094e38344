from __future__ import annotations

from maas_local.settings import LocalSettings


def test_the_ports_are_those_of_the_documentation(monkeypatch):
    monkeypatch.delenv("MAAS_LOCAL_GATEWAY_PORT", raising=False)
    ports = {port.what: port.number for port in LocalSettings().ports()}
    assert ports == {
        "gateway": 8080,
        "rest": 8081,
        "issuer": 8082,
        "model": 8090,
        "envoy admin": 9901,
        "authz": 50051,
        "ratelimit": 50052,
        "registry": 50053,
        "keys": 50054,
        "authz metrics": 9051,
        "ratelimit metrics": 9052,
        "registry metrics": 9053,
        "keys metrics": 9054,
    }


def test_the_setting_that_a_port_names_moves_it(monkeypatch):
    for port in LocalSettings().ports():
        monkeypatch.setenv(port.setting, "12345")
        moved = {p.what: p.number for p in LocalSettings().ports()}
        assert moved[port.what] == 12345
        monkeypatch.delenv(port.setting)


def test_free_ports_are_all_different():
    numbers = [port.number for port in LocalSettings.on_free_ports().ports()]
    assert len(set(numbers)) == len(numbers)
