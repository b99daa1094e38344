"""The route sink that is Envoy itself, asking for its clusters by ADS (aggregated discovery, delta)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import structlog
from maas_common.errors import InvalidArgumentError
from maas_common.watch import Watcher, WatchHub
from prometheus_client import Counter, Gauge

from maas_registry.adapters.envoy_cluster import TYPE_URL, cluster_name
from maas_registry.core.delta import Subscription
from maas_registry.core.model import Model
from maas_registry.core.route import PENDING, RouteState, State, overall
from maas_registry.ports import Answer, Request, Resource

log = structlog.get_logger(__name__)

ENVOYS = Gauge("maas_registry_envoys", "Envoys connected.")
NACKS = Counter("maas_registry_nacks_total", "Messages that an Envoy refused.")


@dataclass(frozen=True, slots=True)
class _Offered:
    """A model's cluster, or why there is none."""

    url: str
    resource: Resource | None
    reason: str = ""


class AdsFleet:
    """Every Envoy that is connected, and what they are offered. A step is a change of the offer."""

    def __init__(self, build: Callable[[Model], Resource]) -> None:
        """`build` makes a model's cluster."""
        self._build = build
        self._offered: Mapping[str, _Offered] = {}
        self._resources: Mapping[str, Resource] = {}
        self._versions: Mapping[str, str] | None = None
        self._hub = WatchHub()
        self._connections: set[AdsConnection] = set()

    def offer(self, models: Mapping[str, Model]) -> int:
        """See RouteSink."""
        self._offered = {model.id: self._offer(model) for model in models.values()}
        resources = {each.resource.name: each.resource for each in self._offered.values() if each.resource}
        versions = {name: resource.version for name, resource in resources.items()}
        if versions != self._versions:
            self._resources, self._versions = resources, versions
            self._hub.publish(self._hub.revision + 1)
        return self._hub.revision

    async def applied(self, step: int, within_s: float) -> tuple[str, ...]:
        """See RouteSink."""
        return (await self._hub.enforced(step, within_s)).lagging

    def state(self, model: Model) -> RouteState:
        """See RouteSink."""
        offered = self._offered.get(model.id)
        if offered is None or offered.url != model.url:
            return PENDING
        if (resource := offered.resource) is None:
            return RouteState(State.REJECTED, offered.reason)
        covering = [each.clusters for each in self._connections if each.clusters and each.clusters.covers(resource.name)]
        state = overall(clusters.state(resource.name, resource.version) for clusters in covering)
        # Envoy: "Error adding/updating cluster(s) <cluster>: <reason>".
        return RouteState(state.state, state.reason.partition(f"{resource.name}: ")[2] or state.reason)

    @contextmanager
    def connect(self, node_id: str) -> Iterator[AdsConnection]:
        """See EnvoyFleet."""
        name = f"envoy/{node_id}"
        with self._hub.join(name) as watcher, ENVOYS.track_inprogress():
            connection = AdsConnection(self, watcher)
            self._connections.add(connection)
            log.info("envoy connected", envoy=name)
            try:
                yield connection
            finally:
                self._connections.discard(connection)
                log.info("envoy gone", envoy=name)

    @property
    def step(self) -> int:
        """How often the offer has changed."""
        return self._hub.revision

    @property
    def versions(self) -> Mapping[str, str] | None:
        """The clusters on offer, by name; None before the first offer, which is not the same as none."""
        return self._versions

    def resource(self, name: str) -> Resource:
        """A cluster on offer."""
        return self._resources[name]

    def _offer(self, model: Model) -> _Offered:
        before = self._offered.get(model.id)
        if before is not None and before.url == model.url:
            return before
        try:
            return _Offered(model.url, self._build(model))
        except InvalidArgumentError as error:
            log.warning("cluster not made", model=model.id, reason=error.message)
            return _Offered(model.url, None, error.message)


class AdsConnection:
    """One Envoy's stream. See EnvoyConnection."""

    def __init__(self, fleet: AdsFleet, watcher: Watcher) -> None:
        """Nothing is asked for yet."""
        self.clusters: Subscription | None = None
        self._fleet = fleet
        self._watcher = watcher
        self._other_types: dict[str, bool] = {}
        """Types that there is nothing of, and whether that was said."""

    def hear(self, request: Request) -> None:
        """See EnvoyConnection."""
        if request.type_url != TYPE_URL:
            self._other_types.setdefault(request.type_url, False)
        elif self.clusters is None:
            self.clusters = Subscription(request.subscribe, request.have or {})
        else:
            self.clusters.unsubscribe(request.unsubscribe)
            self.clusters.subscribe(request.subscribe)
            if request.nonce:
                self._settle(self.clusters, request)
        self.wake()

    def next(self) -> Answer | None:
        """See EnvoyConnection."""
        for type_url, is_answered in self._other_types.items():
            if not is_answered:
                self._other_types[type_url] = True
                return Answer(type_url, "none")
        if self.clusters is None:
            self._watcher.ack(self._fleet.step)  # it follows no clusters: nothing to wait for
            return None
        if (versions := self._fleet.versions) is None:
            return None  # an answer now would take away what an Envoy kept while the registry restarted
        delta = self.clusters.next(self._fleet.step, versions)
        if delta is not None:
            return Answer(TYPE_URL, delta.nonce, tuple(map(self._fleet.resource, delta.changed)), delta.removed)
        self._watcher.ack(self.clusters.applied)
        return None

    async def changed(self) -> None:
        """See EnvoyConnection."""
        await self._watcher.wanted.wait()
        self._watcher.wanted.clear()

    def wake(self) -> None:
        """See EnvoyConnection."""
        self._watcher.wanted.set()

    def _settle(self, clusters: Subscription, request: Request) -> None:
        if request.error is None:
            clusters.accept(request.nonce)
            return
        NACKS.inc()
        refused = clusters.refuse(request.nonce, request.error)
        if refused is None:
            log.info("envoy refused some of several clusters", envoy=self._watcher.name, error=request.error)
        else:
            log.warning(
                "envoy refused a cluster", envoy=self._watcher.name, model=refused.removeprefix(cluster_name("")), error=request.error
            )
