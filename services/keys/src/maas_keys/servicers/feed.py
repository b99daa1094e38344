"""The log of changes as the watchers of this process follow it, and as its writers wait for them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import structlog
from maas_common.errors import UnavailableError
from maas_common.readiness import Readiness
from maas_common.watch import Enforced, Watcher, WatchHub

from maas_keys.core.changes import Changes
from maas_keys.ports import ChangeLog
from maas_keys.servicers.confirmations import Confirmations
from maas_keys.servicers.metrics import REVISION, UNCONFIRMED, WATCHERS

log = structlog.get_logger(__name__)

DATABASE = "database"
"""The readiness condition that the feed keeps."""


class ChangeFeed:
    """Joins the log to those connected. Of a log that is shared with replicas, each tells its own watchers."""

    def __init__(  # noqa: PLR0913 - put together in one place
        self, changes: ChangeLog, hub: WatchHub, confirmations: Confirmations, readiness: Readiness, *, heartbeat_s: float, poll_s: float
    ) -> None:
        """Know nothing until `follow` runs. How often watchers hear something, and how often the database is asked."""
        self._changes = changes
        self._hub = hub
        self._confirmations = confirmations
        self._readiness = readiness
        self._heartbeat_s = heartbeat_s
        self._poll_s = poll_s
        self._stirred = asyncio.Event()
        self._database_answers = True

    @property
    def revision(self) -> int:
        """The newest revision known here."""
        return self._hub.revision

    async def follow(self) -> None:
        """Take up what other replicas write, and whether the database answers, until cancelled."""
        while True:
            self._stirred.clear()
            await self._poll()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._poll_s):
                    await self._stirred.wait()

    def stir(self) -> None:
        """The log may have grown: look now."""
        self._stirred.set()

    async def _poll(self) -> None:
        try:
            self._publish(await self._changes.revision())
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
        result = await self._confirmations.enforced(revision)
        if not result.enforced:
            UNCONFIRMED.inc()
            log.warning("change not confirmed in time", revision=revision, lagging=result.lagging)
        return result

    @asynccontextmanager
    async def join(self, name: str) -> AsyncIterator[Watcher]:
        """Be a watcher inside the block, known to every replica before it begins."""
        with self._hub.join(name) as watcher:
            WATCHERS.inc()
            log.info("watcher connected", watcher=name)
            try:
                await self._confirmations.joined()
                yield watcher
            finally:
                WATCHERS.dec()
                log.info("watcher gone", watcher=name)

    async def first(self, resume_after: int, tenant: str) -> Changes:
        """What a watcher that knows everything up to `resume_after` has missed; a reset for one that knows nothing."""
        return await self._changes.changes(resume_after, tenant) if resume_after else Changes(await self._changes.revision(), None)

    async def next(self, watcher: Watcher, after: int, tenant: str) -> Changes:
        """What comes after that revision, at the latest with the next heartbeat.

        A heartbeat reads the log too: one sent without would vouch for what another replica may have changed.
        """
        await watcher.beyond(after, self._heartbeat_s)
        return await self._changes.changes(after, tenant)

    def _publish(self, revision: int) -> None:
        self._hub.publish(revision)
        REVISION.set(self._hub.revision)
