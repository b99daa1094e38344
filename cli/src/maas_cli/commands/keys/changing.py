"""`maas keys update`, `rotate`, `disable`, `enable`."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from maas_cli.budget import BudgetOption, NoBudget
from maas_cli.changing import Etag, given, update_of
from maas_cli.commands.keys.options import (
    Agent,
    AllowIp,
    Description,
    ExpiresFromNow,
    Label,
    McpServer,
    Model,
    Subscription,
    VectorDatabase,
    key_fields,
)
from maas_cli.commands.keys.shape import Quiet, one_form, path_of, show_key, show_secret
from maas_cli.confirm import Yes, confirm
from maas_cli.key_id import KeyId, key_id
from maas_cli.limits import LimitOptions, NoLimits
from maas_cli.output import Format, Output, field, moment
from maas_cli.state import connect

_ROTATED = [field("id", "id"), field("name", "name"), field("owner", "username"), moment("old key works until", "oldKeyExpiresAt")]


def update(  # noqa: PLR0913 - options, by name
    context: typer.Context,
    key: KeyId,
    *,
    name: Annotated[str | None, typer.Option(help="What to call it.", show_default=False)] = None,
    description: Description = None,
    expires_in: ExpiresFromNow = None,
    limit: LimitOptions = None,
    no_limits: NoLimits = False,
    budget: BudgetOption = None,
    no_budget: NoBudget = False,
    model: Model = None,
    mcp_server: McpServer = None,
    vector_database: VectorDatabase = None,
    agent: Agent = None,
    no_scope: Annotated[bool, typer.Option("--no-scope", help="For everything that the tier allows.")] = False,
    allow_ip: AllowIp = None,
    no_allowed_ips: Annotated[bool, typer.Option("--no-allowed-ips", help="From anywhere.")] = False,
    subscription: Subscription = None,
    no_subscription: Annotated[bool, typer.Option("--no-subscription", help="Bind it to no tier.")] = False,
    label: Label = None,
    no_labels: Annotated[bool, typer.Option("--no-labels", help="Take every label away.")] = False,
    etag: Etag = None,
    output: Output = Format.TABLE,
) -> None:
    """Change what is given of a key and leave the rest. Limits, labels, networks, and what it is for are replaced whole.

    When this returns, the very next request obeys.

    Examples:
    maas keys update 4kT9wQzL0aXe --expires-in 30d
    maas keys update 4kT9wQzL0aXe --limit requests=100/1m --budget 50usd/month
    maas keys update 4kT9wQzL0aXe --model smollm2 --model smollm2-pro
    maas keys update 4kT9wQzL0aXe --no-budget --no-allowed-ips --etag 17
    """
    fields = key_fields(
        name=name,
        expiresIn=expires_in,
        description=description,
        limit=limit,
        budget=budget,
        model=model,
        mcp_server=mcp_server,
        vector_database=vector_database,
        agent=agent,
        allow_ip=allow_ip,
        subscription=subscription,
        label=label,
    )
    emptied = {
        "limits": no_limits,
        "budget": no_budget,
        "scope": no_scope,
        "allowedIps": no_allowed_ips,
        "subscription": no_subscription,
        "labels": no_labels,
    }
    path = path_of(key)
    changes = update_of(f"key {key_id(key)}", fields, emptied=emptied, etag=etag)
    with connect(context) as api:
        updated = api.patch(path, changes)
    show_key(updated, output)


def rotate(  # noqa: PLR0913 - options, by name
    context: typer.Context,
    key: KeyId,
    *,
    grace: Annotated[
        str | None,
        typer.Option(
            metavar="TIME", help="How long the old secret works too: 24h, 0; the server's default when absent.", show_default=False
        ),
    ] = None,
    etag: Etag = None,
    yes: Yes = False,
    quiet: Quiet = False,
    output: Output = Format.TABLE,
) -> None:
    """Give a key a new secret, and show it: this once, and never again. The old one works until the grace period ends.

    Examples:
    maas keys rotate 4kT9wQzL0aXe
    KEY=$(maas keys rotate 4kT9wQzL0aXe --grace 1h -q)
    maas keys rotate 4kT9wQzL0aXe --grace 0 --yes
    """
    one_form(output, quiet=quiet)
    path = path_of(key, "rotate")
    if grace is not None and re.fullmatch(r"0+[smhd]?", grace):
        confirm("end at once the old secret of", key_id(key), yes=yes)
    with connect(context) as api:
        answer = api.post(path, given(grace=grace, etag=etag))
    show_secret(answer, answer.get("apiKey") or {}, _ROTATED, output, quiet=quiet)


def disable(context: typer.Context, key: KeyId, *, etag: Etag = None, output: Output = Format.TABLE) -> None:
    """Have a key refused until it is enabled again. When this returns, the very next request with it is refused.

    Examples:
    maas keys disable 4kT9wQzL0aXe
    """
    _switch(context, key, "disable", etag, output)


def enable(context: typer.Context, key: KeyId, *, etag: Etag = None, output: Output = Format.TABLE) -> None:
    """End what `maas keys disable` began.

    Examples:
    maas keys enable 4kT9wQzL0aXe
    """
    _switch(context, key, "enable", etag, output)


def _switch(context: typer.Context, key: str, method: str, etag: str | None, output: Format) -> None:
    path = path_of(key, method)
    with connect(context) as api:
        changed = api.post(path, given(etag=etag))
    show_key(changed, output)
