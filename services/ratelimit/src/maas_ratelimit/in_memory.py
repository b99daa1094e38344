"""Counting in memory, with a journal behind it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from maas_common.clock import Clock
from prometheus_client import CollectorRegistry

from maas_ratelimit.adapters.journal.journal import Journal
from maas_ratelimit.adapters.journal.writer import JournalWriter
from maas_ratelimit.adapters.memory.changes import Changes
from maas_ratelimit.adapters.memory.recovery import Recorder, restore
from maas_ratelimit.adapters.memory.store import MemoryBounds, MemoryStore
from maas_ratelimit.adapters.memory.tidying import keep_tidy
from maas_ratelimit.metrics import Figure, Figures
from maas_ratelimit.ports import CounterAdmin, CounterStore, UsageOutbox
from maas_ratelimit.settings import RatelimitSettings

_STOP_S = 5.0


@dataclass(frozen=True, slots=True)
class Counting:
    """A store and what belongs to it."""

    store: CounterStore
    admin: CounterAdmin
    outbox: UsageOutbox
    dropped: Callable[[], int]
    """Usage events lost because there were too many."""
    background: list[Callable[[], Awaitable[None]]]
    start: Callable[[], None]
    flush: Callable[[], object]
    """Once nothing is counted any more: have every usage event in the outbox."""
    close: Callable[[], None]
    """Last of all."""


def in_memory(settings: RatelimitSettings, clock: Clock, registry: CollectorRegistry) -> Counting:
    """One process, which goes on after a restart where it stopped."""
    store = MemoryStore(bounds(settings), Changes(settings.max_usage_events))
    _show(store, registry)
    settings.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    journal = Journal(settings.state_dir / "journal.sqlite", clock, max_events=settings.max_usage_events)
    restore(store, journal.load(), clock.now())
    recorder = Recorder(store, settings.reservation_ttl_s)
    writer = JournalWriter(journal, recorder.collect, registry)

    return Counting(
        store,
        store,
        journal.outbox,
        lambda: journal.outbox.dropped + recorder.dropped,
        [partial(keep_tidy, store, clock), writer.watch],
        start=writer.start,
        flush=partial(writer.stop, _STOP_S),
        close=journal.close,
    )


def bounds(settings: RatelimitSettings) -> MemoryBounds:
    """How much may be kept in memory."""
    return MemoryBounds(
        reservation_ttl_s=settings.reservation_ttl_s,
        settled_ttl_s=settings.settled_ttl_s,
        max_counters=settings.max_counters,
        max_reservations=settings.max_reservations,
    )


def _show(store: MemoryStore, registry: CollectorRegistry) -> None:
    Figures(
        registry,
        Figure("counters", "Live counters.", lambda: store.live_counters),
        Figure("reservations", "Reservations of requests in flight.", lambda: store.outstanding),
        Figure("reservations_expired", "Reservations released because no settle came in time.", lambda: store.expired, is_counter=True),
        Figure("turned_away", "Requests refused because the store was full.", lambda: store.turned_away, is_counter=True),
    )
