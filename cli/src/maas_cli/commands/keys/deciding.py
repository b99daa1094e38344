"""`maas keys approve`, `reject`: for administrators."""

from __future__ import annotations

import typer

from maas_cli.changing import Etag, given
from maas_cli.commands.keys.shape import path_of, show_key
from maas_cli.confirm import Yes, confirm
from maas_cli.key_id import KeyId, key_id
from maas_cli.output import Format, Output
from maas_cli.state import connect


def approve(context: typer.Context, key: KeyId, *, etag: Etag = None, output: Output = Format.TABLE) -> None:
    """Let a pending key work. Nobody approves a key that they made.

    Examples:
    maas keys list --status pending
    maas keys approve 4kT9wQzL0aXe
    """
    path = path_of(key, "approve")
    with connect(context) as api:
        approved = api.post(path, given(etag=etag))
    show_key(approved, output)


def reject(context: typer.Context, key: KeyId, *, yes: Yes = False, output: Output = Format.TABLE) -> None:
    """End a pending key for ever.

    Examples:
    maas keys reject 4kT9wQzL0aXe
    """
    path = path_of(key, "reject")
    confirm("reject", key_id(key), yes=yes)
    with connect(context) as api:
        rejected = api.post(path, {})
    show_key(rejected, output)
