"""Which keys wait for an approver."""

from __future__ import annotations

from dataclasses import replace

import pytest
from maas_common.errors import FailedPreconditionError, PermissionDeniedError
from maas_common.windows import Window
from maas_keys.core.api_key import KeyKind, Status
from maas_keys.core.approval import Approval, approved, rejected
from maas_keys.core.budget import Budget
from maas_keys.core.lifetime import Lifetime

DAY_S = 86_400
NOW = 2000.0
LINE = Approval(100_000_000, Lifetime.parse("30d"))


def budget(amount):
    return Budget(amount, Window.parse("month"))


@pytest.mark.parametrize(
    ("fields", "reasons"),
    [
        ({}, ("it has no budget, and may spend more than $100.00",)),
        ({"kind": KeyKind.PLAYGROUND, "expires_at": 10**10}, ()),
        ({"budget": budget(100_000_000)}, ()),
        ({"budget": budget(100_000_010)}, ("its budget of $100.00001 is over $100.00",)),
        ({"budget": budget(250_500_000)}, ("its budget of $250.50 is over $100.00",)),
        ({"expires_at": 1000 + 30 * DAY_S + 1, "budget": budget(5)}, ("it lives longer than 30d",)),
        (
            {"expires_at": 1000 + 31 * DAY_S, "budget": budget(10**12)},
            ("its budget of $1,000,000.00 is over $100.00", "it lives longer than 30d"),
        ),
    ],
)
def test_a_new_key_past_a_line_waits(key, fields, reasons):
    assert LINE.of_new(key(**fields)).pending_reasons == reasons


def test_a_key_that_loses_its_budget_waits(key):
    before = key(budget=budget(5))
    assert LINE.of_changed(before, replace(before, budget=None), NOW).status(NOW) is Status.PENDING


def test_without_lines_none_waits(key):
    assert Approval().of_new(key(budget=budget(10**15), expires_at=10**10)).pending_reasons == ()


def test_an_approved_key_that_is_changed_past_a_line_waits_again(key):
    before = key(budget=budget(200_000_000), approved_by="https://idp|root")
    more = LINE.of_changed(before, replace(before, budget=budget(300_000_000)), NOW)
    assert (more.status(NOW), more.approved_by) == (Status.PENDING, "")
    longer = LINE.of_changed(before, replace(before, expires_at=2000 + 30 * DAY_S + 1), NOW)
    assert longer.pending_reasons == ("it lives longer than 30d",)


def test_one_that_is_changed_elsewhere_or_to_less_does_not(key):
    before = key(budget=budget(200_000_000), approved_by="https://idp|root")
    for after in (replace(before, name="other"), replace(before, budget=budget(5)), replace(before, expires_at=2000 + 30 * DAY_S)):
        assert LINE.of_changed(before, after, NOW) == after


def test_a_waiting_key_that_is_changed_within_the_lines_waits_no_longer(key):
    before = LINE.of_new(key(budget=budget(200_000_000)))
    assert LINE.of_changed(before, replace(before, budget=budget(5)), NOW).pending_reasons == ()
    assert LINE.of_changed(before, replace(before, name="other"), NOW).pending_reasons == before.pending_reasons


def test_a_waiting_key_waits_on_for_what_stays_past_its_line(key):
    before = LINE.of_new(key(budget=budget(200_000_000), expires_at=1000 + 31 * DAY_S))
    shorter = LINE.of_changed(before, replace(before, expires_at=2000 + DAY_S), NOW)
    assert shorter.pending_reasons == ("its budget of $200.00 is over $100.00",)
    cheaper = LINE.of_changed(before, replace(before, budget=budget(5)), NOW)
    assert cheaper.pending_reasons == ("it lives longer than 30d",)


def test_who_did_not_make_it_approves_it(key):
    works = approved(key(pending_reasons=("x",)), "https://idp|root")
    assert (works.status(NOW), works.approved_by) == (Status.ACTIVE, "https://idp|root")


def test_nobody_approves_what_they_made(key):
    with pytest.raises(PermissionDeniedError, match="another administrator"):
        approved(key(pending_reasons=("x",)), key().created_by)


def test_a_rejected_key_is_revoked(key):
    assert rejected(key(pending_reasons=("x",)), NOW).status(NOW) is Status.REVOKED


@pytest.mark.parametrize("fields", [{}, {"pending_reasons": ("x",), "revoked_at": 5}])
def test_only_what_waits_is_approved_or_rejected(key, fields):
    for decide in (lambda k: approved(k, "https://idp|root"), lambda k: rejected(k, NOW)):
        with pytest.raises(FailedPreconditionError, match="waits for no approver"):
            decide(key(**fields))
