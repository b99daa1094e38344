"""Callers: everything that is the same for all requests of somebody for a model."""

from __future__ import annotations

import pytest
from maas_ratelimit.core.callers import Caller
from maas_ratelimit.core.counting import Account
from maas_ratelimit.core.events import SEPARATOR, Usage, read_line, usage_line
from maas_ratelimit.core.plans import Plans
from maas_ratelimit.core.pricing import FREE, Price

from services.ratelimit.tests.core.callers import ANN, RID, caller, entries

SCOPES = "1;a:requests:9:1m:user;b:requests:9:1m:key;c:requests:9:1m:team;d:requests:9:1m:tier;e:requests:9:1m:tenant;f:requests:9:1m:model"
USER = ANN["user"]


def test_a_caller_has_an_account_with_a_subject_for_each_limit():
    ann = caller(f"{SCOPES};g:requests:9:1m:policy;h:requests:9:1m:user+model")
    assert ann.account is not None
    assert ann.account[1:] == ("default", (USER, "k1", "blue", "free", "-", "small", "-", f"{USER}\x1fsmall"))
    assert (ann.refusal, ann.price) == (None, FREE)


@pytest.mark.parametrize("nothing", ["", "-", None])
def test_who_has_no_key_or_team_is_counted_as_if_they_had_one_alone(nothing):
    account = caller("1;b:requests:9:1m:key;c:requests:9:1m:team", key=nothing, team=nothing).account
    assert account is not None
    assert account.subjects == (USER, USER)


def test_plans_are_shared():
    plans = Plans()
    first, second = (Caller(entries(ANN, {"user": user}), plans) for user in ("ann", "ben"))
    assert isinstance(first.account, Account)
    assert isinstance(second.account, Account)
    assert first.account.plan is second.account.plan


@pytest.mark.parametrize(
    ("who", "said", "has_account"),
    [
        ({"user": ""}, 'entry "user" is missing', False),
        ({"user": "-"}, 'entry "user" is missing', True),
        ({"tenant": ""}, 'entry "tenant" is missing', False),
        ({"model": "-"}, 'entry "model" is missing', True),
        ({"price": "free"}, 'entry "price" is "free"', True),
        ({"plan": "7"}, 'entry "plan": plan version "7" is not known', False),
        ({"plan": "7", "user": ""}, 'entry "user" is missing', False),
        ({"plan": ""}, 'entry "plan" is missing', False),
    ],
)
def test_who_can_not_be_counted_is_refused_and_told_why(who, said, has_account):
    somebody = Caller(entries(ANN, who), Plans())
    assert somebody.refusal is not None
    assert said in somebody.refusal.message
    assert (somebody.account is not None) is has_account


def test_a_price_is_read():
    assert caller(price="1/2/3").price == Price(1, 2, 3)


def test_a_reservation_that_expires_tells_who_and_no_counts():
    event = read_line(usage_line(RID, "expired", 1, 2, caller(price="1/2/3").expired_record))
    assert event == Usage(RID, "expired", 1, 2, "default", "k1", USER, "blue", "free", "everybody", "small", "1/2/3", 0, 0, 0, 0, 0, 0)


def test_what_is_absent_is_told_as_none_and_a_separator_stays_inside_its_field():
    somebody = caller(key=None, team="", group=f"a{SEPARATOR}b")
    event = read_line(usage_line(RID, "expired", 1, 2, somebody.expired_record))
    assert isinstance(event, Usage)
    assert (event.key, event.team, event.group) == ("-", "-", "a\ufffdb")
