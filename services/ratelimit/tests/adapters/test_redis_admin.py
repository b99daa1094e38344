"""Counters in Redis as administrators see them, beyond the contract."""

from __future__ import annotations

import pytest
from maas_common.errors import InvalidArgumentError, UnavailableError
from maas_common.testing import FakeClock
from maas_ratelimit.adapters.redis.admin import RedisAdmin
from maas_ratelimit.adapters.redis.options import RedisOptions
from maas_ratelimit.adapters.redis.store import RedisStore
from maas_ratelimit.core.counting import CounterFilter

from services.ratelimit.tests.adapters.test_redis_store import EVERY_KIND, caller
from services.ratelimit.tests.contract.callers import NOW
from services.ratelimit.tests.redis_servers import free_port, redis_store


@pytest.fixture
def clock():
    return FakeClock(NOW)


def test_pages_hold_every_counter_once_while_others_come(clock):
    store = redis_store(clock.now)
    admin = RedisAdmin(store, clock.now)
    for number in range(40):
        caller(store, clock, EVERY_KIND, user=f"user-{number}").admit(number)
    found, token, page = [], "", 40
    while page == 40 or token:
        infos, token = admin.list_counters(CounterFilter(), page_size=7, page_token=token, now=NOW)
        found += infos
        page += 1
        caller(store, clock, "1;late:requests:9:1h:user", user=f"user-{page}").admit(page)
    before = [(each.counter, each.subject) for each in found if not each.counter.startswith("late")]
    assert len(before) == len(set(before)) == 40 * 6


def test_patterns_in_names_are_only_names(clock):
    store = redis_store(clock.now)
    admin = RedisAdmin(store, clock.now)
    caller(store, clock, EVERY_KIND, user="[a-z]*").admit(1)
    caller(store, clock, EVERY_KIND, user="ann").admit(2)
    found, _ = admin.list_counters(CounterFilter(subject="[a-z]*"), page_size=100, page_token="", now=NOW)
    assert {each.subject for each in found} == {"[a-z]*"}
    assert admin.list_counters(CounterFilter(limit_id="*"), page_size=100, page_token="", now=NOW) == ([], "")


def test_a_token_of_somebody_else_is_refused(clock):
    admin = RedisAdmin(redis_store(clock.now), clock.now)
    with pytest.raises(InvalidArgumentError, match="page_token"):
        admin.list_counters(CounterFilter(), page_size=7, page_token="17", now=NOW)


def test_a_redis_that_is_away_is_unavailable(clock):
    admin = RedisAdmin(RedisStore(RedisOptions(url=f"redis://127.0.0.1:{free_port()}/0"), clock.now), clock.now)
    with pytest.raises(UnavailableError):
        admin.list_counters(CounterFilter(), page_size=7, page_token="", now=NOW)
    with pytest.raises(UnavailableError):
        admin.reset_counters(CounterFilter(), now=NOW)
