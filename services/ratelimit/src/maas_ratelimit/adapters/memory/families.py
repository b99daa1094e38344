"""Counters of one limit in one tenant, by subject, and when they leave."""

from __future__ import annotations

from collections import deque
from heapq import heappop, heappush
from typing import cast

from maas_common.windows import Window

from maas_ratelimit.adapters.memory.counters import NEVER, AnyCounter, Counter, SlidingCounter
from maas_ratelimit.adapters.memory.gcra import GcraCounter
from maas_ratelimit.adapters.memory.log import LogCounter

_LONG_S = 3600
_LOOK_AGAIN_S = 60
"""After so long a counter without an end is looked at: whether it has become idle."""


class Family:
    """The counters of the current window; of a sliding one also those of the bucket before."""

    __slots__ = ("counters", "end", "is_long", "name", "older", "tenant", "window", "window_s")

    def __init__(self, name: str, tenant: str, window: Window) -> None:
        self.name = name
        self.tenant = tenant
        self.window = window
        self.window_s = window.length_s
        self.is_long = window.length_s >= _LONG_S
        self.end = NEVER
        self.counters: dict[str, AnyCounter] = {}
        self.older: dict[str, AnyCounter] = {}

    def fresh(self, subject: str) -> AnyCounter:
        """A counter that is not kept yet."""
        kind = self.window.kind
        if kind == "sliding":
            older = self.older.get(subject)
            return SlidingCounter(self, subject, older if isinstance(older, Counter) else None)
        if kind == "gcra":
            return GcraCounter(self, subject)
        return LogCounter(self, subject) if kind == "log" else Counter(self, subject)

    def look(self, subject: str) -> AnyCounter:
        """The subject's counter, to be looked at: one that is not kept if there is none."""
        return self.counters.get(subject) or self.fresh(subject)

    def roll(self, now: float) -> list[dict[str, AnyCounter]]:
        """Begin the window that `now` lies in; what is over."""
        start, end = self.window.bounds(now)
        over, self.counters = self.counters, {}
        if self.window.kind == "sliding":
            over, self.older = self.older, over
            if self.end != start:
                over_too, self.older = self.older, {}
                self.end = end
                return [over, over_too]
        self.end = end
        return [over]


class Families:
    """Every family, what is over in slices, and counters without an end that may have become idle."""

    def __init__(self) -> None:
        self.live = 0
        """Counters held, those that are over but have not left yet among them."""
        self._all: dict[tuple[str, str], Family] = {}
        self._over: deque[dict[str, AnyCounter]] = deque()
        self._ending: list[tuple[int, int, Family]] = []
        self._due: dict[int, list[AnyCounter]] = {}
        self._due_seconds: list[int] = []
        self.has_forgotten = False
        """Set when a family has left: whoever remembers families has to ask for them again."""
        self.gone: list[tuple[str, str, str, int]] = []
        """Of long windows without an end: name, tenant, subject and end of counters that have left, for whoever keeps them elsewhere."""

    def all(self) -> list[Family]:
        """Every family."""
        return list(self._all.values())

    def get(self, name: str, tenant: str, window: Window, now: float) -> Family:
        """The family, in the window that `now` lies in."""
        family = self._all.get((name, tenant))
        if family is None:
            family = self._all[name, tenant] = Family(name, tenant, window)
        if family.end <= now and window.kind in {"bucket", "sliding"}:
            self.roll(family, now)
        return family

    def roll(self, family: Family, now: float) -> None:
        """Begin the family's current window."""
        self._over.extend(filter(None, family.roll(now)))
        heappush(self._ending, (family.end, id(family), family))

    def keep(self, counter: AnyCounter, now: float) -> None:
        """A counter from `Family.fresh` stays, and its family with it."""
        family = cast(Family, counter.family)
        family.counters[counter.subject] = counter
        self._all.setdefault((family.name, family.tenant), family)
        self.live += 1
        if counter.end == NEVER:
            self._look_again(counter, now)

    def drop_ended(self, now: float, at_most: int) -> bool:
        """Let go what is over, a few at a time; whether there is more."""
        while self._ending and self._ending[0][0] <= now:
            _, _, family = heappop(self._ending)
            if family.end > now:
                continue
            if family.counters or family.older:
                self.roll(family, now)
            elif self._all.get((family.name, family.tenant)) is family:  # it is in there once for each window that it began
                del self._all[family.name, family.tenant]
                self.has_forgotten = True
        return self.drop_over(at_most) or self._drop_idle(now, at_most)

    def drop_over(self, at_most: int) -> bool:
        """The same of windows that are over alone: nobody who counts now holds any of these."""
        while self._over:
            counters = self._over[0]
            while counters:
                if not at_most:
                    return True
                at_most -= 1
                _, counter = counters.popitem()
                self.live -= 1
                self._note_gone(counter)
            self._over.popleft()
        return False

    def _drop_idle(self, now: float, at_most: int) -> bool:
        while self._due_seconds and self._due_seconds[0] <= now:
            counters = self._due[self._due_seconds[0]]
            while counters:
                if not at_most:
                    return True
                at_most -= 1
                counter = counters.pop()
                if counter.is_idle(int(now * 1000)):
                    family = counter.family
                    family.counters.pop(counter.subject, None)
                    self.live -= 1
                    self._note_gone(counter)
                    if not family.counters:
                        self._all.pop((family.name, family.tenant), None)
                        self.has_forgotten = True
                else:
                    self._look_again(counter, now)
            del self._due[heappop(self._due_seconds)]
        return False

    def _look_again(self, counter: AnyCounter, now: float) -> None:
        second = int(now) + max(1, counter.family.window_s or _LOOK_AGAIN_S)
        due = self._due.get(second)
        if due is None:
            due = self._due[second] = []
            heappush(self._due_seconds, second)
        due.append(counter)

    def _note_gone(self, counter: AnyCounter) -> None:
        if counter.end == NEVER and counter.family.is_long:
            self.gone.append((counter.family.name, counter.family.tenant, counter.subject, counter.end))
