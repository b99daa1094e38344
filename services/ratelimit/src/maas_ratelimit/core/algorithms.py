"""The arithmetic of windows that are more than a bucket. Whole numbers only, so that every store gets the same. Times in milliseconds."""

from __future__ import annotations

SHARES = 1000
"""A sliding window's older bucket is counted in thousandths: what is miscounted by that is at most one thousandth of it."""
MAX_LEVEL = 2**53
"""What is used, and a GCRA level, stop there: up to it doubles count exactly."""


def share_inside(end_ms: int, now_ms: int, length_ms: int) -> int:
    """How many thousandths of the older bucket are still inside a sliding window, rounded up; `end_ms` is the newer bucket's."""
    return -(-SHARES * (end_ms - now_ms) // length_ms)


def counted(previous: int, share: int) -> int:
    """What the older bucket counts for, rounded up. Never multiplies large numbers: exact in doubles too."""
    return previous // SHARES * share - (-(previous % SHARES * share) // SHARES)


def sliding_retry_ms(  # noqa: PLR0913 - as many as there are things to know
    *, take: int, amount: int, newer: int, older: int, end_ms: int, length_ms: int
) -> int:
    """When `take` fits, at most `amount`, into a sliding window that holds `newer` and `older`, if nothing else comes."""
    room = amount - newer - take
    if room >= 0:
        return end_ms - _largest_share(older, room) * length_ms // SHARES
    return end_ms + length_ms - _largest_share(newer, amount - take) * length_ms // SHARES


def _largest_share(previous: int, room: int) -> int:
    low, high = 0, SHARES
    while low < high:
        middle = (low + high + 1) // 2
        if counted(previous, middle) <= room:
            low = middle
        else:
            high = middle - 1
    return low


def drained(level: int, amount: int, elapsed_ms: int) -> int:
    """A GCRA level after so long."""
    return max(0, level - amount * elapsed_ms)


def gcra_retry_ms(  # noqa: PLR0913 - as above
    *, take: int, burst: int, amount: int, level: int, now_ms: int, length_ms: int
) -> int:
    """When `take` fits, at most `burst`, if nothing else comes."""
    return now_ms - (-(level + (take - burst) * length_ms) // amount)
