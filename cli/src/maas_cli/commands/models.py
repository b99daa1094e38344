"""`maas models`: the models that the gateway publishes (maas.registry.v1.ModelsService, AvailableModelsService)."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from maas_cli.changing import Description, DisplayName, Etag, given, update_of
from maas_cli.client import segment
from maas_cli.confirm import Yes, confirm
from maas_cli.enforcement import tell
from maas_cli.errors import ForbiddenError, UsageError
from maas_cli.output import Column, Format, Item, Limit, Output, field, moment, show_list, show_one
from maas_cli.prices import PriceOption, parse_price, price_text
from maas_cli.printing import say, warn
from maas_cli.state import connect

PATH = "/v1/assets/models"
MINE = "/v1/models"
PAGE_MAX = 500


def _published(model: Item) -> str:
    tiers = ", ".join(model.get("tiers", []))
    return tiers if model.get("publishedTo") == "tiers" else str(model.get("publishedTo"))


_LIST = [
    field("id", "id"),
    field("state", "state"),
    Column("published to", _published),
    field("url", "url"),
    field("display name", "displayName"),
]
_SHOW = [
    *_LIST[:2],
    field("why", "stateReason"),
    *_LIST[2:],
    field("upstream name", "upstreamName"),
    field("owned by", "ownedBy"),
    Column("price", price_text),
    field("description", "description"),
    moment("created", "created"),
    moment("updated", "updated"),
    field("etag", "etag"),
]
_MINE = [
    field("id", "id"),
    field("ready", "ready"),
    field("owned by", "owned_by"),
    field("display name", "display_name"),
    moment("created", "created"),
]

Id = Annotated[str, typer.Argument(metavar="ID", help="The model's id, as in a request's model field.")]
UpstreamName = Annotated[
    str | None, typer.Option(help="What the server behind the URL calls the model; the id when absent.", show_default=False)
]
Tiers = Annotated[list[str] | None, typer.Option("--tier", help="Publish it to this tier. Repeat for more.", show_default=False)]
All = Annotated[bool, typer.Option("--all", help="Publish it to all tiers.")]
OwnedBy = Annotated[str | None, typer.Option(help="Shown as its owner in the OpenAI model list.", show_default=False)]

app = typer.Typer(help="List, register, change and remove models.", no_args_is_help=True)


@app.command("list")
def list_(
    context: typer.Context,
    *,
    mine: Annotated[bool, typer.Option("--mine", help="The models that you may use, as applications see them. For everybody.")] = False,
    limit: Limit = None,
    output: Output = Format.TABLE,
) -> None:
    """List models: with --mine those that you may use, without it everything there is, for administrators.

    Examples:
    maas models list
    maas models list --mine
    maas models list -o json | jq -r '.[] | select(.state != "ready") | .id'
    """
    with connect(context) as api:
        if mine:
            show_list(api.get(MINE).get("data", [])[:limit], _MINE, output, empty="no model is published to your tier")
            return
        try:
            models = api.every(PATH, "models", limit=limit, page_max=PAGE_MAX)
        except ForbiddenError as error:
            raise ForbiddenError(error.message, hint="the models that you may use: maas models list --mine") from None
    show_list(models, _LIST, output, empty="no models yet; register one: maas models add ID --url URL --all")


@app.command()
def add(  # noqa: PLR0913 - options, by name
    context: typer.Context,
    model: Id,
    *,
    url: Annotated[str, typer.Option(help="Base URL as OpenAI clients take it, with the version: https://models.example.org/v1.")],
    upstream_name: UpstreamName = None,
    tier: Tiers = None,
    all_tiers: All = False,
    display_name: DisplayName = None,
    description: Description = None,
    owned_by: OwnedBy = None,
    price: PriceOption = None,
    output: Output = Format.TABLE,
) -> None:
    """Register a model. When this returns, the gateway routes to it. Without --tier or --all nobody may use it yet.

    Examples:
    maas models add llama-70b --url http://vllm.models.svc:8000/v1 --tier premium --tier enterprise
    maas models add smollm2 --url http://127.0.0.1:8090/v1 --upstream-name SmolLM2-135M-Instruct --all
    maas models add big --url http://10.0.0.7:8000/v1 --all --price 0.15/0.60/0.075
    """
    published = _publication(tier, all_tiers=all_tiers)
    fields = given(
        url=url,
        upstreamName=upstream_name,
        displayName=display_name,
        description=description,
        ownedBy=owned_by,
        pricing=parse_price(price) if price is not None else None,
    )
    with connect(context) as api:
        added = api.post(PATH, {"id": model} | fields | published)
    _show_changed(added, output)


@app.command()
def show(context: typer.Context, model: Id, *, output: Output = Format.TABLE) -> None:
    """Show one model, for administrators: where it is, who may use it, whether the gateway routes to it.

    Examples:
    maas models show smollm2
    maas models show smollm2 -o yaml
    """
    with connect(context) as api:
        found = api.get(_path(model))
    show_one(found, _SHOW, output)


@app.command()
def update(  # noqa: PLR0913 - options, by name
    context: typer.Context,
    model: Id,
    *,
    url: Annotated[str | None, typer.Option(help="Base URL with the version.", show_default=False)] = None,
    upstream_name: UpstreamName = None,
    tier: Tiers = None,
    all_tiers: All = False,
    nobody: Annotated[bool, typer.Option("--nobody", help="Publish it to nobody.")] = False,
    display_name: DisplayName = None,
    description: Description = None,
    owned_by: OwnedBy = None,
    price: PriceOption = None,
    no_price: Annotated[bool, typer.Option("--no-price", help="Take its price away: its tokens cost nothing.")] = False,
    etag: Etag = None,
    output: Output = Format.TABLE,
) -> None:
    """Change what is given of a model and leave the rest. --tier replaces the list of tiers.

    Examples:
    maas models update smollm2 --tier premium
    maas models update smollm2 --url http://10.0.0.7:8000/v1
    maas models update smollm2 --nobody
    maas models update smollm2 --price 0.15/0.60
    """
    fields = given(
        url=url,
        upstreamName=upstream_name,
        displayName=display_name,
        description=description,
        ownedBy=owned_by,
        pricing=parse_price(price) if price is not None else None,
    ) | _publication(tier, all_tiers=all_tiers, nobody=nobody)
    changes = update_of(f"model {model}", fields, emptied={"pricing": no_price}, etag=etag)
    with connect(context) as api:
        updated = api.patch(_path(model), changes)
    _show_changed(updated, output)


@app.command()
def remove(context: typer.Context, model: Id, *, etag: Etag = None, yes: Yes = False, output: Output = Format.TABLE) -> None:
    """Remove a model. When this returns, the next request for it is answered 404.

    Examples:
    maas models remove smollm2
    maas models remove smollm2 --yes
    """
    confirm("remove", model, yes=yes)
    with connect(context) as api:
        removed = api.delete(_path(model), given(etag=etag))
    if output is Format.TABLE:
        say(f"Removed model {model}.")
    else:
        show_one(removed, [], output)
    tell(removed, output)


def _path(model: str) -> str:
    return f"{PATH}/{segment(model)}"


def _publication(tiers: list[str] | None, *, all_tiers: bool, nobody: bool = False) -> dict[str, Any]:
    if sum((bool(tiers), all_tiers, nobody)) > 1:
        raise UsageError("a model is published to --tier …, to --all" + (" or to --nobody" if nobody else "") + "; give one of them")
    if tiers:
        return {"publishedTo": "tiers", "tiers": tiers}
    if all_tiers or nobody:
        return {"publishedTo": "all" if all_tiers else "nobody"}
    return {}


def _show_changed(model: dict[str, Any], output: Format) -> None:
    show_one(model, _SHOW, output)
    tell(model, output)
    if model.get("state") == "rejected":
        warn(f"the gateway does not route to {model.get('id')}: {model.get('stateReason')}")
    elif model.get("state") == "pending":
        warn(f"the gateway has not confirmed {model.get('id')} yet; see maas models show {model.get('id')}")
