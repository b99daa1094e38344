"""`maas tiers`: which groups get which models and how much of them (maas.registry.v1.TiersService)."""

from __future__ import annotations

from typing import Annotated

import typer

from maas_cli.changing import Description, DisplayName, Etag, given, update_of
from maas_cli.client import segment
from maas_cli.confirm import Yes, confirm
from maas_cli.enforcement import tell
from maas_cli.limits import LimitOptions, NoLimits, limits_text, parse_limits
from maas_cli.output import Column, Format, Limit, Output, field, moment, show_list, show_one, text_of
from maas_cli.printing import note, say
from maas_cli.state import connect

PATH = "/v1/tiers"
PAGE_MAX = 500
_LIMITS = Column("limits", lambda tier: limits_text(tier.get("limits")))
_LIST = [field("name", "name"), field("level", "level"), field("groups", "groups"), _LIMITS]
_SHOW = [
    field("name", "name"),
    field("display name", "displayName"),
    field("description", "description"),
    *_LIST[1:],
    Column("strict", lambda tier: text_of(bool(tier.get("strict")))),
    moment("created", "created"),
    moment("updated", "updated"),
    field("etag", "etag"),
]
_FOUND = [field("tier", "tier"), field("display name", "displayName")]

Name = Annotated[str, typer.Argument(metavar="NAME", help="The tier's name.")]
Groups = Annotated[
    list[str] | None, typer.Option("--group", help="A group whose members have this tier. Repeat for more.", show_default=False)
]
Strict = Annotated[
    bool | None,
    typer.Option(
        "--strict/--no-strict",
        help="Never overshoot token and cost limits: the most that a model may put out is written into each request.",
        show_default=False,
    ),
]

app = typer.Typer(help="List, create, change, delete and look up tiers.", no_args_is_help=True)


@app.command("list")
def list_(context: typer.Context, *, limit: Limit = None, output: Output = Format.TABLE) -> None:
    """List tiers, lowest level first.

    Examples:
    maas tiers list
    maas tiers list -o json | jq -r '.[].name'
    """
    with connect(context) as api:
        tiers = api.every(PATH, "tiers", limit=limit, page_max=PAGE_MAX)
    show_list(tiers, _LIST, output, empty="no tiers yet; create one: maas tiers create NAME --level 0 --group system:authenticated")


@app.command()
def create(  # noqa: PLR0913 - options, by name
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Lower-case letters, digits and -. It never changes.")],
    *,
    level: Annotated[int, typer.Option(min=0, help="Rank, unique: who is in groups of several tiers gets the one of the highest level.")],
    group: Groups = None,
    limit: LimitOptions = None,
    strict: Strict = None,
    display_name: DisplayName = None,
    description: Description = None,
    output: Output = Format.TABLE,
) -> None:
    """Create a tier. Without --limit its members may use as much as they like.

    A limit is written METRIC=AMOUNT/WINDOW per WHO, then more behind commas; of these only METRIC, AMOUNT and WINDOW have to be there:
    METRIC: requests, total_tokens, input_tokens, output_tokens, cost or concurrency (which has no WINDOW)
    AMOUNT: a whole number; of cost micro-dollars, or dollars with usd behind them: 50usd
    WINDOW by the clock: 30s, 1m, 6h, 7d
    WINDOW by the calendar: day, week, week from sunday, month, month from 15; in UTC, or in a time zone: day in Europe/Berlin
    WINDOW without an end: total, for once and for all
    WINDOW that moves on: sliding 1m, sliding-log 1m (exact, small amounts), gcra 1m or gcra 1m burst 20 (a steady rate)
    per WHO: user (the default), key, team, tier, tenant, model, policy, or several of them in this order: key+model
    , hard: past it refuse (the default)
    , soft 20: past it 20 % of it more, then refuse
    , shadow: past it only report
    , notify 50/80/100: tell when these percentages of it are used (not with a WINDOW that moves on)
    , id NAME: what its counters are named by; made from METRIC and WINDOW when absent

    Examples:
    maas tiers create gold --level 5 --group gold-users --limit requests=20/1m --limit total_tokens=10000/1m
    maas tiers create internal --level 9 --group staff --group ops
    maas tiers create lab --level 6 --limit concurrency=4 --limit "cost=50usd/month in Europe/Berlin per team, notify 50/80/100" --strict
    maas tiers create fair --level 7 --limit "requests=60/gcra 1m burst 20 per user+model, soft 20, id steady"
    """
    fields = given(
        level=level,
        groups=group,
        limits=parse_limits(limit),
        strict=strict,
        displayName=display_name,
        description=description,
    )
    with connect(context) as api:
        created = api.post(PATH, {"name": name} | fields)
    show_one(created, _SHOW, output)
    tell(created, output)


