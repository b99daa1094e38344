"""Keys that were looked up, bounded: records in a least-recently-used cache, unknown ids in another that forgets them soon.

A record has no time to live: it is right until the watch says that the key changed, and not used once the watch is stale.
Read on the engine's thread, written on the event loop: every access holds the lock.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable

from cachetools import LRUCache, TTLCache
from maas_common.clock import Clock

from maas_authz.core.keys import KeyRecord


class KeyCache:
    """By id of the key."""

    def __init__(self, *, size: int, unknown_size: int, unknown_ttl_s: float, clock: Clock) -> None:
        """Hold at most `size` records and `unknown_size` unknown ids, those for `unknown_ttl_s`."""
        self._lock = threading.Lock()
        self._records: LRUCache[str, tuple[KeyRecord, int]] = LRUCache(size)
        self._unknown: TTLCache[str, None] = TTLCache(unknown_size, unknown_ttl_s, timer=clock.now)

    def get(self, key_id: str) -> KeyRecord | None:
        """The record of a key."""
        try:
            with self._lock:
                return self._records[key_id][0]
        except KeyError:
            return None

    def is_unknown(self, key_id: str) -> bool:
        """Whether the id was lately found to be no key's."""
        with self._lock:
            return key_id in self._unknown

    def remember(self, key_id: str, record: KeyRecord, revision: int) -> None:
        """Keep a record that was read at a revision of the log."""
        with self._lock:
            self._records[key_id] = (record, revision)

    def remember_unknown(self, key_id: str) -> None:
        """Keep that the id is no key's."""
        with self._lock:
            self._unknown[key_id] = None

    def forget(self, key_ids: Iterable[str], revision: int) -> None:
        """Drop what was read of these keys before that revision."""
        with self._lock:
            for key_id in key_ids:
                self._unknown.pop(key_id, None)
                remembered = self._records.get(key_id)
                if remembered is not None and remembered[1] < revision:
                    del self._records[key_id]

    def forget_all(self) -> None:
        """Drop everything."""
        with self._lock:
            self._records.clear()
            self._unknown.clear()
