"""`maas users`: people, as they signed in or were imported (maas.keys.v1.UsersService)."""

from __future__ import annotations

from typing import Annotated

import typer

from maas_cli.changing import given
from maas_cli.client import Management, segment
from maas_cli.confirm import Yes, confirm
from maas_cli.enforcement import tell
from maas_cli.errors import NotFoundError, UsageError
from maas_cli.files import DryRun, File, looks_like_json, objects_in, text_in
from maas_cli.output import Column, Format, Item, Limit, Output, day, field, moment, show_list, show_one, text_of, told
from maas_cli.printing import say
from maas_cli.state import connect

PATH = "/v2/users"
PAGE_MAX = 100
_EVERYBODY = "system:authenticated"


def _teams(user: Item) -> str:
    return ", ".join(f"{team.get('id')} ({team.get('role')})" for team in user.get("teams", [])) or "-"


def _own_groups(user: Item) -> str:
    """Without the one that everybody is in."""
    return text_of([group for group in user.get("groups", []) if group != _EVERYBODY])


_USERS = [
    field("id", "id", is_whole=True),
    field("name", "username"),
    field("email", "email"),
    Column("groups", _own_groups),
    day("last seen", "last_seen_at"),
]
_USER = [
    *_USERS[:3],
    field("kind", "kind"),
    field("roles", "roles"),
    Column("teams", _teams),
    field("groups", "groups"),
    moment("groups as of", "groups_at"),
    moment("relied on until", "groups_until"),
    field("issuer", "issuer"),
    field("subject", "subject"),
    field("tenant", "tenant"),
    field("personal key", "personal_key_id"),
    moment("known since", "created_at"),
    moment("last seen", "last_seen_at"),
]
_IMPORTED = [
    field("new", "created"),
    field("brought up to date", "updated"),
    field("as they were", "unchanged"),
    Column("kept", lambda answer: "nothing: this was a dry run" if answer.get("dry_run") else "all"),
]

app = typer.Typer(help="Show who you are; administrators: list, import and delete users.", no_args_is_help=True)


@app.command()
def me(context: typer.Context, *, output: Output = Format.TABLE) -> None:
    """Show yourself as the server knows you: groups, roles, teams. `maas whoami` shows the token.

    Examples:
    maas users me
    maas users me -o json | jq -r '.teams[].id'
    """
    _show(context, f"{PATH}/me", output)


@app.command()
def show(
    context: typer.Context,
    user: Annotated[str, typer.Argument(metavar="ID", help="The user's id, as `maas users list` shows it.")],
    *,
    output: Output = Format.TABLE,
) -> None:
    """Show one user: groups, roles, teams.

    Examples:
    maas users show 7hQ2mZx0Lb4s
    """
    _show(context, f"{PATH}/{segment(user)}", output)


@app.command("list")
def list_(  # noqa: PLR0913 - options, by name
    context: typer.Context,
    *,
    email: Annotated[str | None, typer.Option(help="Who have this email, in upper or lower case.", show_default=False)] = None,
    group: Annotated[str | None, typer.Option(help="Who are in this group.", show_default=False)] = None,
    contains: Annotated[
        str | None, typer.Option(metavar="TEXT", help="With this in their subject, name or email.", show_default=False)
    ] = None,
    limit: Limit = None,
    output: Output = Format.TABLE,
) -> None:
    """Administrators: list users and service accounts.

    Examples:
    maas users list
    maas users list --group premium-users
    maas users list --contains smith -o json | jq -r '.[].id'
    """
    with connect(context) as api:
        users = api.every(PATH, "users", limit=limit, page_max=PAGE_MAX, params=given(email=email, group=group, contains=contains))
    show_list(users, _USERS, output, empty="no such users")


@app.command("import")
def import_(context: typer.Context, file: File, *, dry_run: DryRun = False, output: Output = Format.TABLE) -> None:
    r"""Administrators: take in users and service accounts, all or none. Who is known already is brought up to date.

    The file has a JSON list of objects, or CSV with a first line of names in any order: issuer,subject,username,email,groups,kind. Only
    subject has to be there; kind is user or service_account; the groups of a line of CSV are joined by ;

    Examples:
    maas users import people.csv --dry-run
    maas users import people.json
    printf 'subject,groups,kind\nnightly,premium-users;batch,service_account\n' | maas users import -
    """
    text = text_in(file)
    users = {"users": objects_in(file, text, "users")} if looks_like_json(text) else {"csv": text}
    with connect(context) as api:
        answer = api.post(f"{PATH}/import", users | given(dry_run=dry_run or None))
    show_one(answer, _IMPORTED, output)
    tell(answer, output)


@app.command()
def delete(
    context: typer.Context,
    user: Annotated[str, typer.Argument(metavar="ID|EMAIL", help="The user's id, or an email that only they have.")],
    *,
    yes: Yes = False,
    output: Output = Format.TABLE,
) -> None:
    """Administrators: forget a user or service account. Their keys are revoked, and they leave their teams.

    Who signs in again begins anew: no keys, no teams, none of the roles that were given to them. The only owner of a team stays until
    somebody else is owner.

    Examples:
    maas users delete dana@example.org
    maas users delete 7hQ2mZx0Lb4s --yes
    """
    confirm("delete user", user, yes=yes)
    with connect(context) as api:
        deleted = api.delete(f"{PATH}/{segment(_id_of(user, api))}")
    if output is Format.TABLE:
        say(f"Deleted user {user}; keys revoked: {deleted.get('revoked_count', 0)}.")
    else:
        show_one(deleted, [], output)
    tell(deleted, output)


def _id_of(user: str, api: Management) -> str:
    if "@" not in user:
        return user
    found = api.every(PATH, "users", limit=None, page_max=PAGE_MAX, params={"email": user})
    if not found:
        raise NotFoundError(f"nobody has the email {user}; `maas users list` shows who is known")
    if len(found) > 1:
        raise UsageError(f"{len(found)} users have the email {user}; give an id: {', '.join(each['id'] for each in found)}")
    return str(found[0]["id"])


def _show(context: typer.Context, path: str, output: Format) -> None:
    with connect(context) as api:
        found = api.get(path)
    show_one(found, told(found, _USER), output)
