"""The id of an API key, in whatever somebody pastes."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from maas_cli.errors import UsageError

_ID_MAX = 64
_KEY = re.compile(r"(?:.*[-_])?(?P<id>[0-9A-Za-z]{12})(?:_[0-9A-Za-z]{49})?")

KeyId = Annotated[str, typer.Argument(metavar="ID", help="The key's id, or what `maas keys show` says it begins with.")]


def key_id(text: str) -> str:
    """The id in an id, in what a key begins with, or in a whole key pasted by mistake: a secret is never sent in a URL."""
    if match := _KEY.fullmatch(text):
        return match["id"]
    if len(text) > _ID_MAX or "_" in text:
        raise UsageError("that is no key's id: want its 12 letters and digits, as `maas keys list` shows them")
    return text
