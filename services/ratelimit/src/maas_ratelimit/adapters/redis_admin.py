"""Counters in Redis as administrators see them: found by scanning, so that counting pays nothing for it."""

from __future__ import annotations

import re
import struct
from collections import defaultdict
from collections.abc import Callable
from importlib.resources import files
from typing import Any, NamedTuple, cast

import redis
from maas_common.errors import InvalidArgumentError, UnavailableError

from maas_ratelimit.adapters.redis_store import RedisStore
from maas_ratelimit.core import algorithms
from maas_ratelimit.core.counting import CounterFilter, CounterInfo
from maas_ratelimit.core.plans import CounterName

_SCAN = 500
_SPECIAL = re.compile(r"([\\*?\[\]^])")
_TOKEN = re.compile(r"(\d{1,4})-(\d{1,20})-(\d{1,6})")


class _Found(NamedTuple):
    key: bytes
    tag: str
    tenant: str
    name: CounterName
    counter: str
    subject: str
    end: int


class RedisAdmin:
    """A CounterAdmin. UnavailableError when a node can't be asked."""

    def __init__(self, store: RedisStore, clock: Callable[[], float] | None = None) -> None:
        """`clock` as in RedisStore."""
        self._store = store
        self._clock = clock
        self._clear = (files("maas_ratelimit.adapters") / "lua" / "clear.lua").read_text()

    def list_counters(self, which: CounterFilter, *, page_size: int, page_token: str, now: float) -> tuple[list[CounterInfo], str]:
        """See CounterAdmin. InvalidArgumentError for a token that none of its pages gave."""
        number, cursor, skip = self._where(page_token)
        try:
            masters = self._store.nodes.masters()
            page: list[CounterInfo] = []
            while number < len(masters):
                infos, following = self._infos(masters[number], cursor, which, now)
                room = page_size - len(page)
                page += infos[skip : skip + room]
                if len(infos) - skip > room:
                    return page, f"{number}-{cursor}-{skip + room}"
                cursor, skip = following, 0
                if not cursor:
                    number += 1
                if len(page) == page_size:
                    break
        except (redis.RedisError, OSError) as error:
            raise self._unavailable(error) from error
        return page, f"{number}-{cursor}-0" if number < len(masters) else ""

    def reset_counters(self, which: CounterFilter, *, now: float) -> int:
        """See CounterAdmin."""
        now = self._time(now)
        count = 0
        try:
            for client in self._store.nodes.masters():
                cursor = 0
                while True:
                    found, cursor = self._scan(client, cursor, which)
                    values = self._values(client, found)
                    count += sum(self._info(each, value, now) is not None for each, value in values)
                    self._clear_all(client, [each for each, value in values if value is not None], now)
                    if not cursor:
                        break
        except (redis.RedisError, OSError) as error:
            raise self._unavailable(error) from error
        return count

    def _infos(self, client: redis.Redis, cursor: int, which: CounterFilter, now: float) -> tuple[list[CounterInfo], int]:
        found, following = self._scan(client, cursor, which)
        now = self._time(now)
        infos = [self._info(each, value, now) for each, value in self._values(client, found)]
        return [info for info in infos if info is not None], following

    def _scan(self, client: redis.Redis, cursor: int, which: CounterFilter) -> tuple[list[_Found], int]:
        tenant = _escaped(which.tenant) + "*" if which.tenant else "*"
        limit = _escaped(which.limit_id) + ":*" if which.limit_id else "*"
        pattern = f"{{{_escaped(self._store.options.prefix)}:{tenant}}}:c:{limit}"
        following, keys = cast(tuple[int, list[bytes]], client.scan(cursor, match=pattern, count=_SCAN))
        found = [self._parse(key) for key in sorted(set(keys))]
        return [each for each in found if each is not None and _is_meant(each, which)], following

    def _parse(self, key: bytes) -> _Found | None:
        tag, _, rest = key.decode().partition("}:c:")
        tenant = self._store.tags.known().get(tag + "}")
        fields = rest.split(":", 4)
        if tenant is None:
            tenant = self._store.tags.refresh().get(tag + "}", "")
        subject, _, end = fields[-1].rpartition(":")
        counter = ":".join(fields[:4])
        try:
            return _Found(key, tag + "}", tenant, CounterName.parse(counter), counter, subject, int(end))
        except ValueError:
            return None

    def _values(self, client: redis.Redis, found: list[_Found]) -> list[tuple[_Found, bytes | None]]:
        """One MGET for each tag: a cluster's node takes no more."""
        by_tag: dict[str, list[_Found]] = defaultdict(list)
        for each in found:
            by_tag[each.tag].append(each)
        return [
            pair
            for those in by_tag.values()
            for pair in zip(those, cast(list[bytes | None], client.mget([each.key for each in those])), strict=True)
        ]

    def _info(self, found: _Found, value: bytes | None, now: float) -> CounterInfo | None:
        """None when it counts nothing now."""
        if value is None or (found.end and found.end <= now):
            return None
        used, reserved, last = struct.unpack("<qqq", value)
        reset, now_ms, window = found.end, int(now * 1000), found.name.window
        if window.kind == "gcra":
            level = algorithms.drained(used, last, now_ms - reserved)
            used, reserved = -(-level // (window.length_s * 1000)), 0
            reset = -(-(now_ms - -level // last) // 1000) if last else 0
        elif window.kind == "sliding" and used + reserved:
            reset += window.length_s
        elif window.kind == "log":
            used, reserved, reset = self._log(found, now_ms)
        if not used and not reserved:
            return None
        return CounterInfo(found.counter, found.tenant, found.subject, used, reserved, reset)

    def _log(self, found: _Found, now_ms: int) -> tuple[int, int, int]:
        length_ms = found.name.window.length_s * 1000
        client: Any = self._store.nodes.of(found.tag)
        key = found.key.replace(b"}:c:", b"}:l:", 1)
        used = reserved = newest = 0
        for entry, at_ms in client.zrange(key, now_ms - length_ms + 1, "+inf", byscore=True, withscores=True):
            _, amount, *is_used = entry.split(b":")
            used, reserved = (used + int(amount), reserved) if is_used else (used, reserved + int(amount))
            newest = max(newest, int(at_ms))
        return used, reserved, -(-(newest + length_ms) // 1000)

    def _clear_all(self, client: redis.Redis, found: list[_Found], now: float) -> None:
        by_tag: dict[str, list[_Found]] = defaultdict(list)
        for each in found:
            by_tag[each.tag].append(each)
        for those in by_tag.values():
            kinds = [each.name.window.kind if each.name.window.kind in {"log", "gcra"} else "plain" for each in those]
            keys = [each.key for each in those]
            client.eval(self._clear, len(keys), *keys, *kinds, str(int(now * 1000)))

    def _time(self, now: float) -> float:
        return now if self._clock is None else self._clock()

    def _where(self, token: str) -> tuple[int, int, int]:
        if not token:
            return 0, 0, 0
        match = _TOKEN.fullmatch(token)
        if match is None:
            raise InvalidArgumentError.of("page_token", "not a token that a page before had")
        return int(match[1]), int(match[2]), int(match[3])

    def _unavailable(self, error: Exception) -> UnavailableError:
        return self._store.unavailable(error)


def _is_meant(found: _Found, which: CounterFilter) -> bool:
    return which.tenant in {"", found.tenant} and which.limit_id in {"", found.name.limit_id} and which.subject in {"", found.subject}


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", text)
