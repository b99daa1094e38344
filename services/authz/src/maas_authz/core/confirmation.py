"""How current something that is followed is."""

from __future__ import annotations


class Confirmation:
    """The last revision applied, and when the other side last confirmed that there is none newer.

    Written by one thread, read by any: each field is one assignment.
    """

    __slots__ = ("at", "revision", "stale_after_s")

    def __init__(self, stale_after_s: float) -> None:
        """Confirmed never."""
        self.revision = 0
        self.at = float("-inf")
        self.stale_after_s = stale_after_s

    def confirm(self, revision: int, now: float) -> None:
        """What is known is current to that revision, as of now."""
        self.revision = revision
        self.at = now

    def is_fresh(self, now: float) -> bool:
        """Whether it may still be relied on."""
        return now - self.at <= self.stale_after_s
