"""Who follows a log of changes, and how far each has confirmed it: the ground of acknowledged enforcement.

A write is enforced when every watcher has confirmed its revision: everyone connected, and everyone who may still decide by
what it knew before its connection broke. One event loop; no locks.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

NOT_BACK = "watchers from before the start"
_CANCELLED_WITHIN_S = 0.1


@dataclass(frozen=True, slots=True)
class Enforced:
    """How far a revision has reached."""

    revision: int
    lagging: tuple[str, ...]

    @property
    def enforced(self) -> bool:
        """Whether the next request obeys it."""
        return not self.lagging


@dataclass(slots=True, eq=False)
class Watcher:
    """One connected stream."""

    name: str
    hub: WatchHub
    acked: int = 0
    wanted: asyncio.Event = field(default_factory=asyncio.Event)
    has_left: bool = False

    async def farewell(self) -> None:
        """The watcher ended its stream by itself: it decides nothing any more, so nobody need wait for it.

        A connection that broke ends the requests too; what handles it is cancelled, but only a moment later: here, if it was that.
        """
        await asyncio.sleep(_CANCELLED_WITHIN_S)
        self.has_left = True

    def ack(self, revision: int) -> None:
        """The watcher decides by this revision and all before it."""
        if revision > self.acked:
            self.acked = revision
            self.hub.wake()

    async def beyond(self, revision: int, within_s: float) -> int:
        """The newest revision, as soon as it is past `revision`, else after `within_s` as it is then."""
        if self.hub.revision <= revision:
            self.wanted.clear()
            try:
                async with asyncio.timeout(within_s):
                    await self.wanted.wait()
            except TimeoutError:
                pass
        return self.hub.revision


class WatchHub:
    """The newest revision and everybody who follows it."""

    def __init__(
        self, revision: int = 0, *, settle_s: float = 0.0, remember_s: float = 0.0, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """Start at the log's revision.

        `settle_s`: for so long after the start watchers of the process before may not have come back; nothing is claimed to
        be enforced. `remember_s`: for so long a watcher whose connection broke may go on deciding by what it knew.
        """
        self.revision = revision
        self._watchers: set[Watcher] = set()
        self._progress = asyncio.Event()
        self._remember_s = remember_s
        self._monotonic = monotonic
        self._missing = {NOT_BACK: monotonic() + settle_s} if settle_s else {}

    @property
    def watchers(self) -> tuple[Watcher, ...]:
        """Those connected, by name."""
        return tuple(sorted(self._watchers, key=lambda w: w.name))

    @property
    def missing(self) -> dict[str, float]:
        """Those who are not connected and may still decide by what they knew, by name: for how many seconds."""
        now = self._monotonic()
        self._missing = {name: until for name, until in self._missing.items() if until > now}
        return {name: until - now for name, until in self._missing.items()}

    @property
    def progress(self) -> asyncio.Event:
        """Set when the next watcher comes, confirms or goes. To be taken before looking who lags."""
        return self._progress

    def miss(self, names: Mapping[str, float]) -> None:
        """Wait for watchers that were connected elsewhere, each for so many seconds, unless they are here."""
        here, now = {w.name for w in self._watchers}, self._monotonic()
        for name in names.keys() - here:
            self._missing[name] = max(self._missing.get(name, 0.0), now + names[name])
        self.wake()

    def found(self, names: Iterable[str]) -> None:
        """Wait no longer for watchers that are connected elsewhere."""
        if gone := self._missing.keys() & set(names):
            self._missing = {name: until for name, until in self._missing.items() if name not in gone}
            self.wake()

    def publish(self, revision: int) -> None:
        """Tell everybody that the log has grown to `revision`, if that is news."""
        if revision > self.revision:
            self.revision = revision
            for watcher in self._watchers:
                watcher.wanted.set()

    @contextmanager
    def join(self, name: str) -> Iterator[Watcher]:
        """Be a watcher inside the block. It counts as lagging until it confirms."""
        watcher = Watcher(name, self)
        self._watchers.add(watcher)
        self._missing.pop(name, None)
        self.wake()
        try:
            yield watcher
        finally:
            self._watchers.discard(watcher)
            if self._remember_s and not watcher.has_left and all(w.name != name for w in self._watchers):
                self._missing[name] = self._monotonic() + self._remember_s
            self.wake()

    async def enforced(self, revision: int, within_s: float) -> Enforced:
        """Wait until everybody connected has confirmed `revision`, at most `within_s`; then who has not."""
        try:
            async with asyncio.timeout(within_s):
                while lagging := self._lagging(revision):
                    await self._progress.wait()
        except TimeoutError:
            lagging = self._lagging(revision)
        return Enforced(revision, lagging)

    def wake(self) -> None:
        """Have waiting writers look again."""
        progress, self._progress = self._progress, asyncio.Event()
        progress.set()

    def _lagging(self, revision: int) -> tuple[str, ...]:
        return (*(w.name for w in self.watchers if w.acked < revision), *(f"{name} (not connected)" for name in sorted(self.missing)))
