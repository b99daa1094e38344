"""Takes each revision of the catalogue to the gateway and to those who decide by it, in the order that breaks no request."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import structlog
from maas_common.errors import UnavailableError
from maas_common.readiness import Readiness
from maas_common.watch import Enforced, WatchHub
from prometheus_client import Gauge

from maas_registry.core.catalogue import Catalogue
from maas_registry.ports import CatalogueStore, RouteSink

log = structlog.get_logger(__name__)

READINESS = "catalogue"
REVISION = Gauge("maas_registry_revision", "Newest revision of the catalogue that was given out.")
_ITSELF = "registry"
"""Who lags when a change has not even been given out."""


class CatalogueRollout:
    """Follows the store, one revision (or several at once) after the other. Runs on one event loop.

    Make before break: routes of new and changed models are confirmed by the gateway before watchers hear of them, and
    routes of deleted models stay until watchers have confirmed that nobody is sent there any more. Each of the two waits
    takes at most half of `wait_s`: somebody stuck delays a change and does not stop it.
    """

    def __init__(  # noqa: PLR0913 - settings, by name
        self, store: CatalogueStore, sink: RouteSink, readiness: Readiness, watchers: WatchHub, *, wait_s: float, poll_s: float
    ) -> None:
        """`poll_s`: how soon changes by other replicas are noticed."""
        self._store = store
        self._sink = sink
        self._readiness = readiness
        self._wait_s = wait_s
        self._poll_s = poll_s
        self._told: Catalogue | None = None
        self._watchers = watchers
        self._reached = 0
        """The newest revision that was given out."""
        self._step = 0
        """The sink's newest step."""
        self._wake = asyncio.Event()
        self._progress = asyncio.Condition()

    @property
    def told(self) -> Catalogue:
        """See Rollout."""
        if self._told is None:
            raise UnavailableError("the catalogue is not read yet; try again")
        return self._told

    @property
    def watchers(self) -> WatchHub:
        """See Rollout."""
        return self._watchers

    async def run(self) -> None:
        """Follow the store until cancelled."""
        while True:
            await self._follow()
            async with _at_most(self._poll_s):
                await self._wake.wait()
            self._wake.clear()

    async def enforced(self, revision: int) -> Enforced:
        """See Rollout."""
        self._wake.set()
        async with _at_most(self._wait_s) as limit, self._progress:
            await self._progress.wait_for(lambda: self._reached >= revision)
        left = max(0.0, (limit.when() or 0.0) - asyncio.get_running_loop().time())
        gateways, watchers = await asyncio.gather(self._sink.applied(self._step, left), self._watchers.enforced(revision, left))
        lagging = (*gateways, *watchers.lagging)
        if self._reached < revision and not lagging:
            lagging = (_ITSELF,)
        return Enforced(revision, lagging)

    async def _follow(self) -> None:
        try:
            if self._told is None or await self._store.revision() != self._told.revision:
                await self._take(await self._store.read())
        except UnavailableError as error:
            log.warning("catalogue not read", error=error.message)
            self._readiness.set(READINESS, met=False)
        else:
            self._readiness.set(READINESS, met=True)

    async def _take(self, new: Catalogue) -> None:
        old = self._told.models if self._told else {}
        self._step = self._sink.offer({**old, **new.models})
        await self._sink.applied(self._step, self._wait_s / 2)
        self._told = new
        self._watchers.publish(new.revision)
        if not old.keys() <= new.models.keys():
            await self._watchers.enforced(new.revision, self._wait_s / 2)
            self._step = self._sink.offer(new.models)
        REVISION.set(new.revision)
        log.info("catalogue given out", revision=new.revision, models=len(new.models), tiers=len(new.tiers))
        async with self._progress:
            self._reached = new.revision
            self._progress.notify_all()


@asynccontextmanager
async def _at_most(seconds: float) -> AsyncIterator[asyncio.Timeout]:
    """Leave the block after that long at the latest."""
    limit = asyncio.timeout(seconds)
    with suppress(TimeoutError):
        async with limit:
            yield limit
