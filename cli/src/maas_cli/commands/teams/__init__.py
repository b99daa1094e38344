"""`maas teams`: people who share keys, limits and a budget (maas.keys.v1.TeamsService)."""

from __future__ import annotations

import typer

from maas_cli.commands.teams import keys, members, teams

app = typer.Typer(help="Make, change and delete teams; put people into them; make keys in them.", no_args_is_help=True)
app.command("list")(teams.list_)
app.command()(teams.create)
app.command()(teams.show)
app.command()(teams.update)
app.command()(teams.delete)
app.command()(members.add_member)
app.command()(members.remove_member)
app.command("keys")(keys.list_)
app.command()(keys.create_key)
