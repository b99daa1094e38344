"""What counting in Redis is beyond the contract that every store has."""

from __future__ import annotations

import signal
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from maas_common.errors import UnavailableError
from maas_common.testing import FakeClock
from maas_ratelimit.adapters.redis.options import RedisOptions
from maas_ratelimit.adapters.redis.store import RedisStore
from maas_ratelimit.core.counting import Settled

from services.ratelimit.tests.contract.callers import NOW, Caller, usage_record
from services.ratelimit.tests.redis_servers import redis_server, redis_store

EVERY_KIND = (
    "1;a:requests:9:1m:user;b:total_tokens:900:month in Europe/Berlin:user:hard:50;c:requests:9:sliding 1m:user;"
    "d:requests:9:sliding-log 1m:user;e:total_tokens:900:gcra 1m:user;f:concurrency:9:-:user"
)


@pytest.fixture
def clock():
    return FakeClock(NOW)


@pytest.fixture
def store(clock):
    return redis_store(clock.now)


def caller(store, clock, plan, **who):
    return Caller(SimpleNamespace(store=store, clock=clock), plan, **who)


def on(server, clock, **options):
    given = {"url": server.url, "timeout_s": 5.0} | options
    return RedisStore(RedisOptions(**given), clock.now if clock is not None else None)


def test_it_waits(store):
    assert store.waits


def test_a_script_that_redis_has_lost_is_loaded_again(store, clock):
    ann = caller(store, clock, "1;r:requests:9:1m:user")
    ann.admit(1)
    store.nodes.of("").script_flush()
    assert ann.admit(2).left == (7,)


def test_operations_of_several_tenants_go_together(store, clock):
    ann, bob = (caller(store, clock, "1;r:requests:9:1m:user", tenant=tenant) for tenant in ("acme", "globex"))
    outcomes = store.run([ann.claim(1), bob.claim(2), ann.claim(3), bob.settlement(2), ann.settlement(9, may_charge=False)], now=NOW)
    assert [outcome.left if hasattr(outcome, "left") else outcome for outcome in outcomes] == [
        (8,),
        (8,),
        (7,),
        Settled.REPLACED,
        Settled.UNKNOWN,
    ]


def test_more_operations_than_one_call_takes_are_all_counted(store, clock):
    ann = caller(store, clock, "1;r:requests:600:1m:user")
    outcomes = store.run([ann.claim(number) for number in range(700)], now=NOW)
    assert [not outcome.refusing for outcome in outcomes] == [True] * 600 + [False] * 100


@pytest.mark.parametrize("window", ["1m", "sliding 1m", "month"])
def test_amounts_as_large_as_they_come_are_exact(store, clock, window):
    most = 9 * 10**15
    ann = caller(store, clock, f"1;t:total_tokens:{most}:{window}:user")
    assert ann.admit(1, tokens=most - 1).left == (1,)
    assert ann.admit(2, tokens=2).refusing == (0,)
    ann.settle(1, tokens=most - 3)
    assert ann.used() == [(most - 3, 0)]
    assert ann.admit(3, tokens=3).left == (0,)


def test_every_key_has_an_end_once_it_was_swept_but_events(store, clock):
    ann = caller(store, clock, EVERY_KIND)
    for number in range(4):
        ann.admit(number, record=usage_record(1))
    ann.settle(1, 100, record=usage_record(100))
    ann.settle(2, 100, record=usage_record(100))
    store.sweep()
    clock.advance(61)
    ann.admit(5, record=usage_record(1))
    store.sweep()
    client = store.nodes.of("")
    assert {key for key in client.scan_iter() if client.pttl(key) < 0} == {b"{maas:default}:events"}


def test_counters_of_windows_that_are_over_are_dropped(store, clock):
    ann = caller(store, clock, "1;r:requests:9:1m:user;s:requests:9:sliding 1m:user")
    ann.admit(1)
    clock.advance(3 * 60)
    store.sweep()
    clock.advance(2 * 60)
    store.sweep()
    assert not store.nodes.of("").keys("{maas:default}:w:*")


def test_a_settle_makes_no_counter_that_has_ended_anew(store, clock):
    ann = caller(store, clock, "1;t:total_tokens:900:1m:user")
    ann.admit(1)
    clock.advance(300)
    store.sweep()
    assert ann.settle(1, 100) is Settled.REPLACED
    assert not store.nodes.of("").keys("{maas:default}:w:*")


