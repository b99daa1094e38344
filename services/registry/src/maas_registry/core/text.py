"""What texts for people may hold."""

from __future__ import annotations

from maas_common.errors import InvalidArgumentError
from maas_common.text import has_controls


def check_line(field: str, text: str, *, allowed: str = "") -> None:
    """No control characters but those allowed; InvalidArgumentError otherwise."""
    if has_controls(text, allowed):
        raise InvalidArgumentError.of(field, "has control characters; leave them out")


def check_texts(*, display_name: str, description: str) -> None:
    """A line and a text of lines."""
    check_line("display_name", display_name)
    check_line("description", description, allowed="\t\r\n")
