from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from maas_local.app import cli
from maas_local.settings import LocalSettings
from maas_local.stack import Stack
from typer.testing import CliRunner

CONFIG = Path(__file__).parents[3] / "config"


def test_a_setting_that_makes_no_sense_is_named(monkeypatch):
    monkeypatch.setenv("MAAS_LOCAL_GATEWAY_PORT", "eighty")
    result = CliRunner().invoke(cli, ["up"])
    assert result.exit_code == 2
    assert result.stderr.startswith("MAAS_LOCAL_GATEWAY_PORT: ")
    assert "'eighty'" in result.stderr


def test_help_explains_every_setting():
    shown = " ".join(CliRunner().invoke(cli, ["--help"]).stdout.split())
    for port in LocalSettings().ports():
        assert port.setting in shown


def test_without_envoy_nothing_is_started_or_made(tmp_path):
    settings = LocalSettings.on_free_ports(state=tmp_path / ".maas", config=CONFIG, envoy=tmp_path / "envoy")
    with pytest.raises(FileNotFoundError, match="envoy: there is no Envoy; `make setup` installs it"):
        Stack(settings).start()
    assert not (tmp_path / ".maas").exists()


def test_a_mistake_in_the_configuration_is_shown_and_ends_the_run(tmp_path):
    (tmp_path / "people.yaml").write_text("[{name: alice}]")
    # A process of its own, because it takes over the signals.
    command = [str(Path(sys.executable).with_name("maas-local")), "up"]
    done = subprocess.run(command, env=dict(os.environ) | {"MAAS_LOCAL_CONFIG": str(tmp_path)}, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"{tmp_path}/people.yaml: " in done.stdout
