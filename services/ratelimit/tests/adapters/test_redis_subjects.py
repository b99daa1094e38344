"""A tenant whose subjects are on several nodes: a request over several is admitted by all of them or by none."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from maas_common.testing import FakeClock
from maas_ratelimit.adapters.redis.admin import RedisAdmin
from maas_ratelimit.adapters.redis.options import RedisOptions
from maas_ratelimit.adapters.redis.outbox import RedisOutbox
from maas_ratelimit.adapters.redis.store import RedisStore
from maas_ratelimit.core.counting import CounterFilter, Settled
from maas_ratelimit.core.events import read_line

from services.ratelimit.tests.adapters.test_redis_store import caller
from services.ratelimit.tests.contract.callers import NOW, usage_record
from services.ratelimit.tests.redis_servers import redis_cluster, redis_store

SPANNING = "1;a:requests:9:1m:user;b:total_tokens:1000:1m:team;c:requests:2:1m:model;d:requests:9:1h:user"


@pytest.fixture
def clock():
    return FakeClock(NOW)


@pytest.fixture
def store(clock):
    return redis_store(clock.now, hash_tag="subject")


def test_limits_are_where_their_subjects_are(store, clock):
    ann = caller(store, clock, SPANNING)
    admission = ann.admit(1, tokens=100)
    assert (admission.left, admission.granted) == ((8, 900, 1, 8), (1, 100, 1, 1))
    assert len(store.nodes.of("").keys("{maas:default:*}:r")) == 3


def test_a_refusal_takes_nothing_anywhere(store, clock):
    ann = caller(store, clock, SPANNING)
    ann.admit(1)
    ann.admit(2)
    refused = ann.admit(3)
    assert (refused.refusing, refused.granted) == ((2,), ())
    assert refused.left == (7, 800, 0, 7)
    assert ann.used() == [(2, 0), (0, 200), (2, 0), (2, 0)]
    assert ann.settle(3, 10, may_charge=False) is Settled.UNKNOWN


def test_an_id_that_was_refused_may_come_again(store, clock):
    ann, bob = caller(store, clock, SPANNING), caller(store, clock, SPANNING, model="large")
    ann.admit(1)
    ann.admit(2)
    assert ann.admit(3).refusing
    assert not bob.admit(3).refusing


def test_a_request_ends_as_one_event(store, clock):
    ann = caller(store, clock, SPANNING)
    ann.admit(1, record=usage_record(100))
    ann.admit(2, record=usage_record(100))
    assert ann.settle(1, 70, record=usage_record(70)) is Settled.REPLACED
    assert ann.settle(1, 70, record=usage_record(70)) is Settled.REPEATED
    clock.advance(3600)
    store.sweep()
    events = [read_line(event.line) for event in RedisOutbox(store).take(99)]
    assert sorted(event.outcome for event in events) == ["expired", "measured"]


def test_an_admission_is_undone_by_its_id_alone(store, clock):
    ann = caller(store, clock, SPANNING)
    ann.admit(1)
    assert ann.undo(1) is Settled.REPLACED
    assert ann.used() == [(0, 0)] * 4


def test_administrators_see_counters_of_all_tags(store, clock):
    caller(store, clock, SPANNING).admit(1)
    admin = RedisAdmin(store, clock.now)
    found, token = admin.list_counters(CounterFilter(tenant="default"), page_size=100, page_token="", now=NOW)
    assert (sorted(each.counter[0] for each in found), token) == (["a", "b", "c", "d"], "")


def test_on_a_cluster_no_limit_is_overshot_by_requests_at_once(clock):
    with redis_cluster() as nodes:
        options = RedisOptions(url=nodes[0].url, cluster=True, hash_tag="subject", timeout_s=5.0)
        stores = [RedisStore(options, clock.now) for _ in range(2)]
        plan = "1;a:requests:40:1m:user;b:requests:60:1m:team"
        callers = [[caller(store, clock, plan, user=f"user-{number}", team="blue") for number in range(3)] for store in stores]
        with ThreadPoolExecutor(8) as pool:
            admitted = list(pool.map(lambda number: not callers[number % 2][number % 3].admit(number).refusing, range(240)))
        each = [sum(admitted[user::3]) for user in range(3)]
        assert max(each) <= 40
        assert sum(admitted) <= 60
        used = [callers[0][user].used() for user in range(3)]
        assert [user[0] for user in used] == [(count, 0) for count in each]
        assert used[0][1] == (sum(admitted), 0)
