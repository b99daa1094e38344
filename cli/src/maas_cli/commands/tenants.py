"""`maas tenants`: who shares nothing with each other (maas.keys.v1.TenantsService)."""

from __future__ import annotations

from typing import Annotated

import typer

from maas_cli.changing import Description, DisplayName, Etag, given, update_of
from maas_cli.client import segment
from maas_cli.confirm import Yes, confirm
from maas_cli.enforcement import tell
from maas_cli.limits import LimitOptions, NoLimits, limits_text, parse_limits
from maas_cli.output import Column, Format, Item, Limit, Output, field, moment, show_list, show_one, told
from maas_cli.printing import say
from maas_cli.state import connect

PATH = "/v1/tenants"
PAGE_MAX = 100
_TENANTS = [
    field("name", "name"),
    field("display name", "displayName"),
    field("administrators", "adminGroups"),
    Column("limits", lambda tenant: limits_text(tenant.get("defaultLimits"))),
]
_TENANT = [
    *_TENANTS[:2],
    field("description", "description"),
    field("administrator groups", "adminGroups"),
    field("administrators", "adminUsers"),
    _TENANTS[3],
    moment("created", "createdAt"),
    moment("changed", "updatedAt"),
    field("etag", "etag"),
]

Name = Annotated[str, typer.Argument(metavar="NAME", help="The tenant's name.")]
AdminGroups = Annotated[
    list[str] | None, typer.Option("--admin-group", help="A group whose members administer it. Repeat for more.", show_default=False)
]
AdminUsers = Annotated[
    list[str] | None,
    typer.Option("--admin-user", metavar="ISSUER|SUBJECT", help="Somebody who administers it. Repeat for more.", show_default=False),
]

app = typer.Typer(help="Administrators: list, create, change and delete tenants.", no_args_is_help=True)


@app.command("list")
def list_(context: typer.Context, *, limit: Limit = None, output: Output = Format.TABLE) -> None:
    """List tenants: all of them, or for administrators of another tenant than `default` their own.

    Examples:
    maas tenants list
    """
    with connect(context) as api:
        tenants = api.every(PATH, "tenants", limit=limit, page_max=PAGE_MAX)
    show_list(tenants, _TENANTS, output, empty="no tenants")


@app.command()
def create(  # noqa: PLR0913 - options, by name
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Lower-case letters, digits and -. It never changes.")],
    *,
    display_name: DisplayName = None,
    description: Description = None,
    limit: LimitOptions = None,
    admin_group: AdminGroups = None,
    admin_user: AdminUsers = None,
    output: Output = Format.TABLE,
) -> None:
    """Create a tenant. People belong to it by their identity provider. Its limits apply to every request there, for each user.

    Examples:
    maas tenants create acme --admin-group acme:admins --limit requests=60/1m
    """
    order = given(
        name=name,
        displayName=display_name,
        description=description,
        defaultLimits=parse_limits(limit),
        adminGroups=admin_group,
        adminUsers=admin_user,
    )
    with connect(context) as api:
        created = api.post(PATH, order)
    _show(created, output)


@app.command()
def show(context: typer.Context, name: Name, *, output: Output = Format.TABLE) -> None:
    """Show one tenant.

    Examples:
    maas tenants show default
    """
    with connect(context) as api:
        found = api.get(_path(name))
    _show(found, output)


@app.command()
def update(  # noqa: PLR0913 - options, by name
    context: typer.Context,
    name: Name,
    *,
    display_name: DisplayName = None,
    description: Description = None,
    limit: LimitOptions = None,
    no_limits: NoLimits = False,
    admin_group: AdminGroups = None,
    no_admin_groups: Annotated[bool, typer.Option("--no-admin-groups", help="Take every administrator group away.")] = False,
    admin_user: AdminUsers = None,
    no_admin_users: Annotated[bool, typer.Option("--no-admin-users", help="Take every administrator away.")] = False,
    etag: Etag = None,
    output: Output = Format.TABLE,
) -> None:
    """Change what is given of a tenant and leave the rest. Limits and administrators are replaced whole.

    Examples:
    maas tenants update acme --limit requests=120/1m
    maas tenants update acme --admin-group acme:admins --no-admin-users
    """
    fields = given(
        displayName=display_name,
        description=description,
        defaultLimits=parse_limits(limit),
        adminGroups=admin_group,
        adminUsers=admin_user,
    )
    emptied = {"defaultLimits": no_limits, "adminGroups": no_admin_groups, "adminUsers": no_admin_users}
    changes = update_of(f"tenant {name}", fields, emptied=emptied, etag=etag)
    with connect(context) as api:
        updated = api.patch(_path(name), changes)
    _show(updated, output)


@app.command()
def delete(context: typer.Context, name: Name, *, etag: Etag = None, yes: Yes = False, output: Output = Format.TABLE) -> None:
    """Delete a tenant that has no teams, no keys but revoked ones, and one user at most; these go with it.

    Examples:
    maas tenants delete acme
    maas tenants delete acme --yes
    """
    confirm("delete tenant", name, yes=yes)
    with connect(context) as api:
        deleted = api.delete(_path(name), given(etag=etag))
    if output is Format.TABLE:
        say(f"Deleted tenant {name}.")
    else:
        show_one(deleted, [], output)


def _path(name: str) -> str:
    return f"{PATH}/{segment(name)}"


def _show(tenant: Item, output: Format) -> None:
    show_one(tenant, told(tenant, _TENANT), output)
    tell(tenant, output)
