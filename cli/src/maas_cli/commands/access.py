"""`maas access`: who may use what, and why (maas.authz.v1.AuthzService)."""

from __future__ import annotations

from typing import Annotated

import typer

from maas_cli.changing import given
from maas_cli.output import Format, Limit, Output, field, show_list
from maas_cli.state import connect

PATH = "/v1/access"
PAGE_MAX = 1000
_LIST = [
    field("user", "username"),
    field("model", "model"),
    field("allowed", "allowed"),
    field("tier", "tier"),
    field("why", "reason"),
]


def access(
    context: typer.Context,
    *,
    model: Annotated[str | None, typer.Option(metavar="ID", help="Who may use this model?", show_default=False)] = None,
    user: Annotated[str | None, typer.Option(help="What may this user use? By name, or ISSUER|SUBJECT.", show_default=False)] = None,
    limit: Limit = None,
    output: Output = Format.TABLE,
) -> None:
    """Show who may use a model, which models somebody may use, and why: yourself, or everybody for administrators and model owners.

    Examples:
    maas access
    maas access --model smollm2-pro
    maas access --user bob
    maas access --model smollm2-pro --user bob -o json | jq -e '.[0].allowed'
    """
    with connect(context) as api:
        found = api.every(PATH, "access", limit=limit, page_max=PAGE_MAX, params=given(model=model, user=user))
    show_list(found, _LIST, output, empty="nobody known may: users are known once they have signed in or were imported")
