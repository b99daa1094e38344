"""`maas explain`: what would be decided, and why (maas.authz.v1.AuthzService)."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from maas_cli.errors import UsageError
from maas_cli.key_id import key_id
from maas_cli.limits import limits_text
from maas_cli.output import Column, Format, Item, Output, field, show_list, show_one
from maas_cli.printing import say
from maas_cli.state import connect

PATH = "/v1/explain"


def _decision(answer: Item) -> str:
    if answer.get("allowed"):
        return "allowed, as far as its limits last"
    return f"refused: {answer.get('code')} {answer.get('type')}: {answer.get('message')}"


_LINES = [
    Column("decision", _decision),
    field("model", "model"),
    field("tier", "tier"),
    field("by group", "group"),
    field("counted for", "user"),
    Column("limits", lambda answer: limits_text(answer.get("limits")) if answer.get("allowed") else "-"),
]
_STEPS = [field("check", "check"), field("outcome", "outcome"), field("found", "detail")]


def explain(  # noqa: PLR0913 - options, by name
    context: typer.Context,
    *,
    key: Annotated[
        str | None, typer.Option(metavar="ID", help="The id of the key that the request would carry.", show_default=False)
    ] = None,
    group: Annotated[
        list[str] | None, typer.Option(help="Administrators: a group of a caller without a key. Repeat for more.", show_default=False)
    ] = None,
    model: Annotated[str | None, typer.Option(help="The model that the request would name.", show_default=False)] = None,
    path: Annotated[
        str | None, typer.Option(help="The path that it would go to; /v1/chat/completions when absent.", show_default=False)
    ] = None,
    output: Output = Format.TABLE,
) -> None:
    """Say what would be decided for a request, why, and which limits it would meet. Counts nothing.

    The exit code is 0 whether the request would be allowed or refused: the question was answered.

    Examples:
    maas explain --key 4kT9wQzL0aXe --model smollm2
    maas explain --group premium-users --model smollm2-max
    maas explain --key 4kT9wQzL0aXe --path /llm/smollm2/v1/completions
    maas explain --key 4kT9wQzL0aXe --model smollm2 -o json | jq -e .allowed
    """
    if bool(key) == bool(group):
        raise UsageError("want --key ID or --group GROUP: one of the two says who would ask")
    given: dict[str, Any] = {"keyId": key_id(key) if key else None, "groups": group, "model": model, "path": path}
    with connect(context) as api:
        answer = api.post(PATH, {name: value for name, value in given.items() if value})
    show_one(answer, _LINES, output)
    if output is Format.TABLE:
        say("")
        show_list(answer.get("steps", []), _STEPS, output, empty="the server gave no reasons")
