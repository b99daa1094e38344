"""Who lags, over all replicas."""

from __future__ import annotations

from maas_keys.core.replica import Followers, Replica, lagging


def replica(name="keys-b", connected=None, missing=None, age_s=0.0):
    return Replica("id", name, Followers(connected or {}, missing or {}), age_s)


def test_watchers_lag_until_they_have_confirmed_wherever_they_are_connected():
    here = Followers({"authz-2": 4, "authz-1": 4, "authz-3": 5}, {})
    others = [replica("keys-b", {"authz-5": 4, "authz-4": 3, "authz-6": 7}), replica("keys-c")]
    assert lagging(5, here, others) == ("authz-1", "authz-2", "authz-4 at keys-b", "authz-5 at keys-b")
    assert lagging(4, here, others) == ("authz-4 at keys-b",)
    assert lagging(3, here, others) == ()


def test_a_watcher_that_is_missed_lags_unless_it_is_connected_somewhere():
    here = Followers({"a": 9}, {"b": 1.0, "c": 1.0, "d": 1.0})
    others = [replica("keys-b", {"c": 9}, {"a": 1.0, "b": 1.0}), replica("keys-c", {"d": 8})]
    assert lagging(9, here, others) == ("d at keys-c", "b (not connected)")


def test_a_lost_replica_leaves_its_watchers_for_as_long_as_they_may_go_on():
    assert replica(connected={"a": 1}, missing={"b": 2.0}, age_s=10).left_behind(300) == {"a": 290.0, "b": 2.0}
    assert replica(connected={"a": 1}, missing={"b": 2.0}, age_s=300).left_behind(300) == {"b": 2.0}
