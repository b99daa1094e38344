"""What a key is good for, and who sees it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from maas_common.errors import InvalidArgumentError, NotFoundError, PermissionDeniedError
from maas_keys.core.api_key import ApiKey, KeyHash, Owner, is_key_id
from maas_keys.core.caller import Caller, KeyFilter, listed, visible

OWNER = Owner("https://idp", "sub-1", "alice")
KEY = ApiKey(
    id="abcdefghijkl",
    prefix="sk-",
    tenant="default",
    name="laptop",
    description="",
    owner=OWNER,
    created_by=OWNER.user,
    request_id="",
    hash=KeyHash("p1", b"h" * 32),
    created_at=100,
    expires_at=200,
)
ALICE = Caller(OWNER)
ADMIN = Caller(Owner("https://idp", "sub-0", "root"), is_admin=True)


@pytest.mark.parametrize(
    ("revoked_at", "now", "status"),
    [
        (None, 100, "active"),
        (None, 199.999, "active"),
        (None, 200, "expired"),
        (None, 1e9, "expired"),
        (150, 150, "revoked"),
        (150, 1e9, "revoked"),
    ],
)
def test_status_by_time_and_revocation(revoked_at, now, status):
    assert replace(KEY, revoked_at=revoked_at).status(now) == status


@pytest.mark.parametrize(
    ("caller", "sees"),
    [
        (ALICE, True),
        (Caller(replace(OWNER, username="renamed", groups=("other",))), True),
        (ADMIN, True),
        (Caller(Owner("https://idp", "sub-2", "alice")), False),
        (Caller(Owner("https://other-idp", "sub-1", "alice")), False),
    ],
)
def test_a_key_is_seen_by_its_identity_and_administrators_whatever_their_names(caller, sees):
    assert caller.may_see(KEY) is sees
    if sees:
        assert visible(KEY, KEY.id, caller) is KEY
        return
    with pytest.raises(NotFoundError) as anothers:
        visible(KEY, KEY.id, caller)
    with pytest.raises(NotFoundError) as unknown:
        visible(None, KEY.id, caller)
    assert str(anothers.value) == str(unknown.value) == 'API key "abcdefghijkl" does not exist'


@pytest.mark.parametrize(
    "given", ["sk-maas-abcdefghijkl_thewholesecret", "short", "abcdefghijk_", "abcdefghijkl\n", "äbcdefghijkl", "\x00" * 12]
)
def test_what_could_not_be_an_id_is_not_shown_back(given):
    assert not is_key_id(given)
    with pytest.raises(NotFoundError) as caught:
        visible(None, given, ALICE)
    assert given not in str(caught.value)
    assert caught.value.metadata == {}


def test_lists_hold_ones_own_or_for_administrators_what_they_ask():
    assert listed(ALICE, "") == KeyFilter(owner=OWNER)
    assert listed(ADMIN, "") == KeyFilter()
    assert listed(ADMIN, "bob") == KeyFilter(username="bob")
    with pytest.raises(PermissionDeniedError, match="only administrators"):
        listed(ALICE, "alice")
    with pytest.raises(InvalidArgumentError, match="username"):
        listed(ADMIN, "b\x00b")
