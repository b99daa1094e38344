"""`maas teams add-member`, `remove-member`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from maas_cli.changing import given
from maas_cli.commands.teams.shape import TeamId, path_of, show_team
from maas_cli.confirm import Yes, confirm
from maas_cli.enforcement import tell
from maas_cli.output import Format, Output, show_one
from maas_cli.printing import say
from maas_cli.state import connect


class Role(StrEnum):
    """What somebody is in a team."""

    OWNER = "owner"
    MEMBER = "member"
    VIEWER = "viewer"


Who = Annotated[str, typer.Argument(metavar="USER", help="Their email, username or id.")]


def add_member(
    context: typer.Context,
    team: TeamId,
    user: Who,
    *,
    role: Annotated[Role | None, typer.Option(help="What they are there; member when absent.", show_default=False)] = None,
    output: Output = Format.TABLE,
) -> None:
    """Put somebody into a team, or give them another role there. They must have signed in before, or been imported.

    owner: manages members and every key of the team; member: makes keys there; viewer: looks.

    Examples:
    maas teams add-member search carol@example.org
    maas teams add-member search bob --role owner
    """
    with connect(context) as api:
        changed = api.post(path_of(team, "members"), given(user_email=user, role=role))
    show_team(changed, output)


def remove_member(context: typer.Context, team: TeamId, user: Who, *, yes: Yes = False, output: Output = Format.TABLE) -> None:
    """Take somebody out of a team, and revoke their keys there. Everybody may leave.

    Examples:
    maas teams remove-member search carol@example.org
    maas teams remove-member search carol@example.org --yes
    """
    confirm(f"revoke in team {team} the keys of", user, yes=yes)
    with connect(context) as api:
        answer = api.delete(path_of(team, "members", user))
    if output is Format.TABLE:
        say(f"{user} is no member of team {team} any more; keys revoked: {answer.get('revoked_count', 0)}.")
    else:
        show_one(answer, [], output)
    tell(answer.get("team") or {}, output)
