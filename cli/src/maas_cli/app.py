"""The `maas` command line: what there is, and how it is joined."""

from __future__ import annotations

import sys
from importlib.metadata import version
from typing import Annotated, Any

import typer
from maas_common.clock import SystemClock
from rich.markup import escape
from typer.core import TyperGroup

from maas_cli.commands import counters, keys, models, roles, teams, tenants, tiers, users
from maas_cli.commands.access import access
from maas_cli.commands.chat import chat
from maas_cli.commands.estimates import estimates
from maas_cli.commands.explain import explain
from maas_cli.commands.quota import quota
from maas_cli.commands.signing_in import login, logout, token, whoami
from maas_cli.errors import EXIT_CODE_MEANINGS, CommandError
from maas_cli.printing import report, say
from maas_cli.session import SessionStore
from maas_cli.settings import config_folder, load
from maas_cli.state import State

_EXIT_CODES = "\n".join(f"  {code.value:>3}  {meaning}" for code, meaning in EXIT_CODE_MEANINGS.items())
_EPILOG = rf"""[bold]Exit codes[/]
{_EXIT_CODES}

[bold]Configuration file[/] {{folder}}/config.toml
  \[profiles.prod]
  url = "https://maas.example.org/manage"
  gateway_url = "https://maas.example.org"
  issuer = "https://sso.example.org/realms/staff"
The profile named default, or by a line profile = "prod" at the top, is used when none is asked for.
The command line wins over the environment, which wins over the profile."""


class _Commands(TyperGroup):
    """Typer's group, with this project's errors shown as one line and turned into exit codes."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run one command line."""
        try:
            return super().main(*args, **kwargs)
        except CommandError as error:
            report(error)
            sys.exit(error.exit_code)


app = typer.Typer(
    cls=_Commands,
    name="maas",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,  # a traceback with local variables would show secrets
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=_EPILOG.format(folder=escape(str(config_folder()))),
)


def _version(*, wanted: bool) -> None:
    if wanted:
        say(f"maas {version('maas-cli')}")
        raise typer.Exit


@app.callback()
def root(
    context: typer.Context,
    *,
    url: Annotated[
        str | None, typer.Option(envvar="MAAS_URL", help="Management API; http://127.0.0.1:8081 when absent.", show_default=False)
    ] = None,
    gateway_url: Annotated[
        str | None,
        typer.Option(envvar="MAAS_GATEWAY_URL", help="Gateway, for maas chat; http://127.0.0.1:8080 when absent.", show_default=False),
    ] = None,
    profile: Annotated[
        str | None, typer.Option(envvar="MAAS_PROFILE", help="Profile of the configuration file to use.", show_default=False)
    ] = None,
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")] = False,  # noqa: ARG001
) -> None:
    """Models as a service: sign in, make API keys, manage teams, models and tiers, talk to a model.

    Examples:
    maas login alice
    export MAAS_API_KEY=$(maas keys create laptop -q)
    maas models list --mine
    maas chat smollm2 "Why is the sky blue?"
    """
    folder = config_folder()
    settings = load(folder, profile, {"url": url, "gateway_url": gateway_url})
    context.obj = State(settings=settings, sessions=SessionStore(folder), clock=SystemClock())


app.command()(login)
app.command()(logout)
app.command()(whoami)
app.command()(token)
app.add_typer(keys.app, name="keys")
app.add_typer(teams.app, name="teams")
app.add_typer(users.app, name="users")
app.add_typer(roles.app, name="roles")
app.add_typer(tenants.app, name="tenants")
app.add_typer(models.app, name="models")
app.add_typer(tiers.app, name="tiers")
app.add_typer(counters.app, name="counters")
app.command()(estimates)
app.command()(quota)
app.command()(explain)
app.command()(access)
app.command()(chat)


def main() -> None:
    """The console script."""
    app()
