"""Operations counted by the script: those of each hash tag in one call, all calls in one round trip."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import redis
from maas_common.errors import UnavailableError
from redis.sentinel import MasterNotFoundError

from maas_ratelimit.adapters.redis.codec import Answer, Codec, Look, unpack, unpack_look
from maas_ratelimit.adapters.redis.connect import Nodes, place
from maas_ratelimit.adapters.redis.links import Links, Reply, Script
from maas_ratelimit.adapters.redis.options import RedisOptions
from maas_ratelimit.adapters.redis.tags import KEPT_MS, Tags
from maas_ratelimit.core.counting import Account, CounterState, Operation, Outcome

_COUNT = ("count/plans", "count/counters", "count/windows", "count/reservations", "count/operations")


class Tag(NamedTuple):
    """A tenant's keys, or a part of them; what all begin with, in braces, so that a cluster has them on one node."""

    text: str
    tenant: str


class Calls:
    """For any thread; counting and all else have connections of their own."""

    def __init__(self, options: RedisOptions, nodes: Nodes, tags: Tags, clock: Callable[[], float] | None) -> None:
        """`clock` goes instead of Redis's time."""
        self.expired = 0
        """Reservations released because no settle came in time."""
        self._nodes = nodes
        self._tags = tags
        self._clock = clock
        self._latest = 0.0
        self._place = place(options)
        self._codec = Codec()
        script = Script(*_COUNT)
        self._counting = Links(nodes, script, options.timeout_s)
        self._looking = Links(nodes, script, options.timeout_s)
        self._forgetting = Links(nodes, Script("forget"), options.timeout_s)
        self._ttls = b"%d" % (options.reservation_ttl_s * 1000), b"%d" % (options.settled_ttl_s * 1000)

    def count(self, groups: Mapping[Tag, Sequence[Operation]], now: float) -> dict[Tag, list[Outcome]]:
        """An outcome for each operation, UnavailableError among them."""
        outcomes: dict[Tag, list[Outcome]] = {}
        calls = {tag: self._call(tag, self._codec.pack(group, now)) for tag, group in groups.items()}
        try:
            for tag in groups:
                self._tags.add(*tag)
        except (redis.RedisError, OSError) as error:
            return {tag: [self.unavailable(error)] * len(group) for tag, group in groups.items()}
        for (tag, group), reply in zip(groups.items(), self._counting.call(list(calls.values())), strict=True):
            answer = self._answer(reply, group)
            if isinstance(answer, Answer) and not answer.is_counted:
                (reply,) = self._counting.call([self._call(tag, self._codec.pack(group, answer.now))])  # noqa: PLW2901 - the reply
                answer = self._answer(reply, group)
            if isinstance(answer, UnavailableError):
                outcomes[tag] = [answer] * len(group)
            elif answer.is_counted:
                outcomes[tag] = answer.outcomes
                self.expired += answer.expired
            else:
                outcomes[tag] = [self._out_of_bounds()] * len(group)
        return outcomes

    def look(self, tag: Tag, account: Account, now: float) -> tuple[CounterState, ...]:
        """How the account's limits stand. UnavailableError."""
        for _ in range(2):
            (reply,) = self._looking.call([self._call(tag, self._codec.pack([Look(account)], now))])
            if not isinstance(reply, bytes):
                raise self.unavailable(reply)
            now, states = unpack_look(reply)
            if states is not None:
                return states
        raise self._out_of_bounds()

    def sweep(self, tags: Sequence[Tag]) -> int:
        """Release what is past its deadline, and forget what has ended long enough ago. How many reservations there still are.

        UnavailableError when a node could not be asked; the others' are swept all the same.
        """
        failed: UnavailableError | None = None
        nothing = self._codec.pack((), 0.0)
        left: Sequence[Tag] = tags
        while left:
            more = []
            for tag, reply in zip(left, self._looking.call([self._call(tag, nothing) for tag in left]), strict=True):
                answer = self._answer(reply, ())
                if isinstance(answer, UnavailableError):
                    failed = answer
                else:
                    self.expired += answer.expired
                    more += [tag] if answer.has_more else []
            left = more
        outstanding, left = 0, tags
        while left:
            more = []
            calls = [(tag.text, (self._now(), *self._ttls, b"%d" % KEPT_MS)) for tag in left]
            for tag, reply in zip(left, self._forgetting.call(calls), strict=True):
                if not isinstance(reply, list):
                    failed = self.unavailable(reply)
                elif reply[0]:
                    more.append(tag)
                else:
                    outstanding += reply[1]
            left = more
        if failed is not None:
            raise failed
        return outstanding

    def unavailable(self, reply: Reply) -> UnavailableError:
        """What came instead of an answer, as operations meet it."""
        if isinstance(reply, redis.TimeoutError | TimeoutError):
            said = "did not answer in time"
        elif isinstance(reply, MasterNotFoundError):  # whose text is of clients and their options
            said = "can't be found: no Sentinel answers, or none knows a master of that name"
        else:
            said = f"can't be reached: {reply}" if isinstance(reply, redis.ConnectionError | OSError) else f"can't count: {reply}"
        return UnavailableError(f"redis {self._place} {said}", reason="STORE_UNAVAILABLE")

    def close(self) -> None:
        """Drop all connections."""
        for links in (self._counting, self._looking, self._forgetting):
            links.close()

    def _call(self, tag: Tag, blob: bytes) -> tuple[str, tuple[bytes, ...]]:
        return tag.text, (self._now(), *self._ttls, tag.tenant.encode(), blob)

    def _now(self) -> bytes:
        if self._clock is None:
            return b""
        self._latest = max(self._latest, self._clock())
        return b"%d" % int(self._latest * 1000)

    def _answer(self, reply: Reply, group: Sequence[Operation]) -> Answer | UnavailableError:
        return unpack(reply, group) if isinstance(reply, bytes) else self.unavailable(reply)

    def _out_of_bounds(self) -> UnavailableError:
        return UnavailableError(f"redis {self._place}: its time and ours are more than a calendar window apart", reason="STORE_UNAVAILABLE")
