"""`maas quota`: what is left of the caller's own limits (maas.authz.v1.AuthzService)."""

from __future__ import annotations

from typing import Annotated

import typer

from maas_cli.key_id import key_id
from maas_cli.output import Column, Format, Item, Output, amount, field, show_list, show_one, time_of
from maas_cli.printing import say
from maas_cli.state import connect, state_of

PATH = "/v1/quota"
_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 86400

_LINES = [field("tier", "tier"), field("by group", "group"), field("counted for", "user")]


def quota(
    context: typer.Context,
    *,
    key: Annotated[
        str | None, typer.Option(metavar="ID", help="One of your keys: shows the limits that its requests meet.", show_default=False)
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="A model, to see limits per model too; they are left out when absent.", show_default=False)
    ] = None,
    output: Output = Format.TABLE,
) -> None:
    """Show your limits: how much of each is used, held by requests in flight, and left, and when it is whole again. Counts nothing.

    JSON and YAML have costs in micro-dollars and times in Unix seconds.

    Examples:
    maas quota
    maas quota --model smollm2
    maas quota --key 4kT9wQzL0aXe
    maas quota -o json | jq -r '.limits[] | select(.remaining == "0") | .id'
    """
    given = {"keyId": key_id(key) if key else None, "model": model}
    with connect(context) as api:
        answer = api.get(PATH, {name: value for name, value in given.items() if value})
    show_one(answer, _LINES, output)
    if output is Format.TABLE:
        say("")
        columns = _columns(str(answer.get("tier")), state_of(context).clock.now())
        show_list(answer.get("limits", []), columns, output, empty="no limits: use as much as you like")


def _columns(tier: str, now: float) -> list[Column]:
    return [
        Column("limit", lambda limit: _name(limit, tier)),
        field("window", "window"),
        field("per", "per"),
        *(amount(title, name) for title, name in (("used", "used"), ("reserved", "reserved"), ("left", "remaining"), ("amount", "amount"))),
        Column("resets", lambda limit: _resets(limit.get("reset", 0), now)),
    ]


def _name(limit: Item, tier: str) -> str:
    """The id without what is the same for all, and what happens past the amount unless that is a refusal."""
    name = str(limit.get("id")).removeprefix(f"tier/{tier}/")
    over = limit.get("over")
    return name if over in {None, "", "hard"} else f"{name} ({over})"


def _resets(reset: int, now: float) -> str:
    left = reset - int(now)
    if not reset:
        return "-"
    if left <= 0:
        return "now"
    if left < _MINUTE_S:
        return f"in {left}s"
    if left < _HOUR_S:
        return f"in {left // _MINUTE_S}m"
    if left < _DAY_S:
        return f"in {left // _HOUR_S}h {left % _HOUR_S // _MINUTE_S}m"
    return time_of(reset)
