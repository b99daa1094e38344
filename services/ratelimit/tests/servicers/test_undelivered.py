"""An admission of which Envoy did not hear is undone: no request follows it."""

from __future__ import annotations

import pytest
from maas_common.testing import FakeClock
from maas_ratelimit.adapters.envoy_rls import pack_header
from maas_ratelimit.adapters.memory.store import MemoryBounds, MemoryStore
from maas_ratelimit.core.counting import Account
from maas_ratelimit.core.estimates import Estimates
from maas_ratelimit.core.headers import HeaderWriter
from maas_ratelimit.core.plans import Plan, Plans
from maas_ratelimit.metrics import Metrics
from maas_ratelimit.servicers.should_rate_limit import ShouldRateLimit
from prometheus_client import CollectorRegistry

PLAN = "1;c:concurrency:9:-:user;r:requests:9:1d:user;t:total_tokens:1000:1d:user"


class Counting:
    """The hot method without a server: what it was told, in the order in which engines tell it."""

    def __init__(self, wire) -> None:
        self.wire = wire
        self.store = MemoryStore(MemoryBounds())
        self.registry = CollectorRegistry()
        self.clock = FakeClock()
        self.hot = ShouldRateLimit(
            store=self.store,
            clock=self.clock,
            plans=Plans(),
            estimates=Estimates(),
            headers=HeaderWriter([], pack_header),
            metrics=Metrics(self.registry),
            strict_output=4096,
        )

    def payload(self, kind: str, number: int, **entries: str) -> bytes:
        return self.wire["packed"](self.wire[kind](number, PLAN, user="ann") | {"user": "ann"} | entries)

    def send(self, payload: bytes) -> None:
        (answer,) = self.hot.handle([payload])
        assert isinstance(answer, bytes)

    def used(self) -> list[tuple[int, int]]:
        states = self.store.read(Account(Plan.parse(PLAN), "default", ("ann",) * 3), now=self.clock.now())
        return [(state.used, state.reserved) for state in states]


@pytest.fixture
def counting(wire) -> Counting:
    return Counting(wire)


def test_request_tokens_and_place_are_given_back(counting):
    counting.send(counting.payload("admit", 1))
    assert counting.used() == [(0, 1), (1, 0), (0, 200)]
    counting.hot.undelivered(counting.payload("admit", 1))
    assert counting.used() == [(0, 0), (0, 0), (0, 0)]
    assert counting.registry.get_sample_value("maas_ratelimit_admits_total", {"outcome": "undelivered"}) == 1


def test_envoys_settle_of_it_counts_nothing(counting):
    counting.send(counting.payload("admit", 1))
    counting.hot.undelivered(counting.payload("admit", 1))
    counting.send(counting.payload("settle", 1, code="503", flags="8192"))
    assert counting.used() == [(0, 0), (0, 0), (0, 0)]


def test_a_refusal_that_was_not_heard_gives_nothing_back(counting):
    counting.send(counting.payload("admit", 1, max_out="900"))
    counting.send(counting.payload("admit", 2))
    counting.hot.undelivered(counting.payload("admit", 2))
    assert counting.used() == [(0, 1), (1, 0), (0, 1000)]


def test_a_settle_that_was_not_heard_stays_and_counts_once(counting):
    counting.send(counting.payload("admit", 1))
    counting.send(counting.payload("settle", 1, total="42"))
    counting.hot.undelivered(counting.payload("settle", 1, total="42"))
    counting.send(counting.payload("settle", 1, total="42"))
    assert counting.used() == [(0, 0), (1, 0), (42, 0)]


@pytest.mark.parametrize("descriptors", [0, 1, 2])
def test_other_domains_have_nothing_to_undo(counting, descriptors):
    counting.send(counting.payload("admit", 1))
    elsewhere = [counting.wire["admit"](1, PLAN)] * descriptors
    counting.hot.undelivered(counting.wire["packed"](*elsewhere, domain="edge"))
    assert counting.used() == [(0, 1), (1, 0), (0, 200)]


def test_an_admission_whose_plan_can_not_be_read_undoes_nothing(counting):
    counting.send(counting.payload("admit", 1))
    counting.hot.undelivered(counting.payload("admit", 2, plan="7"))
    assert counting.used() == [(0, 1), (1, 0), (0, 200)]


def test_the_same_id_may_be_admitted_again(counting):
    for _ in range(2):
        counting.send(counting.payload("admit", 1))
        counting.hot.undelivered(counting.payload("admit", 1))
    counting.send(counting.payload("admit", 1))
    assert counting.used() == [(0, 1), (1, 0), (0, 200)]
