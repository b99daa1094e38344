"""`maas keys import`: keys that another system made."""

from __future__ import annotations

import typer

from maas_cli.changing import given
from maas_cli.commands.keys.shape import PATH
from maas_cli.enforcement import tell
from maas_cli.errors import UsageError
from maas_cli.files import DryRun, File, objects_in, text_in
from maas_cli.output import Column, Format, Output, field, show_one
from maas_cli.state import connect

MOST = 1000
_IMPORTED = [
    field("imported", "imported"),
    field("known already", "known"),
    Column("kept", lambda answer: "nothing: this was a dry run" if answer.get("dryRun") else "all"),
]


def import_(context: typer.Context, file: File, *, dry_run: DryRun = False, output: Output = Format.TABLE) -> None:
    """Administrators: take over keys that another system made, by the SHA-256 of each. Their holders go on using them.

    The file has a JSON list of objects: sha256 (64 hexadecimal digits) and username have to be there; name, shown (how the key begins, 16
    characters at most), description, groups, expiresAt, createdAt, labels, subscription and team may be. All are taken over or none; what
    is known already is left as it is.

    Examples:
    maas keys import old-keys.json --dry-run
    jq '[.keys[] | {sha256: .hash, username: .owner}]' dump.json | maas keys import -
    """
    keys = objects_in(file, text_in(file), "keys")
    if len(keys) > MOST:
        raise UsageError(f"{file}: {len(keys)} keys; want at most {MOST} at once, in several files")
    with connect(context) as api:
        answer = api.post(f"{PATH}/import", {"keys": keys} | given(dryRun=dry_run or None))
    show_one(answer, _IMPORTED, output)
    tell(answer, output)
