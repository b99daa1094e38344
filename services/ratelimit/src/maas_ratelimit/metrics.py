"""What Prometheus sees of the counting."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from prometheus_client import REGISTRY, CollectorRegistry, Counter
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from maas_ratelimit.core.usage import Verdict


class StoreFigures(Protocol):
    """What a store tells of itself."""

    @property
    def live_counters(self) -> int:
        """Counters held."""
        ...

    @property
    def outstanding(self) -> int:
        """Reservations held."""
        ...

    @property
    def expired(self) -> int:
        """Reservations released because no settle came, ever since the start."""
        ...

    @property
    def turned_away(self) -> int:
        """Requests refused because the store was full, ever since the start."""
        ...


class Metrics:
    """Every outcome's counter, looked up once: labels cost more than counting."""

    def __init__(self, store: StoreFigures, registry: CollectorRegistry = REGISTRY) -> None:
        admits = Counter("maas_ratelimit_admits", "Requests that asked to be admitted, by what came of it.", ["outcome"], registry=registry)
        self.admitted = admits.labels("admitted")
        self.refused = admits.labels("refused")
        self.repeated = admits.labels("repeated")
        self.undelivered = admits.labels("undelivered")
        settles = Counter("maas_ratelimit_settles", "Requests that ended, by how their tokens were found.", ["outcome"], registry=registry)
        self.settled: dict[Verdict, Counter] = {
            "measured": settles.labels("measured"),
            "estimated": settles.labels("estimated"),
            "nothing": settles.labels("nothing"),
            "refused": settles.labels("nothing"),
            "undelivered": settles.labels("nothing"),
        }
        self.late = settles.labels("late")
        self.duplicate = settles.labels("duplicate")
        tokens = Counter("maas_ratelimit_tokens", "Tokens charged, by how they were found.", ["outcome"], registry=registry)
        self.tokens: dict[Verdict, Counter] = {"measured": tokens.labels("measured"), "estimated": tokens.labels("estimated")}
        self.invalid = Counter("maas_ratelimit_invalid", "Requests to admit or settle that could not be read.", registry=registry)
        registry.register(_StoreCollector(store))


class _StoreCollector(Collector):
    def __init__(self, store: StoreFigures) -> None:
        self._store = store

    def collect(self) -> Iterator[GaugeMetricFamily | CounterMetricFamily]:
        yield GaugeMetricFamily("maas_ratelimit_counters", "Live counters.", value=self._store.live_counters)
        yield GaugeMetricFamily("maas_ratelimit_reservations", "Reservations of requests in flight.", value=self._store.outstanding)
        yield CounterMetricFamily(
            "maas_ratelimit_reservations_expired", "Reservations released because no settle came in time.", value=self._store.expired
        )
        yield CounterMetricFamily(
            "maas_ratelimit_turned_away", "Requests refused because the store was full.", value=self._store.turned_away
        )
