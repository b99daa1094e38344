"""Usage events that Redis keeps until they are done."""

from __future__ import annotations

import pytest
import structlog
from maas_common.errors import UnavailableError
from maas_common.testing import FakeClock
from maas_ratelimit.adapters.redis.options import RedisOptions
from maas_ratelimit.adapters.redis.outbox import RedisOutbox
from maas_ratelimit.adapters.redis.store import RedisStore
from maas_ratelimit.core.events import Usage, read_line

from services.ratelimit.tests.adapters.test_redis_store import caller
from services.ratelimit.tests.contract.callers import NOW, rid, usage_record
from services.ratelimit.tests.redis_servers import redis_server, redis_store

PLAN = "1;t:total_tokens:90000:1d:user"


@pytest.fixture
def clock():
    return FakeClock(NOW)


@pytest.fixture
def store(clock):
    return redis_store(clock.now)


@pytest.fixture
def end(store, clock):
    """Have requests of those numbers end."""

    def end(*numbers: int, tenant: str = "default") -> None:
        ann = caller(store, clock, PLAN, tenant=tenant)
        for number in numbers:
            ann.admit(number)
            ann.settle(number, 10, record=usage_record(10))

    return end


def rids(events) -> list[str]:
    read = [read_line(event.line) for event in events]
    assert all(isinstance(each, Usage) for each in read)
    return [each.rid for each in read]


def test_events_are_given_out_oldest_first_and_once(store, end):
    outbox = RedisOutbox(store)
    end(1, 2, 3)
    assert rids(outbox.take(2)) == [rid(1), rid(2)]
    assert rids(outbox.take(9)) == [rid(3)]
    assert outbox.take(9) == []
    assert outbox.depth() == 3


def test_what_is_done_is_gone(store, end):
    outbox = RedisOutbox(store)
    end(1, 2)
    outbox.done(outbox.take(1))
    assert outbox.depth() == 1
    assert rids(RedisOutbox(store, idle_ms=0).take(9)) == [rid(2)]


def test_what_somebody_took_and_never_finished_is_given_out_again(store, end, clock):
    end(1, 2)
    RedisOutbox(store).take(9)
    another = RedisStore(store.options, clock.now)
    another.sweep()
    assert RedisOutbox(another).take(9) == []
    assert rids(RedisOutbox(another, idle_ms=0).take(9)) == [rid(1), rid(2)]


def test_all_tenants_are_given_out(store, end):
    outbox = RedisOutbox(store)
    end(1, tenant="acme")
    end(2, tenant="globex")
    taken = outbox.take(9)
    assert sorted(rids(taken)) == [rid(1), rid(2)]
    outbox.done(taken)
    assert outbox.depth() == 0


def test_past_the_bound_the_oldest_are_lost_and_counted(store, end):
    outbox = RedisOutbox(store, max_events=3, idle_ms=0)
    end(1, 2)
    taken = outbox.take(1)
    end(3, 4, 5)
    assert outbox.depth() == 3
    assert outbox.dropped == 2
    assert rids(outbox.take(9)) == [rid(3), rid(4), rid(5)]
    outbox.done(taken)
    assert outbox.depth() == 3


def test_it_is_said_once_that_the_bound_is_near(store, end):
    outbox = RedisOutbox(store, max_events=5)
    with structlog.testing.capture_logs() as logs:
        end(1, 2, 3)
        outbox.depth()
        assert not logs
        end(4)
        outbox.depth()
        outbox.depth()
        assert [entry["event"] for entry in logs] == ["the outbox of usage events is nearly full"]
        outbox.done(outbox.take(9))
        outbox.depth()
        end(5, 6, 7, 8)
        outbox.depth()
    assert len(logs) == 2


def test_an_expired_reservation_is_an_event_that_any_process_takes(store, clock):
    caller(store, clock, PLAN).admit(1, record=usage_record(10))
    clock.advance(3600)
    another = RedisStore(store.options, clock.now)
    another.sweep()
    (event,) = RedisOutbox(another).take(9)
    assert read_line(event.line).outcome == "expired"


def test_a_redis_that_is_away_is_unavailable(clock):
    with redis_server() as server:
        store = RedisStore(RedisOptions(url=server.url, timeout_s=1.0), clock.now)
        caller(store, clock, PLAN).admit(1)
    outbox = RedisOutbox(store)
    for ask in (lambda: outbox.take(1), outbox.depth):
        with pytest.raises(UnavailableError):
            ask()
