"""What names and texts of keys, teams and people may hold."""

from __future__ import annotations

import re
import unicodedata

from maas_common.errors import InvalidArgumentError
from maas_common.text import has_controls, shows_nothing

NAME_LENGTH = 128
_SLUG_LENGTH = 63


def check_name(field: str, text: str) -> None:
    """One line of 1-128 characters that shows something; InvalidArgumentError otherwise."""
    if shows_nothing(text):
        raise InvalidArgumentError.of(field, f"is blank; want 1-{NAME_LENGTH} characters")
    if len(text) > NAME_LENGTH:
        raise InvalidArgumentError.of(field, f"has {len(text)} characters; want at most {NAME_LENGTH}")
    check_line(field, text)


def check_line(field: str, text: str, *, allowed: str = "") -> None:
    """No control characters but those allowed; InvalidArgumentError otherwise."""
    if has_controls(text, allowed):
        raise InvalidArgumentError.of(field, "has control characters; leave them out")


def slug(field: str, text: str) -> str:
    """`Data Science` → `data-science`, at most 63 characters; InvalidArgumentError when nothing of it can be in an id."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    made = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:_SLUG_LENGTH].rstrip("-")
    if not made:
        raise InvalidArgumentError.of(field, f'can\'t be made from "{text}": no letter a-z or digit is in it; give one')
    return made
