"""`maas teams list`, `create`, `show`, `update`, `delete`."""

from __future__ import annotations

from typing import Annotated

import typer

from maas_cli.budget import BudgetOption, NoBudget, parse_budget
from maas_cli.changing import Description, Etag, given, update_of
from maas_cli.commands.teams.shape import PAGE_MAX, PATH, TEAMS, TeamId, path_of, show_team
from maas_cli.confirm import Yes, confirm
from maas_cli.enforcement import tell
from maas_cli.limits import LimitOptions, NoLimits, parse_limits
from maas_cli.output import Format, Limit, Output, show_list, show_one
from maas_cli.printing import say
from maas_cli.state import connect


def list_(context: typer.Context, *, limit: Limit = None, output: Output = Format.TABLE) -> None:
    """List teams: your own, or all of them for administrators.

    Examples:
    maas teams list
    maas teams list -o json | jq -r '.[].id'
    """
    with connect(context) as api:
        teams = api.every(PATH, "teams", limit=limit, page_max=PAGE_MAX)
    show_list(teams, TEAMS, output, empty="you are in no team; administrators make them: maas teams create NAME")


def create(  # noqa: PLR0913 - options, by name
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="For people.")],
    *,
    team: Annotated[str | None, typer.Option("--id", help="Its id; made from the name when absent. It never changes.")] = None,
    description: Description = None,
    limit: LimitOptions = None,
    budget: BudgetOption = None,
    owner: Annotated[str | None, typer.Option(help="Email of its owner; yourself when absent.", show_default=False)] = None,
    output: Output = Format.TABLE,
) -> None:
    """Administrators: make a team. Its limits and budget are shared by all its keys; a limit is counted for the team unless it says else.

    Examples:
    maas teams create "Data Science" --owner bob@example.org
    maas teams create Search --budget 500usd/month --limit requests=600/1m
    """
    order = given(
        id=team,
        name=name,
        description=description,
        limits=parse_limits(limit),
        budget=parse_budget(budget),
        owner_email=owner,
    )
    with connect(context) as api:
        created = api.post(PATH, order)
    show_team(created, output)


def show(context: typer.Context, team: TeamId, *, output: Output = Format.TABLE) -> None:
    """Show one team and its members.

    Examples:
    maas teams show data-science
    maas teams show data-science -o json | jq -r '.members[].username'
    """
    with connect(context) as api:
        found = api.get(path_of(team))
    show_team(found, output)


def update(  # noqa: PLR0913 - options, by name
    context: typer.Context,
    team: TeamId,
    *,
    name: Annotated[str | None, typer.Option(help="For people.", show_default=False)] = None,
    description: Description = None,
    limit: LimitOptions = None,
    no_limits: NoLimits = False,
    budget: BudgetOption = None,
    no_budget: NoBudget = False,
    etag: Etag = None,
    output: Output = Format.TABLE,
) -> None:
    """Change what is given of a team and leave the rest. Limits and budget: administrators only; they reach every key of the team.

    Examples:
    maas teams update search --budget 800usd/month
    maas teams update search --limit requests=600/1m --limit "total_tokens=1000000/1d per user"
    maas teams update search --no-limits --etag 17
    """
    fields = given(name=name, description=description, limits=parse_limits(limit), budget=parse_budget(budget))
    emptied = {"limits": no_limits, "budget": no_budget}
    changes = update_of(f"team {team}", fields, emptied=emptied, etag=etag, mask="update_mask")
    with connect(context) as api:
        updated = api.patch(path_of(team), changes)
    show_team(updated, output)


def delete(context: typer.Context, team: TeamId, *, etag: Etag = None, yes: Yes = False, output: Output = Format.TABLE) -> None:
    """Administrators: delete a team, and revoke its keys.

    Examples:
    maas teams delete search
    maas teams delete search --yes
    """
    confirm("delete team", team, yes=yes)
    with connect(context) as api:
        deleted = api.delete(path_of(team), given(etag=etag))
    if output is Format.TABLE:
        say(f"Deleted team {team}; keys revoked: {deleted.get('revoked_count', 0)}.")
    else:
        show_one(deleted, [], output)
    tell(deleted, output)