def test_of_many_that_expire_at_once_each_call_releases_some(store, clock):
    ann = caller(store, clock, "1;c:concurrency:5000:-:user")
    store.run([ann.claim(number) for number in range(3000)], now=NOW)
    clock.advance(3600)
    ann.states()
    assert 1000 <= int(store.nodes.of("").hget("{maas:default}:r", "n")) <= 2000
    store.sweep()
    assert (store.outstanding, ann.used()) == (0, [(0, 0)])


def test_what_nobody_settles_expires_without_further_requests(store, clock):
    ann = caller(store, clock, "1;t:total_tokens:900:1d:user")
    ann.admit(1, record=usage_record(100))
    ann.admit(2, record=usage_record(100))
    store.sweep()
    assert (store.outstanding, store.expired) == (2, 0)
    clock.advance(1800)
    ann.admit(3, record=usage_record(100))
    store.sweep()
    clock.advance(1800)
    store.sweep()
    assert (store.outstanding, store.expired) == (1, 2)
    assert ann.used() == [(0, 100)]


def test_ids_of_requests_that_ended_are_forgotten_in_time(store, clock):
    ann = caller(store, clock, "1;r:requests:9:1d:user")
    for number in range(3):
        ann.admit(number)
    ann.settle(0)
    ann.undo(1)
    clock.advance(3600)
    store.sweep()
    clock.advance(3600)
    store.sweep()
    client = store.nodes.of("")
    assert set(client.hkeys("{maas:default}:r")) == {b"t", b"n"}
    assert not client.keys("{maas:default}:[dloq]*")


def test_time_is_that_of_redis():
    """However wrong the caller's is; a calendar month that was worked out by it is worked out again."""
    with redis_server() as server:
        ann = caller(on(server, None), FakeClock(86400.0), "1;m:requests:9:month:user;f:requests:9:1d:user")
        before = time.time()
        admission = ann.admit(1)
        assert before - 1 < admission.now < time.time() + 1
        assert admission.resets == tuple(limit.window.bounds(admission.now)[1] for limit in ann.plan.limits)


def test_two_stores_count_as_one(clock):
    with redis_server() as server:
        callers = [caller(on(server, clock), clock, "1;r:requests:100:1m:user") for _ in range(2)]
        with ThreadPoolExecutor(8) as pool:
            admitted = pool.map(lambda number: not callers[number % 2].admit(number).refusing, range(300))
            assert sum(admitted) == 100


def test_a_redis_that_is_away_is_unavailable_and_is_found_again_when_it_is_back(clock):
    with redis_server(requirepass="hidden") as server:
        store = on(server, clock, url=server.url.replace("//", "//:hidden@"), timeout_s=1.0)
        ann = caller(store, clock, "1;r:requests:9:1m:user")
        ann.admit(1)
        server.kill()
        for operation in (ann.claim(2), ann.settlement(1)):
            (outcome,) = store.run([operation], now=NOW)
            assert isinstance(outcome, UnavailableError)
            assert "hidden" not in outcome.message
            assert f"127.0.0.1:{server.port}" in outcome.message
        with pytest.raises(UnavailableError):
            ann.states()
        with pytest.raises(UnavailableError):
            store.sweep()
        with server.again():
            assert ann.admit(3).left == (8,)
            assert ann.used() == [(1, 0)]
            store.sweep()


def test_a_redis_that_does_not_answer_is_unavailable_after_the_timeout(clock):
    with redis_server() as server:
        store = on(server, clock, timeout_s=0.2)
        ann = caller(store, clock, "1;r:requests:9:1m:user")
        ann.admit(1)
        server.process.send_signal(signal.SIGSTOP)
        try:
            with pytest.raises(UnavailableError, match="did not answer in time"):
                ann.admit(2)
        finally:
            server.process.send_signal(signal.SIGCONT)
        assert on(server, clock).read(ann.account, now=NOW)[0].used in {1, 2}


def test_a_redis_that_is_full_counts_nothing_and_says_so(clock):
    with redis_server() as server:
        store = on(server, clock)
        ann = caller(store, clock, EVERY_KIND)
        ann.admit(1)
        used = ann.used()
        with server.client() as client:
            client.config_set("maxmemory", 1)
            with pytest.raises(UnavailableError, match=r"OOM|maxmemory"):
                ann.admit(2)
            client.config_set("maxmemory", 0)
        assert ann.used() == used


def test_another_prefix_is_another_set_of_counters(clock):
    with redis_server() as server:
        for prefix in ("one", "two"):
            assert caller(on(server, clock, prefix=prefix), clock, "1;r:requests:9:1m:user").admit(1).left == (8,)
