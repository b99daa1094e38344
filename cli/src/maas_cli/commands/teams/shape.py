"""How teams look, and where they are."""

from __future__ import annotations

from typing import Annotated

import typer

from maas_cli.budget import budget_text
from maas_cli.client import segment
from maas_cli.enforcement import tell
from maas_cli.limits import limits_text
from maas_cli.output import Column, Format, Item, field, moment, show_list, show_one, told
from maas_cli.printing import say

PATH = "/v2/teams"
PAGE_MAX = 100
_LIMITS = Column("limits", lambda team: limits_text(team.get("limits"), per="team"))
_BUDGET = Column("budget", budget_text)
TEAMS = [field("id", "id"), field("name", "name"), field("your role", "role"), _BUDGET, _LIMITS]
_TEAM = [
    *TEAMS[:2],
    field("description", "description"),
    *TEAMS[2:],
    moment("created", "created_at"),
    moment("changed", "updated_at"),
    field("etag", "etag"),
]
_MEMBERS = [field("member", "username"), field("email", "user_email"), field("role", "role"), field("user id", "user_id")]

TeamId = Annotated[str, typer.Argument(metavar="TEAM", help="The team's id, as `maas teams list` shows it.")]


def path_of(team: str, *rest: str) -> str:
    """Where a team is, or what is under it."""
    return "/".join((PATH, *map(segment, (team, *rest))))


def show_team(team: Item, output: Format) -> None:
    """A team with its members, and how far a change of it has reached."""
    show_one(team, told(team, _TEAM), output)
    if output is Format.TABLE:
        say("")
        show_list(team.get("members", []), _MEMBERS, output, empty="no members")
    tell(team, output)