@app.command()
def show(context: typer.Context, name: Name, *, output: Output = Format.TABLE) -> None:
    """Show one tier.

    Examples:
    maas tiers show free
    maas tiers show free -o json | jq '.limits'
    """
    with connect(context) as api:
        found = api.get(_path(name))
    show_one(found, _SHOW, output)


@app.command()
def update(  # noqa: PLR0913 - options, by name
    context: typer.Context,
    name: Name,
    *,
    level: Annotated[int | None, typer.Option(min=0, help="Rank, unique.", show_default=False)] = None,
    group: Groups = None,
    no_groups: Annotated[bool, typer.Option("--no-groups", help="Take every group away.")] = False,
    limit: LimitOptions = None,
    no_limits: NoLimits = False,
    strict: Strict = None,
    display_name: DisplayName = None,
    description: Description = None,
    etag: Etag = None,
    output: Output = Format.TABLE,
) -> None:
    """Change what is given of a tier and leave the rest. --group and --limit replace the whole list.

    A limit of the same id, metric, window and WHO keeps what was used so far. When this returns, the very next request obeys.

    Examples:
    maas tiers update free --limit requests=20/1m --limit total_tokens=4000/1m
    maas tiers update gold --group gold-users --group beta-testers
    maas tiers update gold --no-limits
    maas tiers update gold --strict
    """
    fields = given(
        level=level,
        groups=group,
        limits=parse_limits(limit),
        strict=strict,
        displayName=display_name,
        description=description,
    )
    changes = update_of(f"tier {name}", fields, emptied={"groups": no_groups, "limits": no_limits}, etag=etag)
    with connect(context) as api:
        updated = api.patch(_path(name), changes)
    show_one(updated, _SHOW, output)
    tell(updated, output)


@app.command()
def delete(context: typer.Context, name: Name, *, etag: Etag = None, yes: Yes = False, output: Output = Format.TABLE) -> None:
    """Delete a tier, and say which models were published to it. The last tier can't be deleted.

    Examples:
    maas tiers delete gold
    maas tiers delete gold --yes
    """
    confirm("delete", name, yes=yes)
    with connect(context) as api:
        deleted = api.delete(_path(name), given(etag=etag))
    if output is Format.TABLE:
        say(f"Deleted tier {name}.")
        if deleted.get("affectedModels"):
            note(f"no longer published to it: {', '.join(deleted['affectedModels'])}")
    else:
        show_one(deleted, [], output)
    tell(deleted, output)


@app.command()
def lookup(
    context: typer.Context,
    groups: Annotated[list[str], typer.Argument(metavar="GROUP...", help="Somebody's groups.")],
    *,
    output: Output = Format.TABLE,
) -> None:
    """Say which tier somebody in these groups has: the one of the highest level. Exit code 4 when there is none.

    Examples:
    maas tiers lookup premium-users system:authenticated
    maas tiers lookup staff -o json | jq -r .tier
    """
    with connect(context) as api:
        found = api.post(f"{PATH}/lookup", {"groups": groups})
    show_one(found, _FOUND, output)


def _path(name: str) -> str:
    return f"{PATH}/{segment(name)}"
