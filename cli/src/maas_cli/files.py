"""What a command reads: a file, or standard input for `-`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from maas_cli.errors import UsageError

STANDARD_INPUT = "-"

File = Annotated[Path, typer.Argument(metavar="FILE", help="The file to read; - for standard input.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Check everything, and keep nothing.")]


def text_in(file: Path) -> str:
    """The whole text; UsageError when it can't be read."""
    try:
        if str(file) == STANDARD_INPUT:
            return sys.stdin.read()
        return file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} can't be read: {error}") from None


def looks_like_json(text: str) -> bool:
    """Whether it begins as a JSON list or object does."""
    return text.lstrip()[:1] in {"[", "{"}


def objects_in(file: Path, text: str, field: str) -> list[dict[str, Any]]:
    """The objects of a JSON list, or of the list under `field`; UsageError for anything else, and for none."""
    try:
        document = json.loads(text)
    except ValueError as error:
        raise UsageError(f"{file}: no JSON: {error}") from None
    objects = document.get(field) if isinstance(document, dict) else document
    if not isinstance(objects, list) or not objects or not all(isinstance(each, dict) for each in objects):
        raise UsageError(f'{file}: want a list of objects, or {{"{field}": [...]}}, with at least one')
    return objects
