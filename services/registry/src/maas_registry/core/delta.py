"""What one client was sent of one resource type, and what it said of it: xDS delta protocol, version 3.

https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#incremental-xds
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from maas_registry.core.route import PENDING, READY, RouteState, State

WILDCARD = "*"
_ABSENT = ""
"""The version of a resource that does not exist, to a client that asked for it by name."""


@dataclass(frozen=True, slots=True)
class Delta:
    """One message to send; the client names its `nonce` when it accepts or refuses it. Resources by name."""

    nonce: str
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Sent:
    """Resources sent in one message, with their versions, to bring the client to a step."""

    step: int
    versions: Mapping[str, str]


class Subscription:
    """One type on one stream. A step is the sink's count of changes to what it offers.

    A refusal names a message, not a resource, and clients keep what was good in it. So a refused message of several
    resources is sent again in halves until the ones at fault stand alone: no reading of error texts.
    """

    def __init__(self, names: Iterable[str], have: Mapping[str, str]) -> None:
        """`names` asked for, none meaning all; `have` is what a client that reconnects still has, with versions."""
        asked = set(names)
        self._is_wildcard = WILDCARD in asked or not asked
        self._named = asked - {WILDCARD}
        self._known = dict(have)
        self._accepted = dict(have)
        self._refused: dict[str, tuple[str, str]] = {}
        self._in_flight: dict[str, _Sent] = {}
        self._again: deque[_Sent] = deque()
        self._step = 0
        self._nonces = 0

    @property
    def applied(self) -> int:
        """The newest step that the client has accepted or refused all of."""
        unsettled = [sent.step for sent in (*self._in_flight.values(), *self._again)]
        return min(unsettled, default=self._step + 1) - 1

    def subscribe(self, names: Iterable[str]) -> None:
        """Add names. One asked for again is sent again: the client may have dropped it meanwhile."""
        for name in names:
            if name == WILDCARD:
                self._is_wildcard = True
            else:
                self._named.add(name)
                self._known.pop(name, None)

    def unsubscribe(self, names: Iterable[str]) -> None:
        """Take names away. One that the wildcard still covers is sent again: the client has dropped it."""
        for name in names:
            if name == WILDCARD:
                self._is_wildcard = False
            else:
                self._named.discard(name)
                self._known.pop(name, None)

    def next(self, step: int, wanted: Mapping[str, str]) -> Delta | None:
        """The next message towards `wanted` (versions by name); None when all of it was sent. The first is due even when empty."""
        while self._again:
            sent = self._again.popleft()
            # What has changed since then is sent by the comparison below.
            still = {name: version for name, version in sent.versions.items() if wanted.get(name) == version}
            if still:
                return self._send(sent.step, still)
        changed, removed = self._difference(wanted)
        if not changed and not removed and self._nonces:
            self._step = step
            return None
        for name in removed:
            self._accepted.pop(name, None)
            self._refused.pop(name, None)
            self._known.pop(name, None)
            if name in self._named:
                self._known[name] = _ABSENT
        self._known.update(changed)
        return self._send(step, changed, removed)

    def accept(self, nonce: str) -> None:
        """The client has applied that message."""
        if (sent := self._in_flight.pop(nonce, None)) is not None:
            self._accepted.update(sent.versions)
            for name in sent.versions:
                self._refused.pop(name, None)

    def refuse(self, nonce: str, reason: str) -> str | None:
        """The client has refused something of that message; the name of the resource that it was, once that is known."""
        sent = self._in_flight.pop(nonce, None)
        names = list(sent.versions) if sent else []
        if sent is None or not names:
            return None
        if len(names) == 1:
            self._refused[names[0]] = (sent.versions[names[0]], reason)
            return names[0]
        middle = len(names) // 2
        for half in (names[:middle], names[middle:]):
            self._again.append(_Sent(sent.step, {name: sent.versions[name] for name in half}))
        return None

    def covers(self, name: str) -> bool:
        """Whether the client asked for it."""
        return self._is_wildcard or name in self._named

    def state(self, name: str, version: str) -> RouteState:
        """What the client made of that version."""
        if self._accepted.get(name) == version:
            return READY
        refused, reason = self._refused.get(name, (_ABSENT, ""))
        return RouteState(State.REJECTED, reason) if refused == version else PENDING

    def _difference(self, wanted: Mapping[str, str]) -> tuple[dict[str, str], tuple[str, ...]]:
        covered = self._named | (wanted.keys() | self._known.keys() if self._is_wildcard else set())
        changed: dict[str, str] = {}
        removed: list[str] = []
        for name in sorted(covered):
            version = wanted.get(name, _ABSENT)
            if version == self._known.get(name, None if name in self._named else _ABSENT):
                continue
            if version == _ABSENT:
                removed.append(name)
            else:
                changed[name] = version
        return changed, tuple(removed)

    def _send(self, step: int, versions: Mapping[str, str], removed: tuple[str, ...] = ()) -> Delta:
        self._nonces += 1
        delta = Delta(str(self._nonces), tuple(versions), removed)
        self._in_flight[delta.nonce] = _Sent(step, versions)
        return delta
