"""What one counter remembers, and what follows from it, worked out the long way: nothing is summed up, cut off or thrown away."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil, floor

from maas_ratelimit.core.plans import PlannedLimit

NEVER = float("inf")
MOST_LEVEL = 2**53


@dataclass
class Entry:
    """What one request took, or used."""

    at_ms: int
    end: int
    """Of the window it was counted in."""
    used: int
    reserved: int


@dataclass
class Ledger:
    """One counter of one subject."""

    entries: list[Entry] = field(default_factory=list)
    level: Fraction = Fraction(0)
    """GCRA: requests or tokens that have not drained yet, at `level_ms`."""
    level_ms: int = 0
    told: dict[int, int] = field(default_factory=dict)
    """The highest threshold told, by the window's end."""

    def rest(self, limit: PlannedLimit, now_ms: int) -> int:
        """What is left."""
        if limit.kind == "gcra":
            return floor(limit.capacity - self.level_at(limit, now_ms))
        used, reserved = self.seen(limit, now_ms)
        return limit.amount - used - reserved - self._counted(limit, now_ms)

    def seen(self, limit: PlannedLimit, now_ms: int) -> tuple[int, int]:
        """Used and reserved; of a sliding window in its newer bucket."""
        if limit.kind == "gcra":
            return ceil(self.level_at(limit, now_ms)), 0
        entries = self._current(limit, now_ms)
        return min(sum(entry.used for entry in entries), MOST_LEVEL), sum(entry.reserved for entry in entries)

    def take(self, limit: PlannedLimit, amount: int, now_ms: int) -> Entry:
        """Something was admitted."""
        if limit.kind == "gcra":
            self._fill(limit, amount, now_ms)
        entry = Entry(now_ms, _bounds(limit, now_ms)[1], *((amount, 0) if limit.is_firm else (0, amount)))
        self.entries.append(entry)
        return entry

    def settle(self, limit: PlannedLimit, entry: Entry, change: int, used: int, now_ms: int) -> None:
        """`used` is what this request has used now, `change` by how much that is more than it took."""
        if limit.kind == "gcra":
            self._fill(limit, change, now_ms)
        entry.used, entry.reserved = max(0, entry.used + change) if limit.is_firm else used, 0

    def charge(self, limit: PlannedLimit, used: int, now_ms: int) -> None:
        """Something was used without asking."""
        if limit.kind == "gcra":
            self._fill(limit, used, now_ms)
        self.entries.append(Entry(now_ms, _bounds(limit, now_ms)[1], used, 0))

    def forget(self) -> None:
        """Nothing was used."""
        self.level = Fraction(0)
        for entry in self.entries:
            entry.used = 0

    def reset(self, limit: PlannedLimit, now_ms: int) -> int:
        """The first second at which all is whole again."""
        if limit.kind == "held":
            return 0
        end = _bounds(limit, now_ms)[1]
        if limit.kind == "bucket":
            return end
        if limit.kind == "sliding":
            return end + limit.window_s if self.seen(limit, now_ms) != (0, 0) else end
        if limit.kind == "log":
            newest = max((entry.at_ms for entry in self._current(limit, now_ms) if entry.used + entry.reserved), default=None)
            return ceil(Fraction(now_ms if newest is None else newest + limit.window_s * 1000, 1000))
        drained = now_ms + ceil(self.level_at(limit, now_ms) * limit.window_s * 1000 / limit.amount)
        return ceil(Fraction(drained, 1000))

    def retry_ms(self, limit: PlannedLimit, take: int, now_ms: int) -> float:
        """When so much would fit if nothing else came; NEVER when it can't be known."""
        if limit.kind == "held":
            return NEVER
        end_ms, length_ms = _bounds(limit, now_ms)[1] * 1000, limit.window_s * 1000
        if limit.kind == "bucket":
            return end_ms
        if limit.kind == "gcra":
            return now_ms + ceil((self.level_at(limit, now_ms) + take - limit.capacity) * length_ms / limit.amount)
        if limit.kind == "log":
            moments = sorted(entry.at_ms + length_ms for entry in self._current(limit, now_ms))
            return next((moment for moment in moments if self.rest(limit, moment) >= take), NEVER)
        shares = range(1000, -1, -1)
        newer = sum(self.seen(limit, now_ms))
        older = sum(entry.used + entry.reserved for entry in self.entries if entry.end * 1000 == end_ms - length_ms)
        for bucket_end, holds, before in ((end_ms, newer, older), (end_ms + length_ms, 0, newer)):
            for share in shares:
                if limit.amount - holds - _counted(before, share) >= take:
                    return bucket_end - share * length_ms // 1000
        return NEVER

    def level_at(self, limit: PlannedLimit, now_ms: int) -> Fraction:
        """What has not drained yet: the amount drains every window."""
        return max(Fraction(0), self.level - Fraction(limit.amount * (now_ms - self.level_ms), limit.window_s * 1000))

    def _fill(self, limit: PlannedLimit, amount: int, now_ms: int) -> None:
        level = max(Fraction(0), self.level_at(limit, now_ms) + amount)
        self.level, self.level_ms = min(level, Fraction(MOST_LEVEL, limit.window_s * 1000)), now_ms

    def _current(self, limit: PlannedLimit, now_ms: int) -> list[Entry]:
        if limit.kind == "held":
            return self.entries
        if limit.kind == "log":
            return [entry for entry in self.entries if entry.at_ms > now_ms - limit.window_s * 1000]
        return [entry for entry in self.entries if entry.end == _bounds(limit, now_ms)[1]]

    def _counted(self, limit: PlannedLimit, now_ms: int) -> int:
        """What the older bucket of a sliding window counts for."""
        if limit.kind != "sliding":
            return 0
        start, end = _bounds(limit, now_ms)
        older = sum(entry.used + entry.reserved for entry in self.entries if entry.end == start)
        return _counted(older, ceil(Fraction(1000 * (end * 1000 - now_ms), limit.window_s * 1000)))


def _counted(older: int, share: int) -> int:
    return older // 1000 * share + ceil(Fraction(older % 1000 * share, 1000))


def _bounds(limit: PlannedLimit, now_ms: int) -> tuple[int, int]:
    return limit.window.bounds(now_ms // 1000)
