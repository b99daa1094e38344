"""Everything that the command line talks to, in this process, and the command line run against it."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import typer
from maas_cli.app import app
from maas_cli.oidc import claims_of
from maas_cli.session import Session, SessionStore
from typer.testing import CliRunner, Result

from cli.tests.fakes.gateway import KEY, Gateway
from cli.tests.fakes.management import Management
from cli.tests.fakes.people import Issuer
from cli.tests.fakes.web import serving


@dataclass(frozen=True, slots=True)
class World:
    """The three servers, and a person's command line with a configuration folder of its own."""

    issuer: Issuer
    management: Management
    gateway: Gateway
    environment: dict[str, str]
    config: Path

    def run(self, *arguments: str, stdin: str | None = None, **environment: str) -> Result:
        return CliRunner().invoke(app, list(arguments), input=stdin, env=self.environment | environment)

    def json(self, *arguments: str) -> Any:
        result = self.run(*arguments, "-o", "json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    def sign_in(self, name: str) -> None:
        token = self.issuer.token(name)
        session = Session(name=name, issuer=self.issuer.url, expires_at=claims_of(token)["exp"], token=token)
        SessionStore(self.config).remember(self.environment["MAAS_URL"], session)


@pytest.fixture(scope="session", autouse=True)
def _commands_built_once() -> Iterator[None]:
    """Building typer's commands takes longer than running one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("typer.testing._get_command", functools.cache(typer.main.get_command))
        yield


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    for variable in ("MAAS_PASSWORD", "MAAS_PROFILE", "MAAS_API_KEY", "COLUMNS", "FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(variable, raising=False)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    issuer, gateway = Issuer(), Gateway()
    management = Management(issuer)
    with ExitStack() as servers:
        issuer.url = servers.enter_context(serving(issuer))
        environment = {
            "MAAS_URL": servers.enter_context(serving(management)),
            "MAAS_GATEWAY_URL": servers.enter_context(serving(gateway)),
            "MAAS_ISSUER": issuer.url,
            "XDG_CONFIG_HOME": str(tmp_path / "config"),
        }
        yield World(issuer, management, gateway, environment, tmp_path / "config" / "maas")


@pytest.fixture
def admin(world: World) -> World:
    """Signed in as the administrator."""
    world.sign_in("admin")
    return world


@pytest.fixture
def caller(world: World) -> World:
    """With an API key."""
    world.environment["MAAS_API_KEY"] = KEY
    return world
