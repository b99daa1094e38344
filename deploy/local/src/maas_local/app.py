"""The command line: what `make run` calls, and the two processes of its own that it starts."""

from __future__ import annotations

import sys

import typer
from pydantic import ValidationError
from rich.console import Console

from maas_local.settings import ENV_PREFIX, LocalSettings


def _settings_help() -> str:
    """Every setting, one a line."""
    lines = [f"{ENV_PREFIX}{name.upper()} ({field.default}): {field.description}" for name, field in LocalSettings.model_fields.items()]
    return "Settings are environment variables:\n\n" + "\n\n".join(lines)


cli = typer.Typer(
    help="Run the whole suite on this machine: gateway, services, a real model, a local sign-in.",
    epilog=_settings_help(),
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@cli.command()
def up() -> None:
    """Run the whole suite in the foreground; Ctrl-C ends it, and its state stays."""
    from maas_local.up import run_up  # noqa: PLC0415 - the other commands start faster without it

    raise typer.Exit(run_up(_settings(), Console(highlight=False)))


@cli.command()
def issuer() -> None:
    """Run only the local sign-in. Its secrets must exist: `up` makes them."""
    from maas_local.issuer.app import run_issuer  # noqa: PLC0415 - as above

    run_issuer(_settings())


@cli.command()
def model() -> None:
    """Run only the model server."""
    from maas_local.model import run_model  # noqa: PLC0415 - as above

    run_model(_settings().model_port)


def _settings() -> LocalSettings:
    try:
        return LocalSettings()
    except ValidationError as error:
        for problem in error.errors():
            name = "_".join(str(part) for part in problem["loc"]).upper()
            print(f"{ENV_PREFIX}{name}: {problem['msg']}, not {problem['input']!r}", file=sys.stderr)  # noqa: T201 - no console yet
        raise typer.Exit(2) from None


def main() -> None:
    """Entry point of `maas-local`."""
    cli()
