"""The log of changes as the watchers of this process follow it, and as its writers wait for them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import structlog
from maas_common.errors import UnavailableError
from maas_common.readiness import Readiness
from maas_common.watch import Enforced, Watcher, WatchHub

from maas_keys.core.changes import Changes
from maas_keys.ports import KeyStore
from maas_keys.servicers.metrics import REVISION, UNCONFIRMED, WATCHERS

log = structlog.get_logger(__name__)

DATABASE = "database"
"""The readiness condition that the feed keeps."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How long a change waits to be confirmed, how often watchers hear something, how often the database is asked."""

    enforcement_wait_s: float
    heartbeat_s: float
    poll_s: float


class ChangeFeed:
    """Joins the store's log to those connected. Of a log that is shared with replicas, each tells its own watchers."""

    def __init__(self, store: KeyStore, hub: WatchHub, readiness: Readiness, pace: Pace) -> None:
        """Know nothing until `follow` runs."""
        self._store = store
        self._hub = hub
        self._readiness = readiness
        self._pace = pace
        self._database_answers = True

    @property
    def revision(self) -> int:
        """The newest revision known here."""
        return self._hub.revision

    async def follow(self) -> None:
        """Take up what other replicas write, and whether the database answers, until cancelled."""
        while True:
            await self._poll()
            await asyncio.sleep(self._pace.poll_s)

    async def _poll(self) -> None:
        try:
            self._publish(await self._store.revision())
        except UnavailableError as error:
            if self._database_answers:
                log.warning("database does not answer", error=str(error.__cause__))
            self._database_answers = False
        else:
            self._database_answers = True
        self._readiness.set(DATABASE, met=self._database_answers)

    async def enforced(self, revision: int) -> Enforced:
        """Tell of a change that was written; return when every watcher has confirmed it, or with those that have not in time."""
        self._publish(revision)
        result = await self._hub.enforced(revision, self._pace.enforcement_wait_s)
        if not result.enforced:
            UNCONFIRMED.inc()
            log.warning("change not confirmed in time", revision=revision, lagging=result.lagging)
        return result

    @contextmanager
    def join(self, name: str) -> Iterator[Watcher]:
        """Be a watcher inside the block."""
        with self._hub.join(name) as watcher:
            WATCHERS.inc()
            log.info("watcher connected", watcher=name)
            try:
                yield watcher
            finally:
                WATCHERS.dec()
                log.info("watcher gone", watcher=name)

    async def first(self, resume_after: int) -> Changes:
        """What a watcher that knows everything up to `resume_after` has missed; a reset for one that knows nothing."""
        return await self._store.changes(resume_after) if resume_after else Changes(await self._store.revision(), None)

    async def next(self, watcher: Watcher, after: int) -> Changes:
        """What comes after that revision, at the latest with the next heartbeat.

        A heartbeat reads the log too: one sent without would vouch for what another replica may have changed.
        """
        await watcher.beyond(after, self._pace.heartbeat_s)
        return await self._store.changes(after)

    def _publish(self, revision: int) -> None:
        self._hub.publish(revision)
        REVISION.set(self._hub.revision)
