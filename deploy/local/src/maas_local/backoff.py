"""How long to wait before a process that died is started again."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Backoff:
    """Doubles with each death in a row, from `first_s` to `longest_s`; a life of `forgive_after_s` or more starts afresh."""

    first_s: float = 0.5
    longest_s: float = 10.0
    forgive_after_s: float = 30.0
    _deaths: int = field(default=0, init=False)

    def next_delay(self, lived_s: float) -> float:
        """Seconds to wait after a life of that many seconds."""
        if lived_s >= self.forgive_after_s:
            self._deaths = 0
        self._deaths += 1
        # The exponent is bounded because 2.0 ** 1024 is an error.
        return min(self.longest_s, self.first_s * 2.0 ** min(self._deaths - 1, 32))
