"""Named readiness: a service serves when every condition it named is met, and can say which are not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

log = structlog.get_logger(__name__)


class Readiness:
    """Conditions by name, all unmet at first. To be changed on the event loop only."""

    def __init__(self, *conditions: str) -> None:
        """Name every condition up front, so that a forgotten one keeps the service from serving."""
        self._met = dict.fromkeys(conditions, False)
        self._listeners: list[Callable[[bool], None]] = []
        self._all_met = asyncio.Event()
        if not conditions:
            self._all_met.set()

    @property
    def missing(self) -> tuple[str, ...]:
        """Conditions not met, in the order they were named."""
        return tuple(name for name, met in self._met.items() if not met)

    def set(self, condition: str, *, met: bool) -> None:
        """Record a condition; KeyError for one that was never named."""
        if self._met[condition] == met:
            return
        self._met[condition] = met
        log.info("readiness changed", condition=condition, met=met, missing=self.missing)
        if self.missing:
            self._all_met.clear()
        else:
            self._all_met.set()
        for listener in self._listeners:
            listener(not self.missing)

    def listen(self, listener: Callable[[bool], None]) -> None:
        """Call with whether all conditions are met, now and whenever it may have changed."""
        self._listeners.append(listener)
        listener(not self.missing)

    async def wait(self) -> None:
        """Return once every condition is met."""
        await self._all_met.wait()
