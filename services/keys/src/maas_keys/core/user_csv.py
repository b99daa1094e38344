"""Users from elsewhere, as lines of CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from maas_common.errors import InvalidArgumentError

from maas_keys.core.user_import import UserRow

COLUMNS = ("issuer", "subject", "username", "email", "groups", "kind")


def csv_rows(text: str) -> list[UserRow]:
    """The rows of a CSV whose first line names its columns, in any order; InvalidArgumentError names the line that is wrong."""
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    try:
        head = [name.strip().lower() for name in next(reader, [])]
        _check_head(head)
        return list(_lines(head, reader))
    except csv.Error as error:
        raise InvalidArgumentError.of("csv", f"line {reader.line_num}: {error}") from None


def _check_head(head: list[str]) -> None:
    unknown = [name for name in head if name not in COLUMNS]
    if unknown or "subject" not in head or len(set(head)) != len(head):
        raise InvalidArgumentError.of(
            "csv", f"line 1: want the names of the columns: subject, and of {', '.join(COLUMNS)} those that follow, each once"
        )


def _lines(head: list[str], reader: Iterator[list[str]]) -> Iterator[UserRow]:
    line = 2
    for cells in reader:
        if cells:
            yield _row(line, head, cells)
        line = reader.line_num + 1  # type: ignore[attr-defined] # of csv's reader: a cell may hold line breaks


def _row(line: int, head: list[str], cells: list[str]) -> UserRow:
    if len(cells) != len(head):
        raise InvalidArgumentError.of("csv", f"line {line}: has {len(cells)} values; want {len(head)}, as line 1 has")
    row = {name: cell.strip() for name, cell in zip(head, cells, strict=True)}
    groups = tuple(group.strip() for group in row.pop("groups", "").split(";") if group.strip())
    return UserRow(f"csv[line {line}]", groups=groups, **row)
