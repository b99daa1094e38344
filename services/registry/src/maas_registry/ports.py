"""What the servicers need from outside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from maas_common.watch import Enforced, WatchHub

from maas_registry.core.catalogue import Catalogue, Change, Decide
from maas_registry.core.endpoint import IpAddress
from maas_registry.core.model import Model
from maas_registry.core.route import RouteState


@dataclass(frozen=True, slots=True)
class Written:
    """A change that is stored, and the revision that it has."""

    revision: int
    change: Change


class CatalogueStore(Protocol):
    """Where the catalogue and its log live. Every method raises UnavailableError when that can't be reached.

    A catalogue is small (hundreds of models, tens of tiers), so it is read as a whole: rules and watchers see all of it at
    one revision.
    """

    async def read(self) -> Catalogue:
        """The catalogue at its newest revision."""
        ...

    async def revision(self) -> int:
        """The newest revision."""
        ...

    async def write(self, decide: Decide) -> Written:
        """Let a rule decide on the newest catalogue and store the change with its log entries, all or nothing.

        Writers queue: no other change comes between what the rule saw and what is stored. `decide` runs on another thread;
        the catalogue it is given has no log. What it raises is raised here, and nothing is stored.
        """
        ...


class Resolver(Protocol):
    """Finds the addresses of hosts."""

    async def addresses(self, host: str) -> Sequence[IpAddress]:
        """At least one; InvalidArgumentError for `url` when there is none, UnavailableError when nobody answers in time."""
        ...


class RouteSink(Protocol):
    """What makes the gateway route to models."""

    def offer(self, models: Mapping[str, Model]) -> int:
        """Have the gateway route to exactly these models, by id; the step to wait for with `applied`."""
        ...

    async def applied(self, step: int, within_s: float) -> tuple[str, ...]:
        """Wait until every connected gateway has applied or refused that step; the names of those that had not in time."""
        ...

    def state(self, model: Model) -> RouteState:
        """What the connected gateways made of that model as it is given."""
        ...


class Rollout(Protocol):
    """Takes every revision of the catalogue to the gateway and to those who decide by it."""

    @property
    def told(self) -> Catalogue:
        """The catalogue as watchers may know it; UnavailableError before it was read for the first time."""
        ...

    @property
    def watchers(self) -> WatchHub:
        """Who follows it."""
        ...

    async def enforced(self, revision: int) -> Enforced:
        """Wait, for a bounded time, until every connected gateway and watcher has applied that revision."""
        ...


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource as Envoy takes it: `body` is a serialized message of the type it belongs to; equal versions have equal bodies."""

    name: str
    version: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Request:
    """What an Envoy says on a delta stream: names it wants or no longer wants, or that it took or refused (`error`) a message."""

    type_url: str
    subscribe: Sequence[str] = ()
    unsubscribe: Sequence[str] = ()
    have: Mapping[str, str] | None = None
    nonce: str = ""
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What an Envoy is told."""

    type_url: str
    nonce: str
    resources: Sequence[Resource] = ()
    removed: Sequence[str] = ()


class EnvoyConnection(Protocol):
    """One Envoy's stream."""

    def hear(self, request: Request) -> None:
        """Take in what the Envoy says."""
        ...

    def next(self) -> Answer | None:
        """The next message for the Envoy, None when there is nothing to say until `changed`."""
        ...

    async def changed(self) -> None:
        """Return when there may be something to say."""
        ...

    def wake(self) -> None:
        """Have `changed` return."""
        ...


class EnvoyFleet(Protocol):
    """The Envoys that ask for their clusters."""

    def connect(self, node_id: str) -> AbstractContextManager[EnvoyConnection]:
        """Be a connected Envoy inside the block: changes wait for it, models' states depend on it."""
        ...
