"""`maas keys revoke`, `delete`, `bulk-revoke`."""

from __future__ import annotations

from typing import Annotated

import typer

from maas_cli.changing import Etag, given
from maas_cli.commands.keys.options import Label
from maas_cli.commands.keys.shape import PATH, path_of, show_key
from maas_cli.confirm import Yes, confirm
from maas_cli.enforcement import tell
from maas_cli.key_id import KeyId, key_id
from maas_cli.labels import parse_labels
from maas_cli.output import Format, Output, show_one
from maas_cli.printing import say
from maas_cli.state import connect, state_of


def revoke(context: typer.Context, key: KeyId, *, yes: Yes = False, output: Output = Format.TABLE) -> None:
    """End an API key for ever. When this returns, the very next request with it is refused.

    A part of the gateway that has not confirmed the change in time is named in a warning; the exit code stays 0.

    Examples:
    maas keys revoke 4kT9wQzL0aXe
    maas keys revoke 4kT9wQzL0aXe --yes
    """
    path = path_of(key)
    confirm("revoke", key_id(key), yes=yes)
    with connect(context) as api:
        revoked = api.delete(path)
    if output is Format.TABLE:
        say(f"Revoked key {revoked.get('id')} ({revoked.get('name')}).")
        tell(revoked, output)
    else:
        show_key(revoked, output)


def delete(context: typer.Context, key: KeyId, *, etag: Etag = None, yes: Yes = False, output: Output = Format.TABLE) -> None:
    """End an API key and forget it: it is in no list any more. What it used stays in the usage ledger under its id.

    Examples:
    maas keys delete 4kT9wQzL0aXe
    maas keys delete 4kT9wQzL0aXe --yes
    """
    path = path_of(key, "delete")
    confirm("delete", key_id(key), yes=yes)
    with connect(context) as api:
        deleted = api.post(path, given(etag=etag))
    if output is Format.TABLE:
        say(f"Deleted key {key_id(key)}.")
    else:
        show_one(deleted, [], output)
    tell(deleted, output)


def bulk_revoke(  # noqa: PLR0913 - options, by name
    context: typer.Context,
    *,
    user: Annotated[str | None, typer.Option(help="Keys of this owner; others' than yourself: administrators.", show_default=False)] = None,
    team: Annotated[str | None, typer.Option(help="Keys of this team.", show_default=False)] = None,
    label: Label = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say how many keys it would be, and leave them.")] = False,
    yes: Yes = False,
    output: Output = Format.TABLE,
) -> None:
    """End every key that fits all that is given, for ever: your own when nothing is given; administrators have to say which.

    Examples:
    maas keys bulk-revoke
    maas keys bulk-revoke --user bob --dry-run
    maas keys bulk-revoke --team search --label env=test
    maas keys bulk-revoke --user bob --yes
    """
    which = given(username=user, team=team, labels=parse_labels(label))
    whose = user or team or ", ".join(label or ()) or _oneself(context)
    if not dry_run:
        confirm("revoke all keys of", whose, yes=yes)
    with connect(context) as api:
        answer = api.post(f"{PATH}/bulk-revoke", which | given(dryRun=dry_run or None))
    if output is Format.TABLE:
        say(str(answer.get("message") or f"{answer.get('revokedCount', 0)} keys"))
    else:
        show_one(answer, [], output)
    tell(answer, output)


def _oneself(context: typer.Context) -> str:
    state = state_of(context)
    return state.sessions.current(state.settings.url, now=state.clock.now()).name
