"""Results on standard output: a table for people, JSON or YAML for scripts, in the shapes of the REST API."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

import typer
import yaml
from rich.table import Table
from rich.text import Text

from maas_cli.money import spent
from maas_cli.printing import console, note, printable

Item = Mapping[str, Any]


class Format(StrEnum):
    """How a result is printed."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"


Output = Annotated[Format, typer.Option("--output", "-o", help="How to print the result.")]
Limit = Annotated[int | None, typer.Option("--limit", min=1, help="Stop after this many; all of them when absent.", show_default=False)]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a list, or a line of one thing: its title, and what it shows of an item. One that is whole is not folded."""

    title: str
    show: Callable[[Item], str]
    is_whole: bool = False


def field(title: str, name: str, *, is_whole: bool = False) -> Column:
    """A field as it is; a list's members joined by commas."""
    return Column(title, lambda item: text_of(item.get(name)), is_whole=is_whole)


def moment(title: str, name: str) -> Column:
    """A field that holds a time, in UTC."""
    return Column(title, lambda item: time_of(item.get(name)))


def day(title: str, name: str) -> Column:
    """The day of a field that holds a time, in UTC: for lists that have to fit."""
    return Column(title, lambda item: time_of(item.get(name)).partition(" ")[0], is_whole=True)


def amount(title: str, name: str) -> Column:
    """A field that holds how much of the item's metric; cost in dollars."""

    def show(item: Item) -> str:
        number = int(item.get(name, 0))
        return spent(number) if item.get("metric") == "cost" else f"{number:,}"

    return Column(title, show, is_whole=True)


def text_of(value: Any) -> str:
    """A JSON value for people."""
    if value is None or value in ([], ""):
        return "-"
    if isinstance(value, list):
        return ", ".join(str(member) for member in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def time_of(value: Any) -> str:
    """Unix seconds, or RFC 3339 as protobuf's Timestamp prints it, as `2026-01-31 12:00:00Z`; `-` for none."""
    if not value:
        return "-"
    when = datetime.fromtimestamp(value, UTC) if isinstance(value, int | float) else datetime.fromisoformat(value).astimezone(UTC)
    return when.strftime("%Y-%m-%d %H:%M:%SZ")


def show_list(items: Sequence[Item], columns: Sequence[Column], output: Format, *, empty: str) -> None:
    """Print every item; `empty` tells people what an empty table means."""
    if output is not Format.TABLE:
        _dump(list(items), output)
    elif items:
        table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
        for column in columns:
            table.add_column(column.title.upper(), overflow="fold", no_wrap=column.is_whole)
        for item in items:
            table.add_row(*(_cell(column.show(item)) for column in columns))
        console().print(table)
    else:
        note(empty)


def show_one(item: Item, lines: Sequence[Column], output: Format) -> None:
    """Print one thing, a line per field."""
    if output is not Format.TABLE:
        _dump(item, output)
        return
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 3, 0, 0))
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for line in lines:
        table.add_row(line.title, _cell(line.show(item)))
    console().print(table)


def told(item: Item, lines: Sequence[Column]) -> list[Column]:
    """The lines that say something of this item."""
    return [line for line in lines if line.show(item) not in {"-", "none", ""}]


def _cell(text: str) -> Text:
    return Text(" ".join(printable(text).split()))


def _dump(value: Any, output: Format) -> None:
    if output is Format.JSON:
        typer.echo(json.dumps(value, indent=2, ensure_ascii=False))
    else:
        typer.echo(yaml.safe_dump(value, sort_keys=False, allow_unicode=True).rstrip("\n"))
