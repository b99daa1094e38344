"""Text on the terminal: what a server says can't move the cursor, and what goes wrong goes to standard error."""

from __future__ import annotations

import typer
from rich.console import Console
from rich.text import Text

from maas_cli.errors import CommandError

_PIPE_WIDTH = 10_000
_CONTROL = dict.fromkeys([*range(9), *range(11, 32), *range(127, 160)])


def printable(text: str) -> str:
    """The text without control characters other than tab and newline: an answer may not steer the terminal."""
    return text.translate(_CONTROL)


def console(*, stderr: bool = False) -> Console:
    """A console on standard output or error as they are now. What is piped is never wrapped or cut."""
    made = Console(stderr=stderr, highlight=False)
    return made if made.is_terminal else Console(stderr=stderr, highlight=False, width=_PIPE_WIDTH)


def say(text: str) -> None:
    """A line for people on standard output."""
    typer.echo(printable(text))


def note(text: str) -> None:
    """A dim remark on standard error, out of the way of pipes."""
    console(stderr=True).print(Text(printable(text), style="dim"))


def warn(text: str) -> None:
    """Something that succeeded, but not wholly."""
    console(stderr=True).print(Text.assemble(("warning: ", "bold yellow"), printable(text)))


def report(error: CommandError) -> None:
    """What went wrong, which fields, and what to do about it."""
    target = console(stderr=True)
    target.print(Text.assemble(("error: ", "bold red"), printable(error.message)))
    for line in error.details:
        target.print(Text(f"  {printable(line)}"))
    if error.hint:
        target.print(Text(f"hint: {printable(error.hint)}", style="dim"))
