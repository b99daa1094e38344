"""docs/roles.md and docs/sign-in.md: what they show is so."""

from __future__ import annotations

import importlib
import re
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from google.api import annotations_pb2
from maas_common.auth.claims import principal_of
from maas_common.auth.providers import IdentityProvider, check_distinct, read_providers
from maas_common.auth.roles import COLUMNS, TABLE
from maas_common.auth.settings import SignInSettings
from maas_common.clock import SystemClock
from pydantic_settings import SettingsConfigDict

ROOT = Path(__file__).parents[4]
ROLES = (ROOT / "docs" / "roles.md").read_text()
SIGN_IN = (ROOT / "docs" / "sign-in.md").read_text()
PROVIDERS = [block for block in re.findall(r"```yaml\n(.+?)```", SIGN_IN, re.DOTALL) if block.startswith("- name:")]
ENVIRONMENTS = re.findall(r"```sh\n(.+?)```", SIGN_IN, re.DOTALL)


def test_the_page_of_roles_has_the_table_that_the_gates_decide_by():
    shown = {}
    for service, table in re.findall(r"^### (maas\.\S+)\n\n((?:\|.+\n?)+)", ROLES, re.MULTILINE):
        head, _, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines())
        assert head == ["method", *COLUMNS]
        shown |= {f"{service}/{method}": dict(zip(COLUMNS, cells, strict=True)) for method, *cells in rows}
    assert shown == TABLE


def test_the_table_has_every_method_that_people_can_call_over_rest_and_no_other():
    """All of them are there over REST as well. Only health is for anybody."""
    people = set()
    for file in (ROOT / "protos" / "maas").glob("*/v1/*.proto"):
        module = importlib.import_module(f"maas.{file.parts[-3]}.v1.{file.stem}_pb2")
        for service in module.DESCRIPTOR.services_by_name.values():
            people |= {f"{service.full_name}/{m.name}" for m in service.methods if m.GetOptions().HasExtension(annotations_pb2.http)}
    assert people - {"maas.keys.v1.HealthService/GetHealth"} == TABLE.keys()


@pytest.mark.parametrize("block", PROVIDERS)
def test_providers_on_the_page_are_taken(block, tmp_path):
    (tmp_path / "providers.yaml").write_text(block)
    check_distinct(read_providers(tmp_path / "providers.yaml"))


def test_the_page_explains_every_field_of_a_provider():
    assert len(PROVIDERS) == 2
    (table,) = re.findall(r"\| field \|.+?\n\n", SIGN_IN, re.DOTALL)
    first_cells = [line.split("|")[1] for line in table.strip().splitlines()]
    assert set(re.findall(r"`(\w+)`", "".join(first_cells))) == IdentityProvider.model_fields.keys()
    assert set().union(*yaml.safe_load(PROVIDERS[1])) == IdentityProvider.model_fields.keys()


CLAIMS = {
    "staff": {"preferred_username": "ann", "realm_access": {"roles": ["maas-admins"]}},
    "entra": {"preferred_username": "ann", "groups": ["0b1c"]},
    "customers": {"preferred_username": "ann", "https://maas.example/groups": ["a"], "org_name": "globex"},
}
PEOPLE = {"staff": ("default", "maas-admins"), "entra": ("acme", "entra:0b1c"), "customers": ("globex", "customers:a")}


@pytest.mark.parametrize("name", PEOPLE)
def test_providers_on_the_page_read_the_claims_that_they_are_made_for(name, tmp_path):
    (tmp_path / "providers.yaml").write_text(PROVIDERS[1])
    (provider,) = [each for each in read_providers(tmp_path / "providers.yaml") if each.name == name]
    person = principal_of(provider, CLAIMS[name] | {"sub": "s"}, now=0)
    assert (person.tenant, person.username, person.groups) == (PEOPLE[name][0], "ann", (PEOPLE[name][1], "system:authenticated"))


class Settings(SignInSettings):
    model_config = SettingsConfigDict(env_prefix="MAAS_KEYS_", extra="forbid")


@pytest.mark.parametrize("block", ENVIRONMENTS)
def test_settings_on_the_page_are_settings(block, monkeypatch, certificate):
    given = dict(line.split("=", 1) for line in block.splitlines())
    assert {name.removeprefix("MAAS_KEYS_").lower() for name in given} <= Settings.model_fields.keys()
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    Settings(kubernetes_ca_file=certificate[0]).authenticator(SystemClock())


def test_the_page_explains_every_setting_of_signing_in_with_its_default():
    fields = {name.upper(): field.default for name, field in Settings.model_fields.items()}
    for name in fields:
        assert name in SIGN_IN + ROLES, name
    for name in ("KUBERNETES_GROUPS_PREFIX", "KUBERNETES_TENANT"):
        assert re.search(rf"\| `{name}` \| .+ \| `{re.escape(str(fields[name]))}` \|", SIGN_IN), name


def test_headings_go_down_one_step_at_a_time():
    for page in (ROLES, SIGN_IN):
        levels = [len(mark) for mark in re.findall(r"^(#+) ", page, re.MULTILINE)]
        assert levels[0] == 1
        assert all(after <= before + 1 for before, after in pairwise(levels))
