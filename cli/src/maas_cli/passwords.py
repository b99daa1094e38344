"""Where a password or an API key comes from. Never from the command line: everybody on the machine can read that."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import typer

from maas_cli.errors import UsageError

PASSWORD_VARIABLE = "MAAS_PASSWORD"  # noqa: S105 - a variable's name
LOCAL_PEOPLE = Path(".maas", "people")


def password_of(name: str, *, file: Path | None, is_local: bool) -> str:
    """The file given, else MAAS_PASSWORD, else what a local run wrote for this person, else asked for on the terminal.

    `is_local` says whether the issuer is on this machine: a local run's passwords go nowhere else.
    """
    if file is not None:
        return secret_in(file)
    if given := os.environ.get(PASSWORD_VARIABLE):
        return given
    written = _written_by_local_run(name) if is_local else None
    if written is not None:
        return secret_in(written)
    if not sys.stdin.isatty():
        raise UsageError(f"no password for {name}: set {PASSWORD_VARIABLE}, or give --password-file; there is no terminal to ask on")
    return str(typer.prompt(f"Password of {name}", hide_input=True, err=True))


def secret_in(file: Path) -> str:
    """The file's text without the white space around it; UsageError when there is none."""
    try:
        text = file.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} can't be read: {getattr(error, 'strerror', None) or 'it is no text'}") from None
    if not text:
        raise UsageError(f"{file} is empty")
    return text


def _written_by_local_run(name: str) -> Path | None:
    """`.maas/people/<name>.password` here or in a folder above."""
    if Path(name).name != name:
        return None  # a name with a slash would look somewhere else
    here = Path.cwd()
    found = (folder / LOCAL_PEOPLE / f"{name}.password" for folder in (here, *here.parents))
    return next((file for file in found if file.is_file()), None)
