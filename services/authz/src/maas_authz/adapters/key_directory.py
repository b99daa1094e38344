"""Who a presented key belongs to: from the cache, else looked up, once however many ask.

A key of the suite has its id inside. A key that another system made is known by its prefix, and its id is made of its hash.

Threads: `known` may run on the engine's thread beside the event loop; the rest runs on the loop only, so that applying a
change and keeping the answer of a look-up never interleave.

The race that matters: a key is revoked while a look-up of it is on its way. The answer may have been read before the
change and arrive after it. So every look-up notes the revision that its answer must have reached: the one applied when it
set out, raised by each change that arrives meanwhile of its key, or of any user, team or tenant: whose the key is only the answer will
tell. An answer from before that is thrown away and the key looked up again; after a reset, revisions of before and after can't be
compared and the answer is thrown away in any case.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import structlog
from maas_common.apikey import Peppers, foreign_key_id, key_id_of
from maas_common.clock import Clock
from maas_common.errors import UnavailableError

from maas_authz import metrics
from maas_authz.adapters.key_cache import Changed, KeyCache
from maas_authz.core.budget import TokenBucket
from maas_authz.core.confirmation import Confirmation
from maas_authz.core.keys import KeyRecord, refusal_of
from maas_authz.core.refusals import INVALID_KEY, KEY_NOT_READ, KEYS_STALE, Refusal
from maas_authz.ports import KeyLookup, LookedUp

log = structlog.get_logger(__name__)

_ATTEMPTS = 3
"""Look-ups of one key in a row whose answers are outdated, before giving up for this request."""


@dataclass(slots=True, eq=False)
class _Flight:
    """A look-up on its way. It holds one token of the budget until somebody's key proves good."""

    answer: asyncio.Task[LookedUp | None]
    budget: TokenBucket
    at_least: int = 0
    is_void: bool = False
    holds_token: bool = True


