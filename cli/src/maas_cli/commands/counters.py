"""`maas counters`: what has been used of limits, by whom (maas.ratelimit.v1.LimitsService)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from maas_cli.confirm import Yes, confirm
from maas_cli.errors import ForbiddenError, UsageError
from maas_cli.output import Column, Format, Item, Output, amount, field, moment, show_list, show_one
from maas_cli.printing import note, say
from maas_cli.state import connect

PATH = "/v1/limits/counters"
PAGE_MAX = 500


def _limit(counter: Item) -> str:
    """A soft limit has a second counter, by the same id."""
    return f"{counter.get('limitId')}{' (throttled)' if counter.get('throttled') else ''}"


_LIST = [
    Column("limit", _limit),
    field("metric", "metric"),
    field("window", "window"),
    field("per", "per"),
    field("subject", "subject"),
    amount("used", "used"),
    amount("reserved", "reserved"),
    moment("resets", "reset"),
]

LimitId = Annotated[
    str | None, typer.Option("--limit", metavar="ID", help="Of this limit only: its id, as the list shows it.", show_default=False)
]
Subject = Annotated[
    str | None,
    typer.Option(help="Of this subject only, as the list shows it: a user, a key's id, a team; user+model.", show_default=False),
]

app = typer.Typer(help="Administrators: list and reset what has been used of limits.", no_args_is_help=True)


@app.command("list")
def list_(
    context: typer.Context,
    *,
    limit: LimitId = None,
    subject: Subject = None,
    at_most: Annotated[int | None, typer.Option(min=1, help="Stop after this many; all of them when absent.", show_default=False)] = None,
    output: Output = Format.TABLE,
) -> None:
    """List the counters of current windows: what was used, and what requests in flight hold.

    JSON and YAML have costs in micro-dollars and times in Unix seconds.

    Examples:
    maas counters list
    maas counters list --limit tier/free/requests-1m --at-most 20
    maas counters list --subject 'https://sso.example.org|alice'
    maas counters list -o json | jq -r '.[] | select(.reserved != "0") | .subject'
    """
    show_list(_counters(context, limit, subject, at_most), _LIST, output, empty="no counters: nothing was used in any current window")


@app.command()
def reset(  # noqa: PLR0913 - options, by name
    context: typer.Context,
    *,
    limit: LimitId = None,
    subject: Subject = None,
    reason: Annotated[str | None, typer.Option(help="Why, for the audit log.", show_default=False)] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List the counters that would be reset, and leave them.")] = False,
    yes: Yes = False,
    output: Output = Format.TABLE,
) -> None:
    """Set what counters have used to nothing, for good. What requests in flight hold stays held.

    Want --limit, --subject or both: then only counters that fit both.

    Examples:
    maas counters reset --subject 'https://sso.example.org|alice' --dry-run
    maas counters reset --subject 'https://sso.example.org|alice' --reason 'bill paid'
    maas counters reset --limit tier/free/total-tokens-1d --yes
    """
    if not (limit or subject):
        raise UsageError("want --limit ID, --subject NAME or both: everybody's counters are not reset at once")
    if dry_run:
        show_list(_counters(context, limit, subject, None), _LIST, output, empty="nothing would be reset: there are no such counters")
        return
    confirm(f"reset what {subject} used of" if limit and subject else "reset all counters of", limit or subject or "", yes=yes)
    given = {"limitId": limit, "subject": subject, "reason": reason}
    with connect(context) as api:
        answer = api.post(f"{PATH}:reset", {name: value for name, value in given.items() if value})
    if output is not Format.TABLE:
        show_one(answer, [], output)
    elif answer.get("counters") == "0":
        note("nothing was reset: there are no such counters")
    else:
        say(f"Counters reset: {answer.get('counters')}")


def _counters(context: typer.Context, limit: str | None, subject: str | None, at_most: int | None) -> Sequence[Item]:
    which = {name: value for name, value in (("limitId", limit), ("subject", subject)) if value}
    with connect(context) as api:
        try:
            return api.every(PATH, "counters", limit=at_most, page_max=PAGE_MAX, params=which)
        except ForbiddenError as error:
            raise ForbiddenError(error.message, hint="what you have used of your own limits: maas quota") from None
