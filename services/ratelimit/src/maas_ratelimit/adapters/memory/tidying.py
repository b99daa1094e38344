"""Keeps counters in memory tidy while nobody calls, and watches the clock for them."""

from __future__ import annotations

import asyncio

import structlog
from maas_common.clock import Clock

from maas_ratelimit.adapters.memory.store import MemoryStore

log = structlog.get_logger(__name__)

_TIDY_EVERY_S = 1.0
_CLOCK_SET_BACK_S = 5.0


async def keep_tidy(store: MemoryStore, clock: Clock) -> None:
    """Have everything past its time leave also when nobody calls; never returns."""
    was_set_back = False
    while True:
        there_is_more = store.tidy(clock.now())
        behind_s = store.ahead_of(clock.now())
        if behind_s > _CLOCK_SET_BACK_S and not was_set_back:
            log.warning("clock was set back: windows stand still until it has caught up, or the service is restarted", behind_s=behind_s)
        was_set_back = behind_s > _CLOCK_SET_BACK_S
        await asyncio.sleep(0 if there_is_more else _TIDY_EVERY_S)
