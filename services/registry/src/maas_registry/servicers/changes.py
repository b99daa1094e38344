"""One way of changing the catalogue: store, tell everybody, wait until it is obeyed."""

from __future__ import annotations

from dataclasses import dataclass

import structlog
from maas_common.auth.principal import current_principal
from maas_common.clock import Clock
from maas_common.watch import Enforced

from maas_registry.core.catalogue import Change, Decide
from maas_registry.ports import CatalogueStore, Rollout

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Changes:
    """Makes changes in the name of the caller."""

    store: CatalogueStore
    rollout: Rollout
    clock: Clock

    def now(self) -> int:
        """Unix seconds, as resources carry them."""
        return int(self.clock.now())

    async def make(self, what: str, decide: Decide) -> tuple[Change, Enforced]:
        """Store what the rule decides and wait, for a bounded time, until it is obeyed. `what` is for the log."""
        written = await self.store.write(decide)
        enforced = await self.rollout.enforced(written.revision)
        changed = [f"{entry.kind} {entry.name}" for entry in written.change.entries(written.revision)]
        log.info(what, changed=changed, actor=current_principal().user, revision=written.revision, lagging=enforced.lagging)
        return written.change, enforced
