"""Counters in Redis as administrators see them: found by scanning, so that counting pays nothing for it."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import redis
from maas_common.errors import InvalidArgumentError

from maas_ratelimit.adapters.redis.links import lua
from maas_ratelimit.adapters.redis.store import RedisStore
from maas_ratelimit.core import algorithms
from maas_ratelimit.core.counting import CounterFilter, CounterInfo
from maas_ratelimit.core.plans import CounterName

_SCAN = 500
_SPECIAL = re.compile(r"([\\*?\[\]^])")
_JOINS = re.compile(r"[+\x1f]")
_TOKEN = re.compile(r"(\d{1,6}) (h|c|w:\d+:\d+) (\d{1,20}) (\d{1,6})")
_HELD, _SINGLE = "h", "c"


class _Place(NamedTuple):
    """Where a scan stands: which tag, which of its hashes (or the keys on their own), where in it, and how many of those were given."""

    tag: int
    name: str
    cursor: int
    skip: int


class _Found(NamedTuple):
    name: CounterName
    counter: str
    subject: str
    field: str
    value: bytes


class RedisAdmin:
    """A CounterAdmin. UnavailableError when a node can't be asked."""

    def __init__(self, store: RedisStore, clock: Callable[[], float] | None = None) -> None:
        """`clock` as in RedisStore."""
        self._store = store
        self._clock = clock
        self._clear = lua("clear").decode()

    def list_counters(self, which: CounterFilter, *, page_size: int, page_token: str, now: float) -> tuple[list[CounterInfo], str]:
        """See CounterAdmin. InvalidArgumentError for a token that none of its pages gave."""
        begin = _read(page_token)
        now = self._time(now)
        page: list[CounterInfo] = []
        try:
            for place, tag, found in self._scan(which, begin):
                if len(page) == page_size:
                    return page, _written(place)
                infos = [info for each in found if (info := self._info(tag, place.name, each, now)) is not None]
                room = page_size - len(page)
                page += infos[place.skip : place.skip + room]
                if len(infos) - place.skip > room:
                    return page, _written(place._replace(skip=place.skip + room))
        except (redis.RedisError, OSError) as error:
            raise self._store.unavailable(error) from error
        return page, ""

    def reset_counters(self, which: CounterFilter, *, now: float) -> int:
        """See CounterAdmin."""
        now = self._time(now)
        count = 0
        try:
            for place, tag, found in self._scan(which, _Place(0, "", 0, 0)):
                for each in found:
                    count += self._info(tag, place.name, each, now) is not None
                    self._reset(tag, place.name, each, now)
        except (redis.RedisError, OSError) as error:
            raise self._store.unavailable(error) from error
        return count

    def _scan(self, which: CounterFilter, begin: _Place) -> Iterator[tuple[_Place, str, list[_Found]]]:
        tags = sorted(tag for tag, tenant in self._store.tags.refresh().items() if which.tenant in {"", tenant})
        for number in range(begin.tag, len(tags)):
            client: Any = self._store.nodes.of(tags[number])
            names = [_SINGLE, _HELD, *sorted(each.decode() for each in client.zrange(f"{tags[number]}:ends", 0, -1))]
            for name in names:
                place = _Place(number, name, 0, 0)
                if number == begin.tag and name <= begin.name:
                    if name < begin.name:
                        continue
                    place = begin
                while True:
                    following, fields = self._read(client, tags[number], place, which)
                    found = [_found(field, value) for field, value in fields]
                    tenant = self._store.tags.known()[tags[number]]
                    yield place, tags[number], [each for each in found if each and which.matches(tenant, each.counter, each.subject)]
                    if not following:
                        break
                    place = _Place(number, name, following, 0)

    def _read(self, client: Any, tag: str, place: _Place, which: CounterFilter) -> tuple[int, list[tuple[str, bytes]]]:
        pattern = _pattern(which)
        if place.name != _SINGLE:
            following, fields = client.hscan(f"{tag}:{place.name}", place.cursor, match=pattern, count=_SCAN)
            return following, sorted((field.decode(), value) for field, value in fields.items())
        prefix = f"{tag}:{_SINGLE}:"
        following, keys = client.scan(place.cursor, match=f"{_escaped(prefix)}{pattern}", count=_SCAN)
        keys = sorted(set(keys))
        values = client.mget(keys) if keys else []
        pairs = zip(keys, values, strict=True)
        return following, [(key.decode().removeprefix(prefix), value) for key, value in pairs if value is not None]

    def _info(self, tag: str, home: str, found: _Found, now: float) -> CounterInfo | None:
        """None when it counts nothing now."""
        used, reserved, last = struct.unpack("<qqq", found.value)
        window, now_ms = found.name.window, int(now * 1000)
        reset = 0
        if window.kind == "gcra":
            level = algorithms.drained(used, last, now_ms - reserved)
            used, reserved = -(-level // (window.length_s * 1000)), 0
            reset = -(-(now_ms - -level // last) // 1000) if last else 0
        elif window.kind == "log":
            used, reserved, reset = self._log(tag, found, now_ms)
        elif window.kind != "held":
            reset = int(home.split(":")[1])
            if reset <= now:
                return None
            reset += window.length_s if window.kind == "sliding" else 0
        if not used and not reserved:
            return None
        return CounterInfo(found.counter, self._store.tags.known()[tag], found.subject, used, reserved, reset)

    def _log(self, tag: str, found: _Found, now_ms: int) -> tuple[int, int, int]:
        length_ms = found.name.window.length_s * 1000
        client: Any = self._store.nodes.of(tag)
        used = reserved = newest = 0
        for entry, at_ms in client.zrange(f"{tag}:l:{found.field}", now_ms - length_ms + 1, "+inf", byscore=True, withscores=True):
            _, amount, *is_used = entry.split(b":")
            used, reserved = (used + int(amount), reserved) if is_used else (used, reserved + int(amount))
            newest = max(newest, int(at_ms))
        return used, reserved, -(-(newest + length_ms) // 1000)

    def _reset(self, tag: str, home: str, found: _Found, now: float) -> None:
        client: Any = self._store.nodes.of(tag)
        if home != _SINGLE:
            client.eval(self._clear, 1, f"{tag}:{home}", found.field, "")
        elif found.name.window.kind == "log":
            client.eval(self._clear, 2, f"{tag}:c:{found.field}", f"{tag}:l:{found.field}", "", "")
        else:
            client.eval(self._clear, 1, f"{tag}:c:{found.field}", "", int(now * 1000))

    def _time(self, now: float) -> float:
        return now if self._clock is None else self._clock()


def _found(field: str, value: bytes) -> _Found | None:
    """None for what is no counter: the field that a hash begins with."""
    parts = field.split(":", 4)
    try:
        counter = ":".join(parts[:4])
        return _Found(CounterName.parse(counter), counter, parts[4], field, value)
    except (ValueError, IndexError):
        return None


def _written(place: _Place) -> str:
    return " ".join(map(str, place))


def _read(token: str) -> _Place:
    if not token:
        return _Place(0, "", 0, 0)
    match = _TOKEN.fullmatch(token)
    if match is None:
        raise InvalidArgumentError.of("page_token", "not a token that a page before had")
    return _Place(int(match[1]), match[2], int(match[3]), int(match[4]))


def _pattern(which: CounterFilter) -> str:
    """Of fields that may be meant: what Redis sifts out need not be brought here. A + in a subject may stand for what joins scopes."""
    limit = f"{_escaped(which.limit_id)}:*" if which.limit_id else "*"
    subject = _JOINS.sub("?", _escaped(which.subject))
    return f"{limit}:{subject}" if subject else limit


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", text)
