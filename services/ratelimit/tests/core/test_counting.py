"""Which counters administrators mean."""

from __future__ import annotations

import pytest
from maas_ratelimit.core.counting import CounterFilter, shown

COUNTER = ("acme", "tier/free/r:requests:1m:user+model", "ann\x1fsmall")


@pytest.mark.parametrize(
    ("which", "is_meant"),
    [
        (CounterFilter(), True),
        (CounterFilter("acme", "tier/free/r", "ann+small"), True),
        (CounterFilter("default"), False),
        (CounterFilter(limit_id="tier/free"), False),
        (CounterFilter(limit_id="tier/free/r"), True),
        (CounterFilter(subject="ann"), False),
        (CounterFilter(subject="ann\x1fsmall"), True),
    ],
)
def test_a_filter_means_what_has_all_that_it_names(which, is_meant):
    assert which.matches(*COUNTER) is is_meant


def test_a_subject_of_several_scopes_is_shown_joined():
    assert shown(COUNTER[2]) == "ann+small"
