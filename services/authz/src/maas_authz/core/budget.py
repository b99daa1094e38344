"""A token bucket: so many now, and so many a second."""

from __future__ import annotations


class TokenBucket:
    """Full at first. Time is the caller's; not for several threads at once."""

    __slots__ = ("_at", "_burst", "_level", "_per_s")

    def __init__(self, *, burst: int, per_s: float) -> None:
        """At most `burst` at once, refilled at `per_s`."""
        self._burst = float(burst)
        self._per_s = per_s
        self._level = self._burst
        self._at = 0.0

    def take(self, now: float) -> bool:
        """Take one, if there is one."""
        self._level = min(self._burst, self._level + max(0.0, now - self._at) * self._per_s)
        self._at = now
        if self._level < 1:
            return False
        self._level -= 1
        return True

    def give_back(self) -> None:
        """Undo one taking."""
        self._level = min(self._burst, self._level + 1)
