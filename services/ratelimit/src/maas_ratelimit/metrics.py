"""What Prometheus sees of the counting. Plain numbers, changed by the one thread that serves Envoy: a lock for each would cost more."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from maas_ratelimit.core.usage import Usage, Verdict

_SHOWN_AS: dict[Verdict, str] = {
    "measured": "measured",
    "estimated": "estimated",
    "nothing": "nothing",
    "refused": "nothing",
    "undelivered": "nothing",
}


class Figure(NamedTuple):
    """A figure that somebody else keeps."""

    name: str
    told: str
    value: Callable[[], float]
    is_counter: bool = False


class Figures(Collector):
    """Figures as they are when Prometheus asks."""

    def __init__(self, registry: CollectorRegistry, *figures: Figure) -> None:
        self._figures = figures
        registry.register(self)

    def collect(self) -> Iterator[GaugeMetricFamily | CounterMetricFamily]:
        """For Prometheus."""
        for name, told, value, is_counter in self._figures:
            family = CounterMetricFamily if is_counter else GaugeMetricFamily
            yield family(f"maas_ratelimit_{name}", told, value=value())


class Metrics(Collector):
    """Every outcome's count since the start."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.admitted = 0
        self.refused = 0
        self.repeated = 0
        self.undelivered = 0
        self.too_large = 0
        self.uncounted = 0
        self.throttled = 0
        self.invalid = 0
        self.late = 0
        self.duplicate = 0
        self._settled = {"measured": 0, "estimated": 0, "nothing": 0}
        self._tokens = {"measured": 0, "estimated": 0}
        self._exceeded: dict[str, int] = {}
        registry.register(self)

    def count_settled(self, usage: Usage, *, is_late: bool) -> None:
        """A request that ended."""
        if is_late:
            self.late += 1
        else:
            self._settled[_SHOWN_AS[usage.verdict]] += 1
        if usage.total:
            self._tokens[usage.verdict] += usage.total

    def count_exceeded(self, limits: Iterable[str]) -> None:
        """Shadow limits, by their ids, that would have refused."""
        for limit in limits:
            self._exceeded[limit] = self._exceeded.get(limit, 0) + 1

    def collect(self) -> Iterator[GaugeMetricFamily | CounterMetricFamily]:
        """For Prometheus."""
        admits = {name: getattr(self, name) for name in ("admitted", "refused", "repeated", "undelivered", "too_large", "uncounted")}
        yield _labelled("admits", "Requests that asked to be admitted, by what came of it.", "outcome", admits)
        settles = self._settled | {"late": self.late, "duplicate": self.duplicate}
        yield _labelled("settles", "Requests that ended, by how their tokens were found.", "outcome", settles)
        yield _labelled("tokens", "Tokens charged, by how they were found.", "outcome", self._tokens)
        yield _labelled("shadow_exceeded", "Requests that a shadow limit would have refused.", "limit", dict(self._exceeded))
        yield _plain("throttled", "Requests that went on by a soft limit's second counter.", self.throttled)
        yield _plain("invalid", "Requests to admit or settle that could not be read.", self.invalid)


def _labelled(name: str, told: str, label: str, values: dict[str, int]) -> CounterMetricFamily:
    family = CounterMetricFamily(f"maas_ratelimit_{name}", told, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family


def _plain(name: str, told: str, value: int) -> CounterMetricFamily:
    return CounterMetricFamily(f"maas_ratelimit_{name}", told, value=value)
