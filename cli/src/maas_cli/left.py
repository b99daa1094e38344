"""What is left of a caller's limits, from an answer's headers (OpenAI's x-ratelimit-* family)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

_COUNTED = ("requests", "tokens")


@dataclass(frozen=True, slots=True)
class Left:
    """What is left of one kind, and when it is whole again: both as the server said it, `reset` may be empty."""

    kind: str
    remaining: str
    reset: str

    def __str__(self) -> str:
        """`requests 18 (reset in 42s)`."""
        count = f"{int(self.remaining):,}" if self.remaining.isdecimal() else self.remaining
        return f"{self.kind} {count}" + (f" (reset in {self.reset})" if self.reset else "")


def left_in(headers: Mapping[str, str]) -> list[Left]:
    """Requests and tokens left, as far as there are limits on them. A reset that is a bare number is in seconds."""
    left = []
    for kind in _COUNTED:
        remaining = headers.get(f"x-ratelimit-remaining-{kind}", "")
        reset = headers.get(f"x-ratelimit-reset-{kind}", "")
        if remaining:
            left.append(Left(kind, remaining, f"{reset}s" if reset.isdecimal() else reset))
    return left
