"""What texts given by people may hold."""

from __future__ import annotations

import unicodedata

_CONTROLS = {"Cc", "Zl", "Zp"}
"""They would forge lines in logs and terminals, and PostgreSQL refuses some."""
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""They turn what stands after them around: a name would read as another."""
_UNSEEN = {"Cf", "Zs", "Mn", "Me"}


def has_controls(text: str, allowed: str = "") -> bool:
    """Whether there is a control character in it, or one that turns text around, other than those allowed."""
    return any((unicodedata.category(c) in _CONTROLS or c in _TURNING) and c not in allowed for c in text)


def shows_nothing(text: str) -> bool:
    """Whether nobody would see that there is a text."""
    return all(c.isspace() or unicodedata.category(c) in _UNSEEN for c in text)
