"""`maas keys`: API keys (maas.keys.v1.ApiKeysService)."""

from __future__ import annotations

import re
from typing import Annotated, Any

import typer

from maas_cli.client import segment
from maas_cli.confirm import Yes, confirm
from maas_cli.enforcement import tell
from maas_cli.errors import RefusedError, UsageError
from maas_cli.output import Format, Limit, Output, field, moment, show_list, show_one
from maas_cli.printing import say
from maas_cli.state import connect

PATH = "/v1/api-keys"
PAGE_MAX = 100
_ID_MAX = 64
_KEY = re.compile(r"(?:.*[-_])?(?P<id>[0-9A-Za-z]{12})(?:_[0-9A-Za-z]{49})?")

_LIST = [
    field("id", "id"),
    field("name", "name"),
    field("owner", "username"),
    field("status", "status"),
    moment("created", "creationDate"),
    moment("expires", "expirationDate"),
]
_SHOW = [*_LIST[:3], field("groups", "groups"), field("description", "description"), *_LIST[3:], field("begins with", "keyPrefix")]
_CREATED = [field("id", "id"), field("name", "name"), field("owner", "username"), moment("expires", "expiresAt")]

KeyId = Annotated[str, typer.Argument(metavar="ID", help="The key's id, or what `maas keys show` says it begins with.")]

app = typer.Typer(help="Make, list and revoke API keys.", no_args_is_help=True)


@app.command()
def create(  # noqa: PLR0913 - options, by name
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="What to call it.")],
    *,
    expires_in: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="How long it lives: 90m, 12h, 30d; the server's default when absent.", show_default=False),
    ] = None,
    description: Annotated[str | None, typer.Option(help="What it is for.", show_default=False)] = None,
    user: Annotated[str | None, typer.Option(help="Administrators: make it for this user.", show_default=False)] = None,
    group: Annotated[
        list[str] | None, typer.Option(help="Administrators: a group of that user. Repeat for more.", show_default=False)
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the key and nothing else.")] = False,
    output: Output = Format.TABLE,
) -> None:
    """Make an API key, and show it: this once, and never again.

    Examples:
    maas keys create laptop
    KEY=$(maas keys create ci --expires-in 30d -q)
    maas keys create nightly --user bob --group premium-users
    maas keys create demo -o json | jq -r .key
    """
    if quiet and output is not Format.TABLE:
        raise UsageError(f"--quiet prints the key alone, --output {output} the whole answer; give one of them")
    if group and not user:
        raise UsageError("--group says which groups --user is in; give --user too")
    given = {"name": name, "description": description, "expiresIn": expires_in, "username": user, "groups": group}
    with connect(context) as api:
        answer = api.post(PATH, {key: value for key, value in given.items() if value is not None})
    if not answer.get("key"):
        raise RefusedError(f'the server made key "{name}" without showing it: {answer.get("note") or "no reason given"}')
    _show_created(answer, output, quiet=quiet)
    tell(answer, output, quiet=quiet)


@app.command("list")
def list_(
    context: typer.Context,
    *,
    user: Annotated[str | None, typer.Option(help="Administrators: this user's keys only.", show_default=False)] = None,
    limit: Limit = None,
    output: Output = Format.TABLE,
) -> None:
    """List API keys, newest first: your own, or everybody's for administrators.

    Examples:
    maas keys list
    maas keys list --user bob --limit 5
    maas keys list -o json | jq -r '.[] | select(.status == "active") | .id'
    """
    with connect(context) as api:
        keys = api.every(PATH, "apiKeys", limit=limit, page_max=PAGE_MAX, params={"username": user} if user else None)
    show_list(keys, _LIST, output, empty="no keys yet; make one: maas keys create NAME")


@app.command()
def show(context: typer.Context, key: KeyId, *, output: Output = Format.TABLE) -> None:
    """Show one API key, without its secret: that is kept nowhere.

    Examples:
    maas keys show 4kT9wQzL0aXe
    maas keys show 4kT9wQzL0aXe -o yaml
    """
    with connect(context) as api:
        found = api.get(_path(key))
    show_one(found, _SHOW, output)


@app.command()
def revoke(context: typer.Context, key: KeyId, *, yes: Yes = False, output: Output = Format.TABLE) -> None:
    """End an API key for ever. When this returns, the very next request with it is refused.

    A part of the gateway that has not confirmed the change in time is named in a warning; the exit code stays 0.

    Examples:
    maas keys revoke 4kT9wQzL0aXe
    maas keys revoke 4kT9wQzL0aXe --yes
    """
    path = _path(key)
    confirm("revoke", key_id(key), yes=yes)
    with connect(context) as api:
        revoked = api.delete(path)
    if output is Format.TABLE:
        say(f"Revoked key {revoked.get('id')} ({revoked.get('name')}).")
    else:
        show_one(revoked, _SHOW, output)
    tell(revoked, output)


def key_id(text: str) -> str:
    """The id in an id, in what a key begins with, or in a whole key pasted by mistake: a secret is never sent in a URL."""
    if match := _KEY.fullmatch(text):
        return match["id"]
    if len(text) > _ID_MAX or "_" in text:
        raise UsageError("that is no key's id: want its 12 letters and digits, as `maas keys list` shows them")
    return text


def _path(key: str) -> str:
    return f"{PATH}/{segment(key_id(key))}"


def _show_created(answer: dict[str, Any], output: Format, *, quiet: bool) -> None:
    if quiet:
        say(answer["key"])
        return
    show_one(answer, _CREATED, output)
    if output is Format.TABLE:
        say("\nYour key, shown only this once. Keep it now:\n")
        say(answer["key"] + "\n")
