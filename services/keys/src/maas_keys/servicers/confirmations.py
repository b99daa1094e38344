"""How far changes have reached: who follows this process and its replicas, and what each of them has confirmed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import structlog
from maas_common.errors import UnavailableError
from maas_common.watch import NOT_BACK, Enforced, WatchHub

from maas_keys.core.replica import Followers, lagging
from maas_keys.ports import Replicas

log = structlog.get_logger(__name__)

_LOST_AFTER_HEARTBEATS = 5
_ANSWERS_WITHIN_S = 1.0
_NOT_ASKED = "watchers of other replicas (the database does not answer)"


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a change waits to be confirmed, and looks again meanwhile; how often replicas speak; how long a watcher is missed."""

    enforcement_wait_s: float
    poll_s: float
    replica_heartbeat_s: float
    remember_s: float


class Confirmations:
    """Waits for everybody who follows the log, here and at other replicas."""

    def __init__(self, hub: WatchHub, replicas: Replicas, patience: Patience) -> None:
        """The others hear of this replica once `run` runs."""
        self._hub = hub
        self._replicas = replicas
        self._patience = patience
        self._speaking = asyncio.Lock()
        self._said: object = None

    async def enforced(self, revision: int) -> Enforced:
        """Return when every watcher has confirmed that revision, or with those that have not in time."""
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + self._patience.enforcement_wait_s
        while True:
            progress, left_s = self._hub.progress, ends_at - loop.time()
            if left_s <= 0 or not lagging(revision, self._here(), ()):
                behind = await self._lagging(revision)
                if left_s <= 0 or not behind:
                    return Enforced(revision, behind)
            await _either(progress, min(left_s, self._patience.poll_s))

    async def run(self) -> None:
        """Tell the other replicas who follows this one, and take over those that are lost, until cancelled."""
        loop, speaks_at = asyncio.get_running_loop(), 0.0
        try:
            while True:
                progress = self._hub.progress
                if is_due := loop.time() >= speaks_at:
                    speaks_at = loop.time() + self._patience.replica_heartbeat_s
                await self._listen_and_tell(is_due=is_due)
                await _either(progress, speaks_at - loop.time())
        finally:
            with suppress(UnavailableError):
                await self._speak(self._replicas.leave)

    async def joined(self) -> None:
        """Tell of a new watcher: what is written after this waits for it wherever that happens."""
        await asyncio.shield(self._speak(self._replicas.tell))

    async def _listen_and_tell(self, *, is_due: bool) -> None:
        with suppress(UnavailableError):  # the feed's poll says so in the log
            others = await self._replicas.others()
            lost_after_s = _LOST_AFTER_HEARTBEATS * self._patience.replica_heartbeat_s
            lost = [other for other in others if other.age_s > lost_after_s]
            self._hub.found(name for other in others if other not in lost for name in other.followers.connected)
            for other in lost:
                log.warning("replica lost", replica=other.name, watchers=sorted(other.followers.connected))
                self._hub.miss(other.left_behind(self._patience.remember_s))
                await asyncio.shield(self._speak(partial(self._replicas.take_over, other)))
            if is_due or (others and self._said != _gist(self._here())):
                await asyncio.shield(self._speak(self._replicas.tell))

    async def _speak(self, say: Callable[[Followers], Awaitable[None]]) -> None:
        """One at a time, and to its end: what is older must not come later."""
        async with self._speaking:
            here = self._here()
            # Who followed the process before this one, the others were told by that one.
            await say(Followers(here.connected, {name: for_s for name, for_s in here.missing.items() if name != NOT_BACK}))
            self._said = _gist(here)

    async def _lagging(self, revision: int) -> tuple[str, ...]:
        """Who lags here before or after the others are asked: a watcher that moves meanwhile is not overlooked."""
        before = self._here()
        try:
            async with asyncio.timeout(self._patience.enforcement_wait_s + _ANSWERS_WITHIN_S):
                others = await self._replicas.others()
        except (UnavailableError, TimeoutError):
            return (*lagging(revision, before, ()), _NOT_ASKED)
        return lagging(revision, before, others) or lagging(revision, self._here(), others)

    def _here(self) -> Followers:
        connected: dict[str, int] = {}
        for watcher in self._hub.watchers:
            connected[watcher.name] = min(watcher.acked, connected.get(watcher.name, watcher.acked))
        return Followers(connected, self._hub.missing)


def _gist(followers: Followers) -> object:
    """What is worth telling of."""
    return dict(followers.connected), set(followers.missing)


async def _either(event: asyncio.Event, within_s: float) -> None:
    """Wait for the event, or for so long."""
    with suppress(TimeoutError):
        async with asyncio.timeout(within_s):
            await event.wait()
