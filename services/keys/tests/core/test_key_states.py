"""Turning keys off and on, and new secrets."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from maas_common.apikey import hash_key
from maas_common.errors import FailedPreconditionError
from maas_keys.core.api_key import KeyHash, Status
from maas_keys.core.key_states import disabled, enabled, revoked
from maas_keys.core.rotation import rotated

NOW = 2000.5
END = 1000 + 30 * 86_400
LATE = END + 86_400


def test_a_disabled_key_is_enabled_again(key):
    off = disabled(key())
    assert off.status(NOW) is Status.DISABLED
    assert enabled(off, NOW) == key()


def test_what_is_so_already_stays_as_it_is(key):
    off = disabled(key())
    assert disabled(off) is off
    assert enabled(key(), NOW) == key()
    ended = revoked(key(), NOW)
    assert revoked(ended, NOW + 1) is ended


def test_an_enabled_key_that_waited_waits_on(key):
    waiting = key(is_disabled=True, pending_reasons=("x",))
    assert enabled(waiting, NOW).status(NOW) is Status.PENDING


def test_revoking_is_for_ever_and_of_every_secret(key):
    ended = revoked(key(hashes=(KeyHash("p2", b"2" * 32), KeyHash("p1", b"1" * 32, until=9999))), NOW)
    assert (ended.revoked_at, ended.status(LATE)) == (2000, Status.REVOKED)
    assert [h.pepper_id for h in ended.hashes] == ["p2"]


@pytest.mark.parametrize(
    ("change", "state", "now", "status"),
    [
        (lambda key, _now: disabled(key), {"revoked_at": 1}, NOW, "revoked"),
        (enabled, {"revoked_at": 1}, NOW, "revoked"),
        (enabled, {"is_disabled": True}, LATE, "expired"),
        (enabled, {"pending_reasons": ("x",)}, NOW, "pending"),
    ],
)
def test_a_key_that_would_not_work_all_the_same_is_refused(key, change, state, now, status):
    with pytest.raises(FailedPreconditionError, match=f"is {status}") as caught:
        change(key(**state), now)
    assert caught.value.reason == f"KEY_{status.upper()}"


def test_old_and_new_secret_work_during_the_grace(key, terms, minted):
    new = rotated(key(), minted, 600, terms(), NOW)
    assert new.hashes == (KeyHash("p2", hash_key(minted.text, b"p" * 32)), KeyHash("p1", b"1" * 32, until=2600))
    assert new.id == key().id


def test_the_grace_never_outlives_the_key(key, terms, minted):
    assert rotated(key(expires_at=2100), minted, 600, terms(), NOW).hashes[1].until == 2100


def test_without_grace_only_the_new_secret_works(key, terms, minted):
    assert [h.pepper_id for h in rotated(key(), minted, 0, terms(), NOW).hashes] == ["p2"]


def test_secrets_before_the_last_work_no_longer(key, terms, minted):
    twice = rotated(rotated(key(), minted, 600, terms(), NOW), minted, 600, terms(), NOW + 1)
    assert [h.pepper_id for h in twice.hashes] == ["p2", "p2"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # the fixtures only make values
@given(st.lists(st.tuples(st.integers(0, 5 * 86_400), st.integers(0, 7 * 86_400)), max_size=6))
def test_however_often_it_is_rotated_two_secrets_work_at_most_and_none_past_its_end(key, terms, minted, rotations):
    now, rotating = 1000, key()
    for waited, grace in rotations:
        now += waited
        if now >= rotating.expires_at:
            break
        before = rotating.hashes[0]
        rotating = rotated(rotating, minted, grace, terms(), now)
        newest, *old = rotating.hashes
        assert newest.until is None
        assert [(each.digest, each.until) for each in old] == ([(before.digest, min(now + grace, END))] if grace else [])


def test_a_key_of_another_system_gets_a_secret_of_ours(key, terms, minted):
    foreign = key(prefix="abc-", hashes=(KeyHash("", b"1" * 32),))
    assert (foreign.shown, foreign.masked) == ("abc-", "abc-…")
    ours = rotated(foreign, minted, 600, terms(), NOW)
    assert (ours.shown, ours.hashes[1]) == ("sk-test-abcdefghijkl", KeyHash("", b"1" * 32, until=2600))


@pytest.mark.parametrize(("state", "now"), [({"revoked_at": 1}, NOW), ({}, LATE)])
def test_an_ended_key_gets_no_new_secret(key, terms, minted, state, now):
    with pytest.raises(FailedPreconditionError):
        rotated(key(**state), minted, 600, terms(), now)


@pytest.mark.parametrize("state", [{"is_disabled": True}, {"pending_reasons": ("x",)}])
def test_one_that_may_work_again_does(key, terms, minted, state):
    assert len(rotated(key(**state), minted, 600, terms(), NOW).hashes) == 2
