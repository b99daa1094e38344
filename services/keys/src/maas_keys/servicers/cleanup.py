"""Forgets ephemeral keys some time after they expired."""

from __future__ import annotations

import asyncio

import structlog
from maas_common.clock import Clock
from maas_common.errors import UnavailableError

from maas_keys.ports import KeyStore

log = structlog.get_logger(__name__)

_BATCH = 500


class Cleanup:
    """Looks again and again."""

    def __init__(self, store: KeyStore, clock: Clock, *, keep_s: int, every_s: float) -> None:
        """`keep_s`: how long after their end keys are kept."""
        self._store = store
        self._clock = clock
        self._keep_s = keep_s
        self._every_s = every_s

    async def run(self) -> None:
        """Forget until cancelled."""
        while True:
            try:
                await self._forget()
            except UnavailableError as error:
                log.warning("ephemeral keys not deleted", error=error.message)
            await asyncio.sleep(self._every_s)

    async def _forget(self) -> None:
        before = int(self._clock.now()) - self._keep_s
        while count := await self._store.delete_ephemeral(expired_before=before, at_most=_BATCH):
            log.info("ephemeral keys deleted", count=count)
