"""What Prometheus sees of the way to keys."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge


class UsageMetrics:
    """`dropped` says how many events the outbox has had to drop since the start."""

    def __init__(self, registry: CollectorRegistry, dropped: Callable[[], int] = lambda: 0) -> None:
        self.sent = Counter("maas_ratelimit_usage_events_sent", "Usage events that keys has taken.", registry=registry)
        self.rejected = Counter("maas_ratelimit_usage_events_rejected", "Usage events that keys will never take.", registry=registry)
        self._waiting = Gauge("maas_ratelimit_usage_events_waiting", "Usage events that keys does not have yet.", registry=registry)
        self._lost = Counter("maas_ratelimit_usage_events_dropped", "Usage events lost: too many were waiting.", registry=registry)
        self._dropped = dropped
        self._shown_dropped = 0

    def show(self, *, waiting: int) -> None:
        """Bring the figures up to date."""
        self._waiting.set(waiting)
        dropped = self._dropped()
        self._lost.inc(dropped - self._shown_dropped)
        self._shown_dropped = dropped
