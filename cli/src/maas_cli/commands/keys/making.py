"""`maas keys create`, `maas keys personal`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from maas_cli.budget import BudgetOption
from maas_cli.changing import given
from maas_cli.commands.keys.options import (
    Agent,
    AllowIp,
    Description,
    ExpiresIn,
    Label,
    McpServer,
    Model,
    Subscription,
    VectorDatabase,
    key_fields,
)
from maas_cli.commands.keys.shape import PATH, Quiet, one_form, show_secret
from maas_cli.errors import UsageError
from maas_cli.limits import LimitOptions
from maas_cli.output import Format, Output, field, moment
from maas_cli.state import connect

_MADE = [
    field("id", "id"),
    field("name", "name"),
    field("kind", "kind"),
    field("owner", "username"),
    field("team", "team"),
    field("bound to tier", "subscription"),
    field("status", "status"),
    moment("expires", "expiresAt"),
]


class OwnerKind(StrEnum):
    """What an owner is."""

    USER = "user"
    GROUP = "group"
    SERVICE_ACCOUNT = "service_account"


def create(  # noqa: PLR0913 - options, by name
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(help="What to call it. An ephemeral key may do without.", show_default=False)] = None,
    *,
    expires_in: ExpiresIn = None,
    description: Description = None,
    team: Annotated[str | None, typer.Option(help="A team of yours to make it in.", show_default=False)] = None,
    limit: LimitOptions = None,
    budget: BudgetOption = None,
    model: Model = None,
    mcp_server: McpServer = None,
    vector_database: VectorDatabase = None,
    agent: Agent = None,
    allow_ip: AllowIp = None,
    subscription: Subscription = None,
    label: Label = None,
    ephemeral: Annotated[bool, typer.Option("--ephemeral", help="For a short while: an hour at most, or what the server says.")] = False,
    playground: Annotated[
        bool, typer.Option("--playground", help="Your key for trying models out: free of charge, with limits of its own.")
    ] = False,
    user: Annotated[str | None, typer.Option(help="Administrators: make it for this user.", show_default=False)] = None,
    group: Annotated[
        list[str] | None, typer.Option(help="Administrators: a group of that user. Repeat for more.", show_default=False)
    ] = None,
    owner_kind: Annotated[OwnerKind | None, typer.Option(help="What --user names; a user when absent.", show_default=False)] = None,
    request_id: Annotated[
        str | None, typer.Option(help="Makes a repetition safe: the same id makes no second key.", show_default=False)
    ] = None,
    quiet: Quiet = False,
    output: Output = Format.TABLE,
) -> None:
    """Make an API key, and show it: this once, and never again. A limit is counted for the key unless it says otherwise.

    A key that waits for an approver does not work yet; the reason is shown.

    Examples:
    maas keys create laptop
    KEY=$(maas keys create ci --expires-in 30d -q)
    maas keys create batch --team search --model smollm2 --limit requests=100/1m --budget 50usd/month
    maas keys create office --allow-ip 10.0.0.0/8 --label env=prod --label owner=web
    maas keys create --ephemeral -q
    maas keys create nightly --user bob --group premium-users
    maas keys create demo -o json | jq -r .key
    """
    one_form(output, quiet=quiet)
    if (group or owner_kind) and not user:
        raise UsageError("--group and --owner-kind say more of --user; give --user too")
    if not (name or ephemeral or playground):
        raise UsageError("want a name: maas keys create NAME; only ephemeral keys may do without")
    order = key_fields(
        name=name or ("Playground" if playground else None),
        expiresIn=expires_in,
        description=description,
        team=team,
        limit=limit,
        budget=budget,
        model=model,
        mcp_server=mcp_server,
        vector_database=vector_database,
        agent=agent,
        allow_ip=allow_ip,
        subscription=subscription,
        label=label,
        ephemeral=ephemeral or None,
        kind="playground" if playground else None,
        username=user,
        groups=group,
        ownerKind=owner_kind,
        requestId=request_id,
    )
    with connect(context) as api:
        answer = api.post(PATH, order)
    show_secret(answer, answer, _MADE, output, quiet=quiet)


def personal(context: typer.Context, *, expires_in: ExpiresIn = None, quiet: Quiet = False, output: Output = Format.TABLE) -> None:
    """Show your personal key, made now when you have none. Its secret is shown when it is made, and never again.

    Examples:
    maas keys personal
    maas keys personal --expires-in 30d
    """
    one_form(output, quiet=quiet)
    with connect(context) as api:
        answer = api.post(f"{PATH}/personal", given(expiresIn=expires_in))
    show_secret(answer, answer, _MADE, output, quiet=quiet)
