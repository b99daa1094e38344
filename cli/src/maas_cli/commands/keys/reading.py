"""`maas keys list`, `show`, `search`, `config`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from maas_cli.changing import given
from maas_cli.client import Json, gathered
from maas_cli.commands.keys.making import OwnerKind
from maas_cli.commands.keys.options import Label
from maas_cli.commands.keys.shape import KEYS, PAGE_MAX, PATH, path_of, show_key
from maas_cli.key_id import KeyId
from maas_cli.labels import parse_labels
from maas_cli.limits import limits_text
from maas_cli.money import spent
from maas_cli.output import Column, Format, Limit, Output, field, show_list, show_one, told
from maas_cli.state import connect
from maas_cli.times import parse_time


class Status(StrEnum):
    """What a key is now."""

    PENDING = "pending"
    ACTIVE = "active"
    EXPIRED = "expired"
    DISABLED = "disabled"
    REVOKED = "revoked"


class SortBy(StrEnum):
    """What keys are sorted by."""

    CREATED_AT = "created_at"
    EXPIRES_AT = "expires_at"
    LAST_USED_AT = "last_used_at"
    NAME = "name"


class Order(StrEnum):
    """Up or down."""

    ASC = "asc"
    DESC = "desc"


User = Annotated[str | None, typer.Option(help="Administrators: this user's keys only.", show_default=False)]
Team = Annotated[str | None, typer.Option(help="This team's keys only.", show_default=False)]
Statuses = Annotated[list[Status] | None, typer.Option("--status", help="Keys that are this. Repeat for more.", show_default=False)]
Time = Annotated[str | None, typer.Option(metavar="TIME", help="2027-01-31, or 2027-01-31T12:00:00Z.", show_default=False)]

_CONFIG = [
    Column("may make keys", lambda config: "yes" if config.get("mayCreate") else "no"),
    field("keys live", "defaultExpiry"),
    field("at most", "maxExpiry"),
    field("ephemeral ones", "ephemeralExpiry"),
    field("after a rotation the old key works", "rotationGrace"),
    field("keys begin with", "keyPrefix"),
    Column("approval above a budget of", lambda config: spent(int(config["approvalBudget"])) if "approvalBudget" in config else "-"),
    field("approval when they live longer than", "approvalExpiry"),
    Column("playground limits", lambda config: limits_text(config.get("playgroundLimits"), per="key")),
]


def list_(  # noqa: PLR0913 - options, by name
    context: typer.Context,
    *,
    user: User = None,
    team: Team = None,
    status: Statuses = None,
    limit: Limit = None,
    output: Output = Format.TABLE,
) -> None:
    """List API keys, personal ones first, then newest first: your own and your teams', or everybody's for administrators.

    Examples:
    maas keys list
    maas keys list --team search --status active
    maas keys list --user bob --limit 5
    maas keys list -o json | jq -r '.[] | select(.status == "active") | .id'
    """
    params = given(username=user, team=team, status=status)
    with connect(context) as api:
        keys = api.every(PATH, "apiKeys", limit=limit, page_max=PAGE_MAX, params=params)
    show_list(keys, KEYS, output, empty="no such keys; make one: maas keys create NAME")


def show(context: typer.Context, key: KeyId, *, output: Output = Format.TABLE) -> None:
    """Show one API key, without its secret: that is kept nowhere.

    Examples:
    maas keys show 4kT9wQzL0aXe
    maas keys show 4kT9wQzL0aXe -o yaml
    """
    with connect(context) as api:
        found = api.get(path_of(key))
    show_key(found, output)


def search(  # noqa: PLR0913 - options, by name
    context: typer.Context,
    *,
    name: Annotated[str | None, typer.Option(metavar="TEXT", help="With this in its name, in upper or lower case.")] = None,
    user: User = None,
    team: Team = None,
    owner_kind: Annotated[OwnerKind | None, typer.Option(help="Owned by one of this kind.", show_default=False)] = None,
    status: Statuses = None,
    label: Label = None,
    ephemeral: Annotated[
        bool | None,
        typer.Option("--ephemeral/--no-ephemeral", help="Only ephemeral keys, or only others; others when absent.", show_default=False),
    ] = None,
    with_ephemeral: Annotated[bool, typer.Option("--with-ephemeral", help="Ephemeral keys too.")] = False,
    created_after: Time = None,
    created_before: Time = None,
    expires_after: Time = None,
    expires_before: Time = None,
    used_after: Time = None,
    used_before: Annotated[
        str | None, typer.Option(metavar="TIME", help="Last used before this time, or never.", show_default=False)
    ] = None,
    sort: Annotated[SortBy | None, typer.Option(help="What to sort by; created_at when absent.", show_default=False)] = None,
    order: Annotated[Order | None, typer.Option(help="desc when absent.", show_default=False)] = None,
    limit: Limit = None,
    output: Output = Format.TABLE,
) -> None:
    """Find API keys among those that `maas keys list` lists. What is given has to fit, all of it.

    Examples:
    maas keys search --name ci --status active
    maas keys search --label env=prod --label owner=web
    maas keys search --expires-before 2027-01-31 --sort expires_at --order asc
    maas keys search --used-before 2026-06-30 -o json | jq -r '.[].id'
    """
    asked = given(
        nameContains=name,
        username=user,
        team=team,
        ownerKind=owner_kind,
        status=status,
        labelsContain=parse_labels(label),
        ephemeral=ephemeral,
        includeEphemeral=with_ephemeral or bool(ephemeral) or None,
        createdAfter=parse_time("--created-after", created_after),
        createdBefore=parse_time("--created-before", created_before),
        expiresAfter=parse_time("--expires-after", expires_after),
        expiresBefore=parse_time("--expires-before", expires_before),
        lastUsedAfter=parse_time("--used-after", used_after),
        lastUsedBefore=parse_time("--used-before", used_before),
    )
    query = given(filters=asked, sort=given(by=sort, order=order))
    with connect(context) as api:

        def page(size: int, token: str) -> Json:
            return api.post(f"{PATH}/search", query | {"pagination": given(limit=size, pageToken=token or None)})

        keys = gathered(page, "data", limit=limit, page_max=PAGE_MAX)
    show_list(keys, KEYS, output, empty="no such keys")


def config(context: typer.Context, *, output: Output = Format.TABLE) -> None:
    """Show what keys are made by here: how long they live, and which ones wait for an approver.

    Examples:
    maas keys config
    maas keys config -o json | jq -r .maxExpiry
    """
    with connect(context) as api:
        found = api.get(f"{PATH}/config")
    show_one(found, told(found, _CONFIG), output)
