"""What texts for people may hold. Control characters would forge lines in logs and terminals; PostgreSQL refuses some."""

from __future__ import annotations

import unicodedata

from maas_common.errors import InvalidArgumentError

_CONTROLS = {"Cc", "Zl", "Zp"}


def check_line(field: str, text: str, *, allowed: str = "") -> None:
    """No control characters but those allowed; InvalidArgumentError otherwise."""
    if any(unicodedata.category(character) in _CONTROLS and character not in allowed for character in text):
        raise InvalidArgumentError.of(field, "has control characters; leave them out")


def check_texts(*, display_name: str, description: str) -> None:
    """A line and a text of lines."""
    check_line("display_name", display_name)
    check_line("description", description, allowed="\t\r\n")
