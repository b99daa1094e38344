"""Nothing is removed by a slip of the finger, and no script waits for an answer that never comes."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from maas_cli.errors import CommandError, UsageError

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Don't ask. Needed where there is no terminal to ask on.")]


def confirm(action: str, name: str, *, yes: bool) -> None:
    """Have the name typed on a terminal. UsageError where there is none and `yes` is not given; CommandError when it differs."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError(f"{action} {name}: there is no terminal to confirm on; give --yes")
    typed = typer.prompt(f"To {action} {name}, type its name again", err=True, default="", show_default=False)
    if typed.strip() != name:
        raise CommandError(f"not confirmed: {name} is as it was")
