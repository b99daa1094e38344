"""Keys that were looked up, bounded: records in a least-recently-used cache, unknown ids in another that forgets them soon.

A record is right until the watch says that the key, its owner, team or tenant changed, and not used once the watch is stale. When its
owner's groups have aged it is read again, once: they may have been vouched for meanwhile, which is not told each time.

All records of one owner share a mark that says before which revision what was read of them counts no more; those of a team and of
a tenant too. So forgetting a tenant costs one assignment, however many keys it has, and nothing is kept of whom no record is left.

Read on the engine's thread, written on the event loop: every access holds the lock.
"""

from __future__ import annotations

import threading
from collections.abc import Hashable, Iterable
from typing import NamedTuple
from weakref import WeakValueDictionary

from cachetools import LRUCache, TTLCache
from maas_common.clock import Clock

from maas_authz.core.keys import KeyRecord


class Changed(NamedTuple):
    """What changed: keys by id, users as `<issuer>|<subject>` in whatever tenant, teams as tenant and id, tenants by name."""

    key_ids: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    teams: tuple[tuple[str, str], ...] = ()
    tenants: tuple[str, ...] = ()


class _Mark:
    """What was read before this revision is forgotten."""

    __slots__ = ("__weakref__", "revision")

    def __init__(self) -> None:
        self.revision = 0


class KeyCache:
    """By id of the key."""

    def __init__(self, *, size: int, unknown_size: int, unknown_ttl_s: float, clock: Clock) -> None:
        """Hold at most `size` records and `unknown_size` unknown ids, those for `unknown_ttl_s`."""
        self._lock = threading.Lock()
        self._clock = clock
        self._records: LRUCache[str, tuple[KeyRecord, int, float, _Mark, _Mark, _Mark]] = LRUCache(size)
        self._unknown: TTLCache[str, None] = TTLCache(unknown_size, unknown_ttl_s, timer=clock.now)
        self._marks: WeakValueDictionary[Hashable, _Mark] = WeakValueDictionary()

    def get(self, key_id: str, now: float) -> KeyRecord | None:
        """The record of a key."""
        try:
            with self._lock:
                record, revision, read_at, user, team, tenant = self._records[key_id]
        except KeyError:
            return None
        if revision < user.revision or revision < team.revision or revision < tenant.revision:
            return None
        return None if read_at < record.caller.groups_until <= now else record

    def is_unknown(self, key_id: str) -> bool:
        """Whether the id was lately found to be no key's."""
        with self._lock:
            return key_id in self._unknown

    def remember(self, key_id: str, record: KeyRecord, revision: int) -> None:
        """Keep a record that was read at a revision of the log."""
        caller = record.caller
        with self._lock:
            user, team, tenant = map(self._mark, (caller.user, (caller.tenant, caller.team), (caller.tenant,)))
            self._records[key_id] = (record, revision, self._clock.now(), user, team, tenant)

    def remember_unknown(self, key_id: str) -> None:
        """Keep that the id is no key's."""
        with self._lock:
            self._unknown[key_id] = None

    def forget(self, changed: Changed, revision: int) -> None:
        """Drop what was read of these keys, and of every key of these users, teams and tenants, before that revision."""
        with self._lock:
            for key_id in changed.key_ids:
                self._unknown.pop(key_id, None)
                remembered = self._records.get(key_id)
                if remembered is not None and remembered[1] < revision:
                    del self._records[key_id]
            for name in _marked(changed):
                if (mark := self._marks.get(name)) is not None:
                    mark.revision = max(mark.revision, revision)

    def forget_all(self) -> None:
        """Drop everything."""
        with self._lock:
            self._records.clear()
            self._unknown.clear()
            self._marks = WeakValueDictionary()  # the log may begin anew: marks of the old one would outrank it

    def _mark(self, name: Hashable) -> _Mark:
        return self._marks.setdefault(name, _Mark())


def _marked(changed: Changed) -> Iterable[Hashable]:
    yield from changed.users
    yield from changed.teams
    yield from ((tenant,) for tenant in changed.tenants)
