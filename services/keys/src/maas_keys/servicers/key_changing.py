"""Changes and ends keys."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any, TypeVar

import structlog
from maas_common.watch import Enforced

from maas_keys.core.api_key import ApiKey, is_key_id
from maas_keys.core.caller import Caller
from maas_keys.core.details import Details
from maas_keys.core.etag import check_etag
from maas_keys.core.key_access import allowed
from maas_keys.core.search import KeyFilter
from maas_keys.core.update import updated
from maas_keys.ports import KeyStore
from maas_keys.servicers.feed import ChangeFeed
from maas_keys.servicers.key_grounds import KeyGrounds
from maas_keys.servicers.metrics import REVOKED
from maas_keys.servicers.retries import retried

log = structlog.get_logger(__name__)

_Done = TypeVar("_Done")


class KeyChanging:
    """Changes keys as far as the caller reaches; each change returns when it is acknowledged."""

    def __init__(self, store: KeyStore, grounds: KeyGrounds, feed: ChangeFeed) -> None:
        self._store = store
        self._grounds = grounds
        self._feed = feed

    async def read(self, key_id: str, caller: Caller, method: str) -> ApiKey:
        """The key, for a caller who may use `package.Service/Method` with it."""
        key = await self._store.get(caller.tenant, key_id) if is_key_id(key_id) else None
        return allowed(key, key_id, caller, method)

    async def update(self, key_id: str, caller: Caller, method: str, said: Details, *, etag: str = "") -> tuple[ApiKey, Enforced]:
        """The key as it is said to be."""
        key = await self.read(key_id, caller, method)
        ground = await self._grounds.of(said, key.owner, caller)
        return await self.change(key_id, caller, method, lambda before: updated(before, said, ground), etag=etag)

    async def change(
        self, key_id: str, caller: Caller, method: str, change: Callable[[ApiKey], ApiKey], *, etag: str = ""
    ) -> tuple[ApiKey, Enforced]:
        """The key after a change, which is called again when somebody else was faster. What it returns as it was stays."""

        async def attempt() -> ApiKey:
            before = await self._current(key_id, caller, method, etag)
            after = change(before)
            if after == before:
                return before
            after = await self._store.put(replace(after, updated_at=int(self._grounds.clock.now())))
            if after.revoked_at is not None and before.revoked_at is None:
                REVOKED.inc()
            log.info("api key changed", key_id=key_id, by=method, actor=caller.name, owner=after.owner.user, status=after.state())
            return after

        key = await _written(retried(attempt, etag=etag))
        return key, await self._feed.enforced(key.revision)

    async def delete(self, key_id: str, caller: Caller, method: str, *, etag: str = "") -> Enforced:
        """Forget a key."""

        async def attempt() -> int:
            key = await self._current(key_id, caller, method, etag)
            revision = await self._store.delete(key)
            log.info("api key deleted", key_id=key_id, actor=caller.name, owner=key.owner.user)
            return revision

        return await self._feed.enforced(await _written(retried(attempt, etag=etag)))

    async def revoke_all(self, keys: KeyFilter, caller: Caller) -> tuple[int, Enforced | None]:
        """End every key of the filter that has not ended; how many, and how far that has reached when it was any."""

        async def attempt() -> tuple[int, int]:
            count, revision = await self._store.revoke_all(keys, at=int(self._grounds.clock.now()))
            REVOKED.inc(count)
            log.info("api keys revoked", count=count, actor=caller.name, username=keys.username or keys.user, team=keys.team)
            return count, revision

        count, revision = await _written(attempt())
        return count, await self._feed.enforced(revision) if count else None

    async def _current(self, key_id: str, caller: Caller, method: str, etag: str) -> ApiKey:
        key = await self.read(key_id, caller, method)
        check_etag(f'API key "{key.id}"', current=key.etag, given=etag)
        return key


async def _written(write: Coroutine[Any, Any, _Done]) -> _Done:
    """A caller who leaves does not stop a write, so its line in the log must not be lost."""
    return await asyncio.shield(write)
