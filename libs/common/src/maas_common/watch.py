"""Who follows a log of changes, and how far each has confirmed it: the ground of acknowledged enforcement.

A write is enforced when every connected watcher has confirmed its revision. One event loop; no locks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


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

    def ack(self, revision: int) -> None:
        """The watcher decides by this revision and all before it."""
        self.acked = max(self.acked, revision)
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

    def __init__(self, revision: int = 0) -> None:
        """Start at the log's revision."""
        self.revision = revision
        self._watchers: set[Watcher] = set()
        self._progress = asyncio.Event()

    @property
    def watchers(self) -> tuple[Watcher, ...]:
        """Those connected, by name."""
        return tuple(sorted(self._watchers, key=lambda w: w.name))

    def publish(self, revision: int) -> None:
        """Tell everybody that the log has grown to `revision`."""
        self.revision = max(self.revision, revision)
        for watcher in self._watchers:
            watcher.wanted.set()

    @contextmanager
    def join(self, name: str) -> Iterator[Watcher]:
        """Be a watcher inside the block. It counts as lagging until it confirms."""
        watcher = Watcher(name, self)
        self._watchers.add(watcher)
        try:
            yield watcher
        finally:
            self._watchers.discard(watcher)
            self.wake()

    async def enforced(self, revision: int, within_s: float) -> Enforced:
        """Wait until everybody connected has confirmed `revision`, at most `within_s`; then who has not."""
        try:
            async with asyncio.timeout(within_s):
                while lagging := self._lagging(revision):
                    self._progress.clear()
                    await self._progress.wait()
        except TimeoutError:
            lagging = self._lagging(revision)
        return Enforced(revision, lagging)

    def wake(self) -> None:
        """Have waiting writers look again."""
        self._progress.set()

    def _lagging(self, revision: int) -> tuple[str, ...]:
        return tuple(w.name for w in self.watchers if w.acked < revision)
