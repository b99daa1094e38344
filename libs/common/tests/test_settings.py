"""Settings explain themselves and keep secrets."""

from __future__ import annotations

import subprocess
import sys

import pytest
from maas_common.settings import ServiceSettings, read_secret
from pydantic_settings import SettingsConfigDict

PROGRAM = """
from maas_common.settings import ServiceSettings
from pydantic_settings import SettingsConfigDict
class Settings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="MAAS_TEST_")
    port: int = 50099
    metrics_port: int = 9099
settings = Settings.load("maas-test", "Tests settings.")
print(settings.port, settings.log_level, settings.admin_groups)
"""


def program(*arguments, **environment):
    base = {"MAAS_TEST_WORKLOAD_SECRET_FILE": "/nowhere"}
    return subprocess.run([sys.executable, "-c", PROGRAM, *arguments], env=base | environment, capture_output=True, text=True, check=False)


def test_help_names_every_setting_and_how_the_environment_spells_it():
    shown = program("--help")
    assert shown.returncode == 0
    for word in ("--log-level", "--workload-secret-file", "MAAS_TEST_LOG_LEVEL", "Groups whose members have the role admin"):
        assert word in shown.stdout


def test_the_command_line_wins_over_the_environment():
    shown = program("--port", "7", MAAS_TEST_PORT="8", MAAS_TEST_LOG_LEVEL="debug", MAAS_TEST_ADMIN_GROUPS='["a","b"]')
    assert shown.stdout.split(maxsplit=2) == ["7", "debug", "['a', 'b']\n"]


def test_a_wrong_value_is_named():
    shown = program("--port", "many")
    assert shown.returncode == 2
    assert "MAAS_TEST_PORT: " in shown.stderr


def test_a_list_that_is_none_is_named():
    shown = program(MAAS_TEST_ADMIN_GROUPS="hush")
    assert shown.returncode == 2
    assert "admin_groups" in shown.stderr
    assert '["one", "two"]' in shown.stderr
    assert "hush" not in shown.stderr
    assert "Traceback" not in shown.stderr


class Settings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="MAAS_TEST_")


def test_a_secret_refuses_to_be_printed_and_an_empty_file_is_named(tmp_path):
    file = tmp_path / "workload"
    file.write_text("hush\n")
    secret = Settings(port=0, metrics_port=0, workload_secret_file=file).workload_secret()
    assert (secret.get_secret_value(), "hush" in repr(secret)) == ("hush", False)
    file.write_text(" \n")
    with pytest.raises(ValueError, match="workload: the file is empty"):
        read_secret(file)


def test_a_missing_setting_is_named_as_the_environment_spells_it():
    done = subprocess.run([sys.executable, "-c", PROGRAM], env={}, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "MAAS_TEST_WORKLOAD_SECRET_FILE: Field required" in done.stderr
    assert "Traceback" not in done.stderr
