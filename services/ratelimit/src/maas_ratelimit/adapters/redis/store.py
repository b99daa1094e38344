"""Counters in Redis or Valkey: exact for any number of processes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import redis
from maas_common.errors import UnavailableError

from maas_ratelimit.adapters.redis.calls import Calls, Tag
from maas_ratelimit.adapters.redis.connect import connect
from maas_ratelimit.adapters.redis.options import RedisOptions
from maas_ratelimit.adapters.redis.subjects import Subjects
from maas_ratelimit.adapters.redis.tags import Tags
from maas_ratelimit.core.counting import Account, CounterState, Operation, Outcome, Settled

_MOST_TOGETHER = 256
"""Operations in one script call: Redis does nothing else meanwhile."""


class RedisStore:
    """A CounterStore that waits for the network, but no longer than `timeout_s`; for any thread.

    Time is Redis's own. Whatever goes wrong on the way is an UnavailableError of the operations that it happened to.
    """

    waits = True

    def __init__(self, options: RedisOptions, clock: Callable[[], float] | None = None) -> None:
        """Nothing is sent yet. `clock` goes instead of Redis's time, for tests. ValueError when options don't go together."""
        self.outstanding = 0
        """Reservations held, as the last sweep found them."""
        self.options = options
        self.nodes = connect(options)
        self.tags = Tags(self.nodes, options.prefix)
        self._calls = Calls(options, self.nodes, self.tags, clock)
        self._by_tenant: dict[str, Tag] = {}
        self._subjects = Subjects(options.prefix) if options.hash_tag == "subject" else None

    @property
    def expired(self) -> int:
        """Reservations that this process released because no settle came in time."""
        return self._calls.expired

    def run(self, operations: Sequence[Operation], *, now: float) -> list[Outcome]:
        """See CounterStore."""
        if len(operations) <= _MOST_TOGETHER:
            return self._run(operations, now)
        parts = range(0, len(operations), _MOST_TOGETHER)
        return [outcome for from_ in parts for outcome in self._run(operations[from_ : from_ + _MOST_TOGETHER], now)]

    def read(self, account: Account, *, now: float) -> tuple[CounterState, ...]:
        """See CounterStore."""
        if self._subjects is None:
            return self._calls.look(self._tag(account.tenant), account, now)
        states: dict[int, CounterState] = {}
        for part in self._subjects.parts(account):
            states |= zip(part.places, self._calls.look(part.tag, part.account, now), strict=True)
        return tuple([states[place] for place in range(len(account.subjects))])

    def sweep(self) -> None:
        """Let go of what is past its time. To be called about every second, by any number of processes. UnavailableError."""
        try:
            self.nodes.refresh()
            tags = self.tags.refresh()
        except (redis.RedisError, OSError) as error:
            raise self._calls.unavailable(error) from error
        self.outstanding = self._calls.sweep([Tag(text, tenant) for text, tenant in tags.items()])

    def unavailable(self, error: Exception) -> UnavailableError:
        """What others of this Redis raise for an error of redis-py."""
        return self._calls.unavailable(error)

    def close(self) -> None:
        """Drop all connections."""
        self._calls.close()
        self.nodes.close()

    def _run(self, operations: Sequence[Operation], now: float) -> list[Outcome]:
        if self._subjects is not None:
            return self._subjects.run(operations, self._all_tags(), lambda groups: self._calls.count(groups, now))
        groups: dict[Tag, list[Operation]] = {}
        places: dict[Tag, list[int]] = {}
        for number, operation in enumerate(operations):
            account = operation.account
            for tag in (self._tag(account.tenant),) if account is not None else self._all_tags():
                groups.setdefault(tag, []).append(operation)
                places.setdefault(tag, []).append(number)
        outcomes: list[Outcome] = [Settled.UNKNOWN] * len(operations)
        for tag, each in self._calls.count(groups, now).items():
            for number, outcome in zip(places[tag], each, strict=True):
                if outcome is not Settled.UNKNOWN:
                    outcomes[number] = outcome
        return outcomes

    def _tag(self, tenant: str) -> Tag:
        tag = self._by_tenant.get(tenant)
        if tag is None:
            tag = self._by_tenant[tenant] = Tag(f"{{{self.options.prefix}:{tenant}}}", tenant)
        return tag

    def _all_tags(self) -> list[Tag]:
        """Where a reservation of nobody knows whom may be."""
        return [Tag(text, tenant) for text, tenant in self.tags.known().items()]
