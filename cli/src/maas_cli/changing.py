"""What an update sends: the fields that are given, those to empty, and the version that it is for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from maas_cli.client import Json
from maas_cli.errors import UsageError

Etag = Annotated[str | None, typer.Option(help="Do it only if nobody has changed it since it had this etag.", show_default=False)]
DisplayName = Annotated[str | None, typer.Option(help="For people.", show_default=False)]
Description = Annotated[str | None, typer.Option(help="For people.", show_default=False)]


def given(**fields: Any) -> Json:
    """The fields that somebody gave; an option that was not repeated even once was not given."""
    return {name: value for name, value in fields.items() if value not in (None, [], {})}


def update_of(what: str, fields: Json, *, emptied: Mapping[str, bool], etag: str | None, mask: str = "updateMask") -> Json:
    """The body of an update. `emptied` says which fields lose what they hold; UsageError when nothing changes."""
    named = [name for name, is_emptied in emptied.items() if is_emptied]
    if twice := [name for name in named if name in fields]:
        raise UsageError(f"{what}: {', '.join(twice)}: given and taken away at once; give one of the two")
    if not (fields or named):
        raise UsageError(f"{what}: nothing to change; give at least one option, see --help")
    return fields | ({mask: ",".join(named)} if named else {}) | given(etag=etag)
