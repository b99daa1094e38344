"""The gateway's configuration, as it is filled in for one machine."""

from __future__ import annotations

import json
import stat
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from maas_local import gateway
from maas_local.gateway import GatewayOptions, lua_program, render, write_gateway
from maas_local.secrets import SecretFiles, secret_files
from maas_local.settings import LocalSettings
from maas_local.state import StateFolder

ENVOY = Path(__file__).resolve().parents[3] / ".tools/envoy/bin/envoy"
SECRET = "the-workload-secret"


@pytest.fixture
def state(tmp_path: Path) -> StateFolder:
    folder = StateFolder(tmp_path / "state")
    folder.create()
    return folder


@pytest.fixture
def secrets(state: StateFolder) -> SecretFiles:
    files = secret_files(state)
    files.workload.write_text(SECRET)
    return files


def leaves(node: Any) -> list[Any]:
    if isinstance(node, dict):
        return [leaf for value in node.values() for leaf in leaves(value)]
    if isinstance(node, list):
        return [leaf for value in node for leaf in leaves(value)]
    return [node]


@pytest.mark.envoy
@pytest.mark.parametrize("body_limit_bytes", [65_535, 256 * 1024 * 1024])
def test_envoy_accepts_the_configuration(state, secrets, body_limit_bytes):
    options = GatewayOptions(workload_secret_file=secrets.workload, body_limit_bytes=body_limit_bytes)
    state.envoy_config.write_text(json.dumps(render(options)))
    command = [ENVOY, "--mode", "validate", "--disable-hot-restart", "--log-level", "warning", "-c", state.envoy_config]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")


def test_every_value_has_its_place_and_none_is_missing():
    options = GatewayOptions(
        workload_secret_file=Path("/secrets/workload"),
        descriptor=Path("/protos/d.binpb"),
        gateway_port=1,
        management_port=2,
        admin_port=3,
        authz_ports=(4, 8),
        ratelimit_port=5,
        registry_port=6,
        keys_port=7,
        body_limit_bytes=98_765,
    )
    filled = leaves(render(options))
    assert {1, 2, 3, 4, 5, 6, 7, 8, 98_765, "/secrets/workload", "/protos/d.binpb"} <= set(filled)
    assert "The request's body is larger than 98765 bytes." in filled
    assert not [leaf for leaf in filled if isinstance(leaf, str) and "${" in leaf]


def test_each_filter_is_the_lua_that_is_in_the_files():
    filled = leaves(render(GatewayOptions(workload_secret_file=Path("/secrets/workload"))))
    assert {lua_program(name) for name in ("request", "upstream", "models", "management")} <= set(filled)


def test_two_gateways_share_nothing_but_the_template():
    one = GatewayOptions(workload_secret_file=Path("/secrets/workload"))
    first, second = render(one), render(replace(one, gateway_port=9))
    first["static_resources"]["clusters"].clear()
    assert second["static_resources"]["clusters"]
    assert render(one) != second


def test_a_value_that_nobody_gives_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(gateway, "_TEMPLATE", tmp_path / "gateway.yaml")
    (tmp_path / "gateway.yaml").write_text("node: {id: 'gateway-${colour}'}")
    with pytest.raises(ValueError, match=r"gateway\.yaml: \$\{colour\} is not known; known are .*authz_ports"):
        render(GatewayOptions(workload_secret_file=Path("/secrets/workload")))


def test_a_local_run_s_configuration_is_private_and_holds_no_secret(state, secrets):
    settings = LocalSettings(gateway_port=18_080, rest_port=18_081, envoy_admin_port=19_901)
    write_gateway(settings, state, secrets)
    text = state.envoy_config.read_text()
    assert {18_080, 18_081, 19_901, settings.keys_port} <= set(leaves(json.loads(text)))
    assert SECRET not in text
    assert stat.S_IMODE(state.envoy_config.stat().st_mode) == 0o600
