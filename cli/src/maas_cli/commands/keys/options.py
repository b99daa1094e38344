"""Options of keys that are made and changed."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from maas_cli.budget import parse_budget
from maas_cli.changing import given
from maas_cli.client import Json
from maas_cli.labels import parse_labels
from maas_cli.limits import parse_limits

_LIFE = "30d, 12h, 90m, or until when: 2027-01-31, 2027-01-31T12:00:00Z"

ExpiresIn = Annotated[
    str | None, typer.Option(metavar="TIME", help=f"How long it lives: {_LIFE}; the server's default when absent.", show_default=False)
]
ExpiresFromNow = Annotated[
    str | None, typer.Option("--expires-in", metavar="TIME", help=f"How long it lives from now: {_LIFE}.", show_default=False)
]
Description = Annotated[str | None, typer.Option(help="What it is for.", show_default=False)]
Label = Annotated[
    list[str] | None, typer.Option("--label", metavar="NAME=VALUE", help="To find it by. Repeat for more.", show_default=False)
]
Subscription = Annotated[
    str | None,
    typer.Option(metavar="TIER", help="A tier that its owner has, to bind it to; the highest they have when absent.", show_default=False),
]
Model = Annotated[list[str] | None, typer.Option("--model", metavar="ID", help="Only for this model. Repeat for more.", show_default=False)]
McpServer = Annotated[
    list[str] | None, typer.Option("--mcp-server", metavar="ID", help="Only for this MCP server. Repeat for more.", show_default=False)
]
VectorDatabase = Annotated[
    list[str] | None,
    typer.Option("--vector-database", metavar="ID", help="Only for this vector database. Repeat for more.", show_default=False),
]
Agent = Annotated[list[str] | None, typer.Option("--agent", metavar="ID", help="Only for this agent. Repeat for more.", show_default=False)]
AllowIp = Annotated[
    list[str] | None,
    typer.Option("--allow-ip", metavar="NETWORK", help="Only from this network: 10.0.0.0/8, 2001:db8::/32. Repeat.", show_default=False),
]


def key_fields(  # noqa: PLR0913 - a key's fields
    *,
    description: str | None,
    label: list[str] | None,
    subscription: str | None,
    model: list[str] | None,
    mcp_server: list[str] | None,
    vector_database: list[str] | None,
    agent: list[str] | None,
    limit: list[str] | None,
    budget: str | None,
    allow_ip: list[str] | None,
    **others: Any,
) -> Json:
    """What is given, as the REST API has it."""
    return given(
        **others,
        description=description,
        labels=parse_labels(label),
        subscription=subscription,
        scope=given(models=model, mcpServers=mcp_server, vectorDatabases=vector_database, agents=agent),
        limits=parse_limits(limit),
        budget=parse_budget(budget),
        allowedIps=allow_ip,
    )
