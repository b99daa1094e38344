"""`maas roles`: who has which role (maas.keys.v1.RolesService)."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from maas_cli.client import segment
from maas_cli.errors import UsageError
from maas_cli.output import Format, Limit, Output, day, field, show_list, show_one
from maas_cli.printing import say
from maas_cli.state import connect

PATH = "/v1/role-assignments"
PAGE_MAX = 100
_LIST = [
    field("id", "id", is_whole=True),
    field("role", "role"),
    field("kind", "memberKind"),
    field("member", "member"),
    day("since", "createdAt"),
]
_ASSIGNED = [*_LIST, field("by", "createdBy")]


class Role(StrEnum):
    """A role in a tenant."""

    ADMIN = "admin"
    MODEL_OWNER = "model-owner"
    MODEL_CONSUMER = "model-consumer"


app = typer.Typer(help="Administrators: give roles to users and groups, and take them away.", no_args_is_help=True)


@app.command()
def assign(
    context: typer.Context,
    role: Annotated[Role, typer.Argument(help="Which role.")],
    *,
    user: Annotated[str | None, typer.Option(help="To this user: id, email, username or ISSUER|SUBJECT.", show_default=False)] = None,
    group: Annotated[str | None, typer.Option(help="To everybody in this group.", show_default=False)] = None,
    output: Output = Format.TABLE,
) -> None:
    """Give a role to a user or a group. Giving it again changes nothing.

    Examples:
    maas roles assign model-owner --user dana@example.org
    maas roles assign admin --group platform-team
    """
    if bool(user) == bool(group):
        raise UsageError("want --user USER or --group GROUP: one of the two")
    member = {"memberKind": "user" if user else "group", "member": user or group}
    with connect(context) as api:
        assigned = api.post(PATH, {"role": role, **member})
    show_one(assigned, _ASSIGNED, output)


@app.command("list")
def list_(context: typer.Context, *, limit: Limit = None, output: Output = Format.TABLE) -> None:
    """List the roles that were given. Those that settings give to groups are not among them.

    Examples:
    maas roles list
    """
    with connect(context) as api:
        assigned = api.every(PATH, "assignments", limit=limit, page_max=PAGE_MAX)
    show_list(assigned, _LIST, output, empty="no roles were given; settings may give some to groups")


@app.command()
def unassign(
    context: typer.Context,
    assignment: Annotated[str, typer.Argument(metavar="ID", help="The id that `maas roles list` shows.")],
    *,
    output: Output = Format.TABLE,
) -> None:
    """Take a role away again.

    Examples:
    maas roles unassign 3fK8pLw2Qs9d
    """
    with connect(context) as api:
        answer = api.delete(f"{PATH}/{segment(assignment)}")
    if output is Format.TABLE:
        say(f"Took away {assignment}.")
    else:
        show_one(answer, [], output)
