"""`maas chat`: talk to a model through the gateway."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from maas_cli.completion import Gateway
from maas_cli.conversation import Conversation
from maas_cli.errors import ExitCode, NotSignedInError, UsageError
from maas_cli.passwords import secret_in
from maas_cli.printing import note
from maas_cli.state import state_of

KEY_VARIABLE = "MAAS_API_KEY"


def chat(  # noqa: PLR0913 - options, by name
    context: typer.Context,
    model: Annotated[str, typer.Argument(help="The model's id, as in maas models list --mine.")],
    prompt: Annotated[
        str | None,
        typer.Argument(help="What to ask. Absent: read from what is piped in, or typed, one question after the other.", show_default=False),
    ] = None,
    *,
    system: Annotated[str | None, typer.Option(help="What the model is told before everything else.", show_default=False)] = None,
    max_tokens: Annotated[int | None, typer.Option(min=1, help="Longest answer, in tokens.", show_default=False)] = None,
    temperature: Annotated[float | None, typer.Option(min=0.0, max=2.0, help="0 is sober, 2 is wild.", show_default=False)] = None,
    key_file: Annotated[
        Path | None, typer.Option(help="File that holds the API key; else MAAS_API_KEY is read.", show_default=False)
    ] = None,
) -> None:
    """Talk to a model through the gateway, with an API key, under your limits.

    The answer is printed as it comes, on standard output; the tokens that it took, and what is left of your
    limits, on standard error. What is left counts everything that an answer under way may still use.

    Examples:
    export MAAS_API_KEY=$(maas keys create laptop -q)
    maas chat smollm2 "Why is the sky blue?"
    maas chat smollm2
    git diff | maas chat smollm2 --system "Write a commit message for this diff."
    """
    request = {"model": model, "max_tokens": max_tokens, "temperature": temperature}
    with Gateway(state_of(context).settings.gateway_url, _api_key(key_file)) as gateway:
        conversation = Conversation(gateway, {name: value for name, value in request.items() if value is not None}, system)
        if prompt is None and sys.stdin.isatty():
            conversation.run()
            return
        question = sys.stdin.read() if prompt is None else prompt
        if not question.strip():
            raise UsageError("nothing to ask: give a prompt, or pipe one in")
        try:
            conversation.ask(question)
        except KeyboardInterrupt:
            note("stopped")
            raise typer.Exit(ExitCode.INTERRUPTED) from None


def _api_key(file: Path | None) -> str:
    key = secret_in(file) if file is not None else os.environ.get(KEY_VARIABLE, "").strip()
    if not key:
        raise NotSignedInError(
            f"no API key: set {KEY_VARIABLE} or give --key-file", hint=f"make one: export {KEY_VARIABLE}=$(maas keys create NAME -q)"
        )
    if not key.isascii() or not key.isprintable() or " " in key:
        raise UsageError("the API key is not one line of plain letters, digits and signs")
    return key
