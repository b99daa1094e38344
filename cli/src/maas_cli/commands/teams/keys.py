"""`maas teams keys`, `create-key`."""

from __future__ import annotations

from typing import Annotated

import typer

from maas_cli.budget import TOTAL, BudgetOption, parse_budget
from maas_cli.changing import given
from maas_cli.commands.keys.options import ExpiresIn, Model
from maas_cli.commands.keys.shape import Quiet, one_form, show_secret
from maas_cli.commands.teams.shape import PAGE_MAX, TeamId, path_of
from maas_cli.errors import UsageError
from maas_cli.money import dollars
from maas_cli.output import Column, Format, Item, Limit, Output, day, field, show_list
from maas_cli.state import connect


def _budget(key: Item) -> str:
    return f"${key['budget_usd']:,.2f}" if "budget_usd" in key else "-"


_KEYS = [
    field("id", "id", is_whole=True),
    field("name", "alias"),
    field("owner", "username"),
    field("status", "status", is_whole=True),
    field("models", "models"),
    Column("budget", _budget),
    day("expires", "expires_at"),
]


def list_(context: typer.Context, team: TeamId, *, limit: Limit = None, output: Output = Format.TABLE) -> None:
    """List a team's keys, newest first. `maas keys` does everything else with them.

    Examples:
    maas teams keys search
    maas teams keys search -o json | jq -r '.[] | select(.status == "active") | .id'
    """
    with connect(context) as api:
        keys = api.every(path_of(team, "keys"), "keys", limit=limit, page_max=PAGE_MAX)
    show_list(keys, _KEYS, output, empty=f"no keys yet; make one: maas teams create-key {team} NAME")


def create_key(  # noqa: PLR0913 - options, by name
    context: typer.Context,
    team: TeamId,
    name: Annotated[str, typer.Argument(help="What to call it.")],
    *,
    model: Model = None,
    budget: BudgetOption = None,
    expires_in: ExpiresIn = None,
    request_id: Annotated[
        str | None, typer.Option(help="Makes a repetition safe: the same id makes no second key.", show_default=False)
    ] = None,
    quiet: Quiet = False,
    output: Output = Format.TABLE,
) -> None:
    """Make a key in a team, and show it: this once, and never again. `maas keys create --team` has more options.

    Examples:
    maas teams create-key search indexer --model smollm2 --budget 50usd
    KEY=$(maas teams create-key search ci -q)
    """
    one_form(output, quiet=quiet)
    order = given(
        alias=name,
        models=model,
        budget_usd=_dollars(budget),
        expires_in=expires_in,
        request_id=request_id,
    )
    with connect(context) as api:
        answer = api.post(path_of(team, "keys"), order)
    key = {**answer, "pendingReasons": answer["api_key"].get("pendingReasons"), "enforcement": answer["api_key"].get("enforcement")}
    show_secret(answer, key, _KEYS, output, quiet=quiet)


def _dollars(text: str | None) -> float | None:
    budget = parse_budget(text)
    if budget is None:
        return None
    if budget["period"] != TOTAL:
        raise UsageError(f'budget "{text}": want dollars once and for all here, like 50usd; maas keys create --team takes a period too')
    return float(dollars(int(budget["amount"])))
