"""What authz needs of others, as the rules and servicers see it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from maas.ratelimit.v1 import limits_pb2

from maas_authz.core.access import Person
from maas_authz.core.catalogue import Catalogue
from maas_authz.core.keys import KeyRecord
from maas_authz.core.quota import Quota
from maas_authz.core.refusals import Refusal


@dataclass(frozen=True, slots=True)
class LookedUp:
    """What the keys service knows of an id: `record` None when there is no such key, read at `revision` of its log."""

    record: KeyRecord | None
    revision: int


class KeyLookup(Protocol):
    """The service that owns the keys."""

    async def look_up(self, key_id: str) -> LookedUp:
        """The key of that id; UnavailableError when it can't be had within the deadline."""
        ...


class Keys(Protocol):
    """Keys as far as they are known here. Thread rules: see KeyDirectory."""

    def known(self, presented: str) -> KeyRecord | Refusal | None:
        """The presented key's record or why it is refused; None when that takes a look-up."""
        ...

    async def find(self, presented: str) -> KeyRecord | Refusal:
        """The same, looked up."""
        ...

    async def record(self, key_id: str) -> KeyRecord | Refusal | None:
        """The record of an id whatever its state, None when there is no such key; for explaining."""
        ...


class Catalogues(Protocol):
    """The catalogue as it is followed."""

    def current(self) -> Catalogue | None:
        """The newest one; None when there is none that can be relied on."""
        ...


class Counters(Protocol):
    """The service that counts."""

    async def peek(self, quota: Quota) -> Sequence[limits_pb2.LimitState]:
        """How the quota's limits stand, in the words that people are told them in; UnavailableError when it can't be had in time."""
        ...


@dataclass(frozen=True, slots=True)
class PeoplePage:
    """Some people; `next_token` is for the page after them, empty on the last."""

    people: tuple[Person, ...]
    next_token: str


class People(Protocol):
    """Who there is."""

    async def page(self, tenant: str, size: int, token: str) -> PeoplePage:
        """At most `size` people of a tenant.

        InvalidArgumentError when the token is none; UnavailableError when they can't be had in time.
        """
        ...


class Uses(Protocol):
    """Remembers when keys were last used."""

    def note(self, key_id: str, now: float) -> None:
        """The key was used at that Unix time. Any thread; cheap."""
        ...