class KeyDirectory:
    """See the module."""

    def __init__(  # noqa: PLR0913 - parts, by name
        self,
        *,
        lookup: KeyLookup,
        cache: KeyCache,
        confirmation: Confirmation,
        peppers: Peppers,
        prefix: str,
        foreign_prefixes: Sequence[str],
        budget: TokenBucket,
        foreign_budget: TokenBucket,
        clock: Clock,
    ) -> None:
        """`budget` bounds look-ups of ids that turn out to be no key's, or of keys with a wrong secret.

        Keys that another system made begin with one of `foreign_prefixes`. They carry no checksum, so anything may look like one:
        their look-ups have a budget of their own.
        """
        self._lookup = lookup
        self._cache = cache
        self._confirmation = confirmation
        self._peppers = peppers
        self._prefix = prefix
        self._foreign_prefixes = tuple(foreign_prefixes)
        self._budget = budget
        self._foreign_budget = foreign_budget
        self._clock = clock
        self._flights: dict[str, _Flight] = {}

    def known(self, presented: str) -> KeyRecord | Refusal | None:
        """The presented key's record or why it is refused; None when that takes a look-up. Any thread."""
        now = self._clock.now()
        is_fresh = self._confirmation.is_fresh(now)
        # What has a record's id is hashed in whole, so it need not be well-formed; what has none must be, to cost a look-up.
        key_id = self._claimed_id(presented)
        if key_id is None:
            return INVALID_KEY
        record = self._cache.get(key_id, now)
        if record is not None and is_fresh:
            metrics.CACHE_HIT.inc()
            # One hash a request, about 2 µs: remembering what was found good would save little, and have to be forgotten in step.
            return refusal_of(record, now) or record if self._matches(record, presented, now) else INVALID_KEY
        if self._is_ours(presented) and key_id_of(presented, self._prefix) is None:
            return INVALID_KEY
        if not is_fresh:
            return KEYS_STALE
        if self._cache.is_unknown(key_id):
            metrics.CACHE_NEGATIVE.inc()
            return INVALID_KEY
        metrics.CACHE_MISS.inc()
        return None

    async def find(self, presented: str) -> KeyRecord | Refusal:
        """The presented key's record or why it is refused."""
        known = self.known(presented)  # whoever asked before may have been answered meanwhile
        key_id = self._claimed_id(presented)
        if known is not None or key_id is None:
            return known or INVALID_KEY
        flight = self._join(key_id, self._budget if self._is_ours(presented) else self._foreign_budget)
        looked_up = await asyncio.shield(flight.answer) if flight else None
        if flight is None or looked_up is None:
            return KEY_NOT_READ
        now = self._clock.now()
        if looked_up.record is None or not self._matches(looked_up.record, presented, now):
            return INVALID_KEY
        self._give_back(flight)
        return refusal_of(looked_up.record, now) or looked_up.record

    async def record(self, key_id: str) -> KeyRecord | Refusal | None:
        """The record of an id whatever its state, None when there is no such key. Asked by people who signed in: no budget."""
        now = self._clock.now()
        if not self._confirmation.is_fresh(now):
            return KEYS_STALE
        record = self._cache.get(key_id, now)
        if record is not None:
            return record
        try:
            return (await self._lookup.look_up(key_id)).record
        except UnavailableError:
            return KEY_NOT_READ

    def forget(self, changed: Changed, revision: int) -> None:
        """All this changed at that revision."""
        concerned: Iterable[str] = self._flights if changed.users or changed.teams or changed.tenants else changed.key_ids
        for key_id in concerned:
            if (flight := self._flights.get(key_id)) is not None:
                flight.at_least = max(flight.at_least, revision)
        self._cache.forget(changed, revision)

    def forget_all(self) -> None:
        """Anything may have changed."""
        for flight in self._flights.values():
            flight.is_void = True
        self._cache.forget_all()

    def _matches(self, record: KeyRecord, presented: str, now: float) -> bool:
        for pepper_id, digest, until in record.hashes:
            if now < until and (self._peppers.matches(presented, pepper_id, digest) if pepper_id else _is_sha256(presented, digest)):
                return True
        return False

    def _is_ours(self, presented: str) -> bool:
        return presented.startswith(self._prefix)

    def _claimed_id(self, presented: str) -> str | None:
        """The id of the key that this would be; None when it looks like none."""
        if presented.startswith(self._prefix):
            return presented[len(self._prefix) :].partition("_")[0]
        return foreign_key_id(_sha256(presented)) if presented.startswith(self._foreign_prefixes) else None

    def _join(self, key_id: str, budget: TokenBucket) -> _Flight | None:
        """The look-up of a key that is on its way, else a new one; None when too many unknown keys were tried."""
        flight = self._flights.get(key_id)
        if flight is None:
            if not budget.take(self._clock.now()):
                metrics.LOOKUPS_OVER_BUDGET.inc()
                return None
            flight = self._flights[key_id] = _Flight(asyncio.ensure_future(self._fly(key_id)), budget)
        return flight

    async def _fly(self, key_id: str) -> LookedUp | None:
        """Look a key up and remember what was found; None when it can't be told."""
        flight = self._flights[key_id]
        try:
            for _ in range(_ATTEMPTS):
                flight.at_least, flight.is_void = self._confirmation.revision, False
                looked_up = await self._lookup.look_up(key_id)
                if not flight.is_void and looked_up.revision >= flight.at_least:
                    self._keep(key_id, looked_up)
                    return looked_up
                metrics.LOOKUP_OUTDATED.inc()
            log.warning("key look-up outdated", key_id=key_id, revision=looked_up.revision, wanted=flight.at_least)
        except UnavailableError as error:
            metrics.LOOKUP_FAILED.inc()
            log.debug("key look-up failed", key_id=key_id, error=error.message)
        finally:
            del self._flights[key_id]
        self._give_back(flight)
        return None

    def _keep(self, key_id: str, looked_up: LookedUp) -> None:
        if looked_up.record is None:
            metrics.LOOKUP_UNKNOWN.inc()
            self._cache.remember_unknown(key_id)
        else:
            metrics.LOOKUP_FOUND.inc()
            self._cache.remember(key_id, looked_up.record, looked_up.revision)

    def _give_back(self, flight: _Flight) -> None:
        if flight.holds_token:
            flight.holds_token = False
            flight.budget.give_back()


def _sha256(presented: str) -> bytes:
    return hashlib.sha256(presented.encode()).digest()


def _is_sha256(presented: str, digest: bytes) -> bool:
    return hmac.compare_digest(_sha256(presented), digest)
