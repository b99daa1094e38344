"""Makes keys."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass

import structlog
from maas_common.apikey import mint
from maas_common.errors import ConflictError
from maas_common.watch import Enforced

from maas_keys.core.api_key import ApiKey, KeyKind, Status
from maas_keys.core.caller import Caller
from maas_keys.core.creation import KeyOrder, check_may_make, check_order, check_same, new_key
from maas_keys.core.key_states import revoked
from maas_keys.core.user import Person
from maas_keys.ports import KeyStore
from maas_keys.servicers.feed import ChangeFeed
from maas_keys.servicers.key_grounds import KeyGrounds
from maas_keys.servicers.key_owners import KeyOwners
from maas_keys.servicers.metrics import CREATED

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Made:
    """A key that was made, or was in its place. Its secret, empty in that case, refuses to be printed."""

    key: ApiKey
    secret: str
    enforced: Enforced

    def __repr__(self) -> str:
        """Without the secret."""
        return f"Made(key={self.key!r}, enforced={self.enforced!r})"


class KeyMaking:
    """Makes keys as the rules let the caller."""

    def __init__(self, store: KeyStore, owners: KeyOwners, grounds: KeyGrounds, feed: ChangeFeed) -> None:
        self._store = store
        self._owners = owners
        self._grounds = grounds
        self._feed = feed

    async def make(self, order: KeyOrder, caller: Caller, method: str) -> Made:
        """The key that is ordered by a call of `package.Service/Method`, or the one that is in its place.

        AlreadyExistsError when its request id made another kind of key, or one of another team or owner.
        """
        terms, now = self._grounds.terms, int(self._grounds.clock.now())
        check_may_make(method, caller, order.team, terms)
        check_order(order)
        owner, newcomer = await self._owners.find(order.owner, caller, now)
        await self._owners.check_team(order.team, caller)
        minted = mint(terms.prefix)
        wanted = new_key(order, owner, caller, minted, await self._grounds.of(order.details, owner, caller))
        key = await asyncio.shield(self._add(wanted, newcomer))
        return Made(key, minted.text if key.id == minted.id else "", await self._feed.enforced(key.revision))

    async def _add(self, wanted: ApiKey, newcomer: Person | None) -> ApiKey:
        """Store and log. Shielded: a caller who leaves does not stop the write, so its line must not be lost."""
        if newcomer is not None:
            await self._owners.keep([newcomer], wanted.created_at)
        if wanted.kind is not KeyKind.STANDARD:
            await self._make_room(wanted)
        key = await self._store.add(wanted)
        check_same(wanted, key)
        if key.id == wanted.id:
            CREATED.inc()
            log.info("api key created", key_id=key.id, actor=key.created_by, owner=key.owner.user)
        return key

    async def _make_room(self, wanted: ApiKey) -> None:
        """One that has expired is in nobody's way."""
        before = await self._store.of_kind(wanted.tenant, wanted.owner.user, wanted.kind)
        if before is not None and before.status(wanted.created_at) is Status.EXPIRED:
            with suppress(ConflictError):  # somebody else made room
                await self._store.put(revoked(before, wanted.created_at))
                log.info("expired api key revoked", key_id=before.id, actor=wanted.created_by)
