"""How long a key lives, as people write it: `30d`, `12h`, `90m`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from maas_common.errors import InvalidArgumentError

_FORM = re.compile(r"([1-9][0-9]{0,7})([smhd])")
_UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True, slots=True)
class Lifetime:
    """`seconds` from creation to expiry; `text` is how it was written."""

    text: str
    seconds: int

    @classmethod
    def parse(cls, text: str) -> Lifetime:
        """Read `<n>s|m|h|d`; ValueError says what is wrong."""
        match = _FORM.fullmatch(text)
        if not match:
            raise ValueError("want a whole number from 1 and one of s, m, h, d, like 30d, 12h or 90m")
        return cls(text, int(match[1]) * _UNIT_S[match[2]])


def lifetime(expires_in: str, *, default: Lifetime, longest: Lifetime) -> Lifetime:
    """What a new key gets; InvalidArgumentError when the text is malformed or past the longest allowed."""
    if not expires_in:
        return default
    try:
        asked = Lifetime.parse(expires_in)
    except ValueError as error:
        raise InvalidArgumentError.of("expires_in", str(error)) from None
    if asked.seconds > longest.seconds:
        raise InvalidArgumentError.of("expires_in", f"{asked.text} is longer than a key may live here; at most {longest.text}")
    return asked
