"""`maas keys`: API keys (maas.keys.v1.ApiKeysService)."""

from __future__ import annotations

import typer

from maas_cli.commands.keys import changing, deciding, ending, importing, making, reading

app = typer.Typer(help="Make, find, change and end API keys.", no_args_is_help=True)
app.command()(making.create)
app.command()(making.personal)
app.command("list")(reading.list_)
app.command()(reading.show)
app.command()(reading.search)
app.command()(changing.update)
app.command()(changing.rotate)
app.command()(changing.disable)
app.command()(changing.enable)
app.command()(ending.revoke)
app.command()(ending.delete)
app.command()(ending.bulk_revoke)
app.command()(deciding.approve)
app.command()(deciding.reject)
app.command("import")(importing.import_)
app.command()(reading.config)
