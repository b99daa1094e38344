"""Changing what is said about a key."""

from __future__ import annotations

import pytest
from maas_common.errors import FailedPreconditionError
from maas_keys.core.approval import Approval
from maas_keys.core.budget import BudgetPatch
from maas_keys.core.details import Details
from maas_keys.core.update import updated


def test_an_owner_who_passes_a_line_waits_again_an_administrator_does_not(key, ground, terms):
    said = Details(budget=BudgetPatch(2_000_000))
    line = terms(approval=Approval(budget=1_000_000))
    assert updated(key(), said, ground(terms=line)).pending_reasons == ("its budget of $2.00 is over $1.00",)
    assert updated(key(), said, ground(terms=line, is_admin=True)).pending_reasons == ()


def test_an_expired_key_may_be_prolonged(key, ground):
    assert updated(key(expires_at=5), Details(expires_in="1d"), ground()).expires_at == 87_400


def test_a_revoked_key_stays_as_it_is(key, ground):
    with pytest.raises(FailedPreconditionError, match="is revoked, so it can't be changed"):
        updated(key(revoked_at=5), Details(name="x"), ground())
