"""A conversation with a model, printed as it comes."""

from __future__ import annotations

import importlib
import sys
from contextlib import suppress
from typing import Any

import typer

from maas_cli.completion import Answer, Gateway
from maas_cli.errors import CommandError, NotSignedInError
from maas_cli.printing import note, printable, report


class Conversation:
    """What was said so far, and how to go on."""

    def __init__(self, gateway: Gateway, request: dict[str, Any], system: str | None) -> None:
        """`request` has everything of a chat completion request but its messages."""
        self._gateway = gateway
        self._request = request
        self._messages = [{"role": "system", "content": system}] if system else []

    def ask(self, prompt: str) -> None:
        """Print the answer as it comes, then what it took. What broke off or was refused is not remembered."""
        messages = [*self._messages, {"role": "user", "content": prompt}]
        with self._gateway.ask(self._request | {"messages": messages}) as answer:
            text = _print(answer)
        note(_summary(answer))
        self._messages = [*messages, {"role": "assistant", "content": text}]

    def run(self) -> None:
        """Ask what is typed, until Ctrl-D. Ctrl-C stops an answer; a refusal is shown and the conversation goes on."""
        with suppress(ImportError):
            importlib.import_module("readline")  # line editing and history in input(), where the platform has it
        note("Ctrl-C stops an answer, Ctrl-D ends the conversation.")
        while (prompt := _typed()) is not None:
            try:
                if prompt.strip():
                    self.ask(prompt)
            except KeyboardInterrupt:
                note("stopped")
            except NotSignedInError:
                raise
            except CommandError as error:
                report(error)


def _typed() -> str | None:
    """The next line, None at the end. Ctrl-C drops what is typed: one that comes just after an answer's end shall not end it all."""
    try:
        return input("> " if sys.stdout.isatty() else "")
    except KeyboardInterrupt:
        typer.echo(err=True)
        return ""
    except EOFError:
        typer.echo(err=True)
        return None


def _print(answer: Answer) -> str:
    """Print the pieces and return them together. The cursor ends on a line of its own, whatever happens."""
    text = ""
    is_terminal = sys.stdout.isatty()
    try:
        for piece in answer.pieces():
            text += piece
            typer.echo(printable(piece) if is_terminal else piece.encode(errors="replace").decode(), nl=False)
    finally:
        if text and not text.endswith("\n"):
            typer.echo()
    return text


def _summary(answer: Answer) -> str:
    used = answer.usage
    tokens = f"tokens: {used.input:,} in, {used.output:,} out, {used.total:,} total" if used else "tokens: the model did not say"
    left = ", ".join(str(left) for left in answer.left)
    return f"{tokens}; left: {left}" if left else tokens
