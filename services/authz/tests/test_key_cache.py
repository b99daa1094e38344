"""What the cache remembers and forgets, by itself."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from maas_authz.adapters.key_cache import Changed, KeyCache
from maas_authz.core.keys import Caller, KeyRecord
from maas_common.testing import FakeClock

IDS = ["a", "b", "c", "d"]
USERS = ["i|alice", "i|bob"]
TEAMS = [("t", "physics"), ("t", "-"), ("u", "physics")]


def cache_of(size: int = 10) -> KeyCache:
    return KeyCache(size=size, unknown_size=10, unknown_ttl_s=30, clock=FakeClock())


def record_of(key_id: str, user: str = USERS[0], team: tuple[str, str] = TEAMS[0]) -> KeyRecord:
    return KeyRecord(Caller(team[0], user, (), key_id, team=team[1]), "s", "n", "active", expires_at=2**40, hashes=())


@pytest.mark.parametrize("changed", [Changed(users=("i|alice",)), Changed(teams=(("t", "physics"),)), Changed(tenants=("t",))])
def test_what_was_read_at_the_change_or_after_it_is_kept(changed):
    cache = cache_of()
    for revision in (5, 7, 8):
        cache.remember(str(revision), record_of(str(revision)), revision)
    cache.forget(changed, 7)
    assert [cache.get(key_id, 0) is not None for key_id in ("5", "7", "8")] == [False, True, True]


def test_an_older_change_that_comes_late_forgets_nothing_that_a_newer_one_did_not():
    cache = cache_of()
    cache.remember("a", record_of("a"), 5)
    cache.forget(Changed(tenants=("t",)), 9)
    cache.forget(Changed(tenants=("t",)), 3)
    assert cache.get("a", 0) is None
    cache.remember("a", record_of("a"), 9)
    assert cache.get("a", 0) is not None


def test_nothing_is_kept_of_whom_no_record_is_left():
    cache = cache_of(size=2)
    for number in range(100):
        cache.remember(str(number), record_of(str(number), f"i|{number}", ("t", f"team-{number}")), 1)
    gc.collect()
    assert set(cache._marks) == {"i|98", "i|99", ("t", "team-98"), ("t", "team-99"), ("t",)}
    cache.forget_all()
    gc.collect()
    assert not cache._marks


steps = st.lists(
    st.one_of(
        st.tuples(st.just("remember"), st.sampled_from(IDS), st.sampled_from(USERS), st.sampled_from(TEAMS), st.integers(0, 3)),
        st.tuples(st.just("forget"), st.sampled_from(IDS)),
        st.tuples(st.just("forget user"), st.sampled_from(USERS)),
        st.tuples(st.just("forget team"), st.sampled_from(TEAMS)),
        st.tuples(st.just("forget tenant"), st.sampled_from(["t", "u"])),
        st.tuples(st.just("forget all")),
    ),
    max_size=60,
)


@given(steps)
def test_it_has_what_was_read_since_the_last_change_that_concerns_it(given_steps):
    """Against a cache that looks at every record it has."""
    cache, kept = cache_of(), {}
    for revision, (kind, *about) in enumerate(given_steps, 1):
        if kind == "remember":
            key_id, user, team, late = about
            record = record_of(key_id, user, team)
            cache.remember(key_id, record, revision + late)
            kept[key_id] = (record, revision + late)
        elif kind == "forget all":
            cache.forget_all()
            kept.clear()
        else:
            changed = {
                "forget": Changed(key_ids=tuple(about)),
                "forget user": Changed(users=tuple(about)),
                "forget team": Changed(teams=tuple(about)),
                "forget tenant": Changed(tenants=tuple(about)),
            }[kind]
            cache.forget(changed, revision)
            kept = {key_id: each for key_id, each in kept.items() if each[1] >= revision or not set(names_of(each[0])) & set(about)}
        assert {key_id: cache.get(key_id, 0) for key_id in IDS} == {key_id: kept.get(key_id, (None,))[0] for key_id in IDS}


def names_of(record: KeyRecord) -> Iterator[object]:
    caller = record.caller
    yield from (caller.key_id, caller.user, (caller.tenant, caller.team), caller.tenant)
