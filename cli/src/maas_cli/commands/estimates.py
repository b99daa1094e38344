"""`maas estimates`: what is reserved for requests before a model says what they used (maas.ratelimit.v1.LimitsService)."""

from __future__ import annotations

import typer

from maas_cli.output import Column, Format, Limit, Output, field, show_list
from maas_cli.state import connect

PATH = "/v1/limits/estimates"
PAGE_MAX = 500
_LIST = [
    field("model", "model"),
    Column("input tokens per byte", lambda estimate: f"{estimate.get('tokensPerByte', 0):.3f}"),
    Column("output tokens", lambda estimate: f"{estimate.get('outputMean', 0):.0f}"),
    field("learned from", "samples"),
]


def estimates(context: typer.Context, *, limit: Limit = None, output: Output = Format.TABLE) -> None:
    """Administrators: list what each model's requests are taken to use, as one ratelimit process has learned it.

    Input tokens go by the bytes of a request's body; output tokens are those of a request that names no maximum.

    Examples:
    maas estimates
    maas estimates -o json | jq '.[] | select(.samples == "0") | .model'
    """
    with connect(context) as api:
        found = api.every(PATH, "estimates", limit=limit, page_max=PAGE_MAX)
    show_list(found, _LIST, output, empty="no estimates yet: no model was asked since ratelimit started")
