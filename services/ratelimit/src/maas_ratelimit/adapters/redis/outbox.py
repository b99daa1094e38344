"""Usage events in Redis streams, one for each hash tag: written by the script that counts, taken by any process, each by one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import redis
import structlog

from maas_ratelimit.adapters.redis.store import RedisStore
from maas_ratelimit.ports import UsageEvent

log = structlog.get_logger(__name__)

_GROUP = _TAKER = "ratelimit"
_IDLE_MS = 60_000
"""Events that were taken so long ago, and are not done, are given out again: who took them has died, or failed."""
_WARN_AT = 0.8


class _Stream(NamedTuple):
    tag: str
    key: str


class RedisOutbox:
    """A UsageOutbox. Positions are `<tag> <stream id>`.

    Past `max_events` the oldest are lost: a Redis that is full could count nothing.
    """

    def __init__(self, store: RedisStore, max_events: int = 1_000_000, idle_ms: int = _IDLE_MS) -> None:
        self.dropped = 0
        """Events that this process let go because there were too many."""
        self._store = store
        self._max_events = max_events
        self._idle_ms = idle_ms
        self._has_warned = False

    def take(self, at_most: int) -> list[UsageEvent]:
        """See UsageOutbox. In the order of each stream; those that somebody took and never finished come first."""
        try:
            self._keep_bounded()
            taken: list[UsageEvent] = []
            for stream in self._streams():
                for read in (self._abandoned, self._new):
                    if len(taken) < at_most:
                        taken += read(stream, at_most - len(taken))
        except (redis.RedisError, OSError) as error:
            raise self._store.unavailable(error) from error
        return taken

    def done(self, events: Sequence[UsageEvent]) -> None:
        """See UsageOutbox."""
        ids: dict[str, list[str]] = defaultdict(list)
        for event in events:
            tag, _, stream_id = event.position.rpartition(" ")
            ids[tag].append(stream_id)
        try:
            for tag, those in ids.items():
                client, key = self._store.nodes.of(tag), _key(tag)
                client.xack(key, _GROUP, *those)
                client.xdel(key, *those)
        except (redis.RedisError, OSError) as error:
            raise self._store.unavailable(error) from error

    def depth(self) -> int:
        """See UsageOutbox."""
        try:
            return self._keep_bounded()
        except (redis.RedisError, OSError) as error:
            raise self._store.unavailable(error) from error

    def _streams(self) -> list[_Stream]:
        return [_Stream(tag, _key(tag)) for tag in self._store.tags.known()]

    def _keep_bounded(self) -> int:
        """How many there are, once there are no more than allowed."""
        lengths = {stream: int(self._client(stream).xlen(stream.key)) for stream in self._streams()}
        depth = sum(lengths.values())
        while depth > self._max_events:
            longest = max(lengths, key=lengths.__getitem__)
            let_go = min(depth - self._max_events, lengths[longest])
            gone = int(self._client(longest).xtrim(longest.key, maxlen=lengths[longest] - let_go, approximate=False))
            lengths[longest] -= let_go
            depth -= let_go
            self.dropped += gone
            log.error("usage events lost: the outbox is full", lost=gone, max_events=self._max_events)
        is_near = depth >= self._max_events * _WARN_AT
        if is_near and not self._has_warned:
            log.warning("the outbox of usage events is nearly full", events=depth, max_events=self._max_events)
        self._has_warned = is_near
        return depth

    def _new(self, stream: _Stream, at_most: int) -> list[UsageEvent]:
        def read() -> Any:
            return self._client(stream).xreadgroup(_GROUP, _TAKER, {stream.key: ">"}, count=at_most)

        replies = self._in_group(stream, read)
        return [event for _, entries in replies or [] for event in _events(stream, entries)]

    def _abandoned(self, stream: _Stream, at_most: int) -> list[UsageEvent]:
        """Not by XAUTOCLAIM: in 6.2 it doesn't tell which of the entries were trimmed, and gives them out for ever."""
        client = self._client(stream)

        def pending() -> Any:
            return client.xpending_range(stream.key, _GROUP, "-", "+", at_most, idle=self._idle_ms)

        ids = [each["message_id"] for each in self._in_group(stream, pending)]
        if not ids:
            return []
        entries = [entry for entry in client.xclaim(stream.key, _GROUP, _TAKER, self._idle_ms, ids) if entry and entry[1]]
        claimed = {entry_id for entry_id, _ in entries}
        trimmed = [each for each in ids if each not in claimed and not client.xrange(stream.key, each, each)]
        if trimmed:
            client.xack(stream.key, _GROUP, *trimmed)
        return _events(stream, entries)

    def _in_group(self, stream: _Stream, read: Callable[[], Any]) -> Any:
        """With the group made if there is none."""
        try:
            return read()
        except redis.ResponseError as error:
            if not str(error).startswith("NOGROUP"):
                raise
        try:
            self._client(stream).xgroup_create(stream.key, _GROUP, "0", mkstream=True)
        except redis.ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):  # another process was quicker
                raise
        return read()

    def _client(self, stream: _Stream) -> Any:
        return self._store.nodes.of(stream.tag)


def _key(tag: str) -> str:
    return f"{tag}:events"


def _events(stream: _Stream, entries: Sequence[tuple[bytes, dict[bytes, bytes]]]) -> list[UsageEvent]:
    return [UsageEvent(f"{stream.tag} {entry_id.decode()}", fields[b"line"].decode()) for entry_id, fields in entries]
